import BatonProtocol
import BatonTLS
import SystemPackage

/// What a whole tree adds up to, found in one walk: only the names of the directories on the way, and the identities of
/// files with several names, are held.
struct TreeMeasure {
    /// Apparent bytes of the regular files, hard links once.
    private(set) var size: UInt64 = 0
    /// Regular files, hard links once.
    private(set) var files: UInt64 = 0
    /// As chapter 11 defines it; empty if it was not asked for.
    private(set) var digest: [UInt8] = []

    private var counted: Set<FileIdentity> = []

    private struct Open {
        let name: [UInt8]
        let mode: UInt16
        let digest = DirectoryDigest()
    }

    init(
        of place: Place, digests: Bool, hidden: Hidden, checkpoint: () throws(BatonError) -> Void
    ) throws(BatonError) {
        var walk: TreeWalk?
        do throws(FileFault) {
            let top = try faulting { () throws(Errno) in try place.descriptor.directory(.current) }
            walk = TreeWalk(hidden: hidden)
            try walk?.enter(top, faulting { () throws(Errno) in try DirectoryNames(of: top) })
            var open = [Open(name: [], mode: 0)]
            while let step = try walk?.next(), let name = walk?.name {
                try TreeMeasure.pass(checkpoint)
                switch step {
                case .directory(let status):
                    guard let directory = try walk?.openDirectory() else { throw .changed }
                    try walk?.enter(directory, faulting { () throws(Errno) in try DirectoryNames(of: directory) })
                    open.append(Open(name: name.bytes, mode: status.mode))
                case .left:
                    guard let closed = open.popLast() else { continue }
                    let digest = closed.digest.finish()
                    open.last?.digest.add("d", closed.mode, digest, closed.name)
                    if open.isEmpty, digests { self.digest = digest }
                case .file(let status):
                    count(status)
                    guard digests else { continue }
                    guard let file = try walk?.openFile() else { throw .changed }
                    let digest = try TreeMeasure.digest(of: file, status, checkpoint: checkpoint)
                    open.last?.digest.add("f", status.mode, digest, name.bytes)
                case .link:
                    guard let target = try walk?.linkTarget() else { throw .changed }
                    var digest = SHA256()
                    digest.update(target)
                    open.last?.digest.add("l", 0o777, digest.finalize(), name.bytes)
                case .skipped: break
                case .vanished, .listedFile: throw .changed
                }
            }
        } catch {
            throw .reading(place.path(of: walk?.path ?? []), error)
        }
    }

    private static func pass(_ checkpoint: () throws(BatonError) -> Void) throws(FileFault) {
        do { try checkpoint() } catch { throw .stopped(error) }
    }

    private mutating func count(_ status: FileStatus) {
        if status.links > 1, !counted.insert(status.identity).inserted { return }
        size = size.addingReportingOverflow(status.size).partialValue
        files += 1
    }

    /// SHA-256 of a file's content.
    static func digest(ofFile place: Place, checkpoint: () throws(BatonError) -> Void) throws(BatonError) -> [UInt8] {
        do throws(FileFault) {
            let file = try faulting { () throws(Errno) in try place.descriptor.reopenedFile() }
            let status = try faulting { () throws(Errno) in try file.status() }
            return try digest(of: file, status, checkpoint: checkpoint)
        } catch {
            throw .reading(place.path, error)
        }
    }

    private static func digest(
        of file: Descriptor, _ status: FileStatus, checkpoint: () throws(BatonError) -> Void
    ) throws(FileFault) -> [UInt8] {
        var digest = SHA256()
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Int(clamping: min(max(status.size, 1), 262_144)), alignment: 16)
        defer { buffer.deallocate() }
        var offset: UInt64 = 0
        while offset < status.size {
            try pass(checkpoint)
            let count = try faulting { () throws(Errno) in try file.read(into: buffer, at: offset) }
            guard count > 0 else { throw .changed }
            digest.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            offset += UInt64(count)
        }
        let now = try faulting { () throws(Errno) in try file.status() }
        guard now.isSameVersion(as: status) else { throw .changed }
        return digest.finalize()
    }
}

/// The digest of a directory (chapter 11) whose children are still being added, in the order of their names.
final class DirectoryDigest {
    private var text: [UInt8] = []
    private var digest: SHA256? = SHA256()

    /// Adds `<kind> <mode> <digest> <name>NUL`.
    func add(_ kind: String, _ mode: UInt16, _ child: [UInt8], _ name: [UInt8]) {
        let octal = String(mode, radix: 8)
        text.removeAll(keepingCapacity: true)
        text += "\(kind) \(String(repeating: "0", count: 4 - min(4, octal.utf8.count)))\(octal) ".utf8
        for byte in child {
            text.append(DirectoryDigest.digits[Int(byte >> 4)])
            text.append(DirectoryDigest.digits[Int(byte & 15)])
        }
        text.append(UInt8(ascii: " "))
        text += name
        text.append(0)
        digest?.update(text)
    }

    func finish() -> [UInt8] {
        guard let whole = digest.take() else { return [] }
        return whole.finalize()
    }

    private static let digits = Array("0123456789abcdef".utf8)
}
