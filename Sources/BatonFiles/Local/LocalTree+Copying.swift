import BatonProtocol
import Glibc
package import SystemPackage

extension LocalTree {
    /// Copies a file, a link or a whole tree to a place where nothing is: contents with their holes, permission bits, modification times,
    /// links verbatim, hard links within the tree. After a failure what was made is the caller's to remove.
    ///
    /// - Throws: `EINVAL` if the target lies in the tree itself, `ENOTSUP` for a socket, FIFO or device.
    package func copy(to target: FilePath) throws(FileFault) {
        let (directory, name) = try parent()
        let (targetDirectory, targetName) = try LocalTree(target, in: WorkLayout(root: target)).parent()
        let tree = try faulting { () throws(Errno) -> Descriptor? in
            let status = try directory.status(of: name)
            switch status.kind {
            case .file: try directory.file(name).copy(to: targetName, in: targetDirectory)
            case .symbolicLink: try targetDirectory.copyLink(try directory.target(ofLink: name), targetName, status)
            case .directory:
                if try targetDirectory.isOrIsBelow({ $0 == status.identity }) { throw .invalidArgument }
                return try directory.directory(name)
            default: throw .notSupported
            }
            return nil
        }
        guard let tree else { return }
        var copying = try TreeCopying(tree, hidden: hidden, to: targetName, in: targetDirectory)
        try copying.run()
    }
}

/// A walk through a tree that makes another one like it.
private struct TreeCopying {
    private var walk: TreeWalk
    private let top: Descriptor
    /// Where the walk stands in the copy, and what the directory there is to look like once it is full.
    private var targets = DirectoryStack<FileStatus>()
    private var hardLinks = HardLinks()

    init(_ source: Descriptor, hidden: Hidden, to name: FileName, in directory: Descriptor) throws(FileFault) {
        walk = TreeWalk(hidden: hidden)
        top = try faulting { () throws(Errno) in try directory.createDirectory(name) }
        try enter(source, top)
    }

    private mutating func enter(_ source: Descriptor, _ target: Descriptor) throws(FileFault) {
        let names = try faulting { () throws(Errno) in try DirectoryNames(of: source) }
        let status = try faulting { () throws(Errno) in try source.status() }
        let identity = try faulting { () throws(Errno) in try target.status().identity }
        try walk.enter(source, names)
        targets.push(target, identity: identity, status)
    }

    mutating func run() throws(FileFault) {
        while let step = try walk.next() {
            if case .left = step {
                guard let (directory, status) = try targets.pop() else { return }
                try faulting { () throws(Errno) in
                    try directory.setMode(status.mode)
                    try directory.setModified(status.modified)
                }
                continue
            }
            guard let target = targets.current else { return }
            switch step {
            case .left, .listedFile, .vanished: break
            case .skipped: throw .system(.notSupported)
            case .directory:
                guard let source = try walk.openDirectory() else { throw .changed }
                let name = walk.name
                try enter(source, try faulting { () throws(Errno) in try target.createDirectory(name) })
            case .file(let status): try copyFile(status, into: target)
            case .link(let status):
                guard let destination = try walk.linkTarget() else { throw .changed }
                let name = walk.name
                try faulting { () throws(Errno) in try target.copyLink(destination, name, status) }
            }
        }
    }

    private mutating func copyFile(_ status: FileStatus, into target: Descriptor) throws(FileFault) {
        let name = walk.name
        if let first = hardLinks.first(of: status) {
            return try faulting { () throws(Errno) in try top.link(FileName(first.path), as: name, in: target) }
        }
        guard let file = try walk.openFile() else { throw .changed }
        try faulting { () throws(Errno) in try file.copy(to: name, in: target) }
        hardLinks.remember(status, version: 0, path: walk.path)
    }
}

extension Descriptor {
    fileprivate func copy(to name: FileName, in directory: Descriptor) throws(Errno) {
        let status = try status()
        guard status.kind == .file else { throw .notSupported }
        let target = try directory.createFile(name)
        try copyContent(size: status.size, to: target)
        try target.setSize(status.size)
        try target.setMode(status.mode)
        try target.setModified(status.modified)
        try target.close()
    }

    private func copyContent(size: UInt64, to target: Descriptor) throws(Errno) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        var offset: UInt64 = 0
        while let data = try nextData(from: offset, size: size) {
            offset = data.lowerBound
            while offset < data.upperBound {
                let part = UnsafeMutableRawBufferPointer(
                    rebasing: buffer[..<Int(min(UInt64(buffer.count), data.upperBound - offset))])
                let count = try read(into: part, at: offset)
                // It has become shorter meanwhile.
                guard count > 0 else { return }
                try target.write(UnsafeRawBufferPointer(rebasing: part[..<count]), at: offset)
                offset += UInt64(count)
            }
        }
    }

    fileprivate func copyLink(_ destination: [UInt8], _ name: FileName, _ status: FileStatus) throws(Errno) {
        try createLink(name, to: FileName(destination))
        try setModified(status.modified, ofLink: name)
    }
}
