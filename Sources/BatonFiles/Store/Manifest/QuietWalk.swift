import BatonProtocol
import BatonTLS
import SystemPackage

/// Walks a tree that nobody changes, in tree order, its top first.
struct QuietWalk {
    struct Found {
        let path: PathName
        let status: FileStatus
        /// Open, for a directory.
        let directory: Descriptor?
        /// Of a link.
        var target: [UInt8] = []
    }

    private let parent: Descriptor
    private let name: FileName
    private let hidden: Hidden
    private var hasBegun = false
    private var walk: TreeWalk?

    /// - Parameter name: of the top, in `parent`.
    init(of name: FileName, in parent: Descriptor, hidden: Hidden) {
        self.parent = parent
        self.name = name
        self.hidden = hidden
    }

    /// What was found last, or failed to be looked at.
    var path: [UInt8] { walk?.path ?? [] }

    mutating func next() throws(FileFault) -> Found? {
        guard hasBegun else {
            hasBegun = true
            return try begin()
        }
        while let step = try walk?.next() {
            switch step {
            case .directory(let status):
                guard let directory = try walk?.openDirectory() else { throw .changed }
                return try enter(directory, status)
            case .left: continue
            case .file(let status): return Found(path: try walkedPath, status: status, directory: nil)
            case .link(let status):
                guard let target = try walk?.linkTarget() else { throw .changed }
                return Found(path: try walkedPath, status: status, directory: nil, target: target)
            case .skipped, .vanished, .listedFile: throw .changed
            }
        }
        return nil
    }

    /// Opens the file that was found last.
    func openFile() throws(FileFault) -> Descriptor {
        guard walk != nil else { return try faulting { () throws(Errno) in try parent.file(name) } }
        guard let file = try walk?.openFile() else { throw .changed }
        return file
    }

    private mutating func begin() throws(FileFault) -> Found? {
        let status = try faulting { () throws(Errno) in try parent.status(of: name) }
        switch status.kind {
        case .file: return Found(path: .root, status: status, directory: nil)
        case .directory:
            walk = TreeWalk(hidden: hidden)
            return try enter(faulting { () throws(Errno) in try parent.directory(name) }, status)
        default: throw .system(.notDirectory)
        }
    }

    private mutating func enter(_ directory: Descriptor, _ status: FileStatus) throws(FileFault) -> Found {
        let found = Found(path: try walkedPath, status: status, directory: directory)
        try walk?.enter(directory, faulting { () throws(Errno) in try DirectoryNames(of: directory) })
        return found
    }

    private var walkedPath: PathName {
        get throws(FileFault) {
            do { return try PathName(path) } catch { throw .tooLong }
        }
    }
}

extension Descriptor {
    /// SHA-256 of the first `size` bytes, which is all of an open file that nobody changes.
    func contentDigest(
        size: UInt64, checkpoint: () throws(BatonError) -> Void
    ) throws(FileFault) -> [UInt8] {
        var digest = SHA256()
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Int(clamping: min(max(size, 1), 262_144)), alignment: 16)
        defer { buffer.deallocate() }
        var offset: UInt64 = 0
        while offset < size {
            do { try checkpoint() } catch { throw .stopped(error) }
            let count = try faulting { () throws(Errno) in try read(into: buffer, at: offset) }
            guard count > 0 else { throw .changed }
            digest.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            offset += UInt64(count)
        }
        return digest.finalize()
    }
}

extension EntryAttributes {
    /// SHA-256 of all names and values, each value after its length; empty if there are none.
    var digest: [UInt8] {
        guard !attributes.isEmpty else { return [] }
        var digest = SHA256()
        for attribute in attributes {
            digest.update(attribute.name + [0] + UInt64(attribute.value.count).bigEndianBytes + attribute.value)
        }
        return digest.finalize()
    }
}
