import SystemPackage

/// The calls of a receiver that a file system may refuse. A value, so that a test can stand in for a full disk, or for a
/// file system that cannot exchange two names.
struct FileSystemCalls: Sendable {
    typealias Write = @Sendable (Descriptor, UnsafeRawBufferPointer, _ offset: UInt64) throws(Errno) -> Void
    typealias Rename = @Sendable (Descriptor, FileName, _ newName: FileName, Descriptor.RenameWay) throws(Errno) -> Void

    typealias Synchronize = @Sendable (Descriptor) throws(Errno) -> Void

    var write: Write = { file, memory, offset throws(Errno) in try file.write(memory, at: offset) }
    var rename: Rename = { directory, name, newName, way throws(Errno) in
        try directory.rename(name, to: newName, way)
    }
    var synchronize: Synchronize = { descriptor throws(Errno) in try descriptor.synchronize() }
    var synchronizeFileSystem: Synchronize = { descriptor throws(Errno) in try descriptor.synchronizeFileSystem() }
}
