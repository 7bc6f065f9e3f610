import BatonProtocol
import CLinux
import Glibc
import Synchronization
import SystemPackage

/// An open file or directory; closes itself. Everything is done relative to one, by single names that are never followed
/// if they are links, so that a path whose parents change meanwhile leads nowhere else.
final class Descriptor: Sendable {
    private let storage: Atomic<CInt>

    init(owning number: CInt) { storage = Atomic(number) }

    deinit { try? close() }

    var number: CInt { storage.load(ordering: .relaxed) }

    /// Closes now, and hears what the file system only says then (a quota over the network).
    func close() throws(Errno) {
        let number = release()
        guard number >= 0, Glibc.close(number) != 0 else { return }
        let reason = Errno(rawValue: errno)
        if reason != .interrupted { throw reason }
    }

    /// Gives the number away: it is not closed here any more.
    func release() -> CInt { storage.exchange(-1, ordering: .relaxed) }
}

// MARK: Opening

extension Descriptor {
    /// What `path` leads to, links followed: a place holder that reads nothing and never blocks.
    static func place(of path: FileName) throws(Errno) -> Descriptor {
        try AT_FDCWD.open(path, BATON_O_PATH)
    }

    /// What `name` is, or leads to with `following`: a place holder that reads nothing and never blocks.
    func place(of name: FileName, following: Bool = false) throws(Errno) -> Descriptor {
        try number.open(name, BATON_O_PATH | (following ? 0 : O_NOFOLLOW))
    }

    func directory(_ name: FileName) throws(Errno) -> Descriptor {
        try number.open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    }

    /// `O_NONBLOCK`: should a FIFO have taken the file's name, opening it must not wait for a writer.
    func file(_ name: FileName) throws(Errno) -> Descriptor {
        try number.open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
    }

    /// The same file, opened for reading where this is only a place holder.
    func reopenedFile() throws(Errno) -> Descriptor {
        try AT_FDCWD.open(procName, O_RDONLY | O_NONBLOCK | O_NOCTTY)
    }

    /// The same file, opened for writing where this is only a place holder.
    func reopenedForWriting() throws(Errno) -> Descriptor {
        try AT_FDCWD.open(procName, O_WRONLY | O_NOCTTY)
    }

    /// An existing file, for reading and writing.
    func fileForWriting(_ name: FileName) throws(Errno) -> Descriptor {
        try number.open(name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
    }

    func createFile(_ name: FileName) throws(Errno) -> Descriptor {
        try number.open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
    }

    /// Creates a directory and opens it.
    func createDirectory(_ name: FileName, mode: mode_t = 0o700) throws(Errno) -> Descriptor {
        try makeDirectory(name, mode: mode)
        return try directory(name)
    }

    func makeDirectory(_ name: FileName, mode: mode_t) throws(Errno) {
        _ = try systemCall { mkdirat(number, name.cString, mode) }
    }

    /// A name by which the kernel finds exactly this file.
    var procName: FileName { FileName("/proc/self/fd/\(number)".utf8) }

    /// The absolute path of what this stands for, as the kernel knows it now.
    func realPath() throws(Errno) -> [UInt8] {
        try AT_FDCWD.readLink(procName)
    }

    /// Changes the mode of a place holder, which `fchmod` refuses.
    func setModeOfPlace(_ mode: mode_t) throws(Errno) {
        _ = try systemCall { chmod(procName.cString, mode) }
    }
}

extension CInt {
    fileprivate func open(_ name: FileName, _ flags: CInt, mode: mode_t = 0) throws(Errno) -> Descriptor {
        Descriptor(owning: try systemCall { openat(self, name.cString, flags | O_CLOEXEC, mode) })
    }

    fileprivate func readLink(_ name: FileName) throws(Errno) -> [UInt8] {
        let capacity = 4096
        let target = try withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) {
            memory throws(Errno) -> [UInt8] in
            guard let start = memory.baseAddress else { throw .noMemory }
            let count = try systemCall { readlinkat(self, name.cString, start, capacity) }
            return Array(UnsafeRawBufferPointer(start: start, count: count))
        }
        guard target.count < capacity else { throw .fileNameTooLong }
        return target
    }
}

// MARK: Looking

extension Descriptor {
    func status() throws(Errno) -> FileStatus {
        var status = stat()
        _ = try systemCall { fstat(number, &status) }
        return FileStatus(status)
    }

    func status(of name: FileName) throws(Errno) -> FileStatus {
        var status = stat()
        _ = try systemCall { fstatat(number, name.cString, &status, AT_SYMLINK_NOFOLLOW) }
        return FileStatus(status)
    }

    func target(ofLink name: FileName) throws(Errno) -> [UInt8] { try number.readLink(name) }

    /// The target of the link that this place holder stands for.
    func targetOfLink() throws(Errno) -> [UInt8] { try number.readLink("") }

    /// Fills the start of `memory` from `offset`; fewer bytes than asked for only at the end of the file.
    func read(into memory: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(Errno) -> Int {
        var count = 0
        while count < memory.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: memory[count...])
            let position = off_t(clamping: offset + UInt64(count))
            let step = try systemCall { pread(number, rest.baseAddress, rest.count, position) }
            if step == 0 { break }
            count += step
        }
        return count
    }
}

// MARK: Changing

extension Descriptor {
    func setSize(_ size: UInt64) throws(Errno) {
        guard let size = off_t(exactly: size) else { throw .fileTooLarge }
        _ = try systemCall { ftruncate(number, size) }
    }

    func setMode(_ mode: UInt16) throws(Errno) {
        _ = try systemCall { fchmod(number, mode_t(mode & 0o777)) }
    }

    func setModified(_ time: Timestamp) throws(Errno) {
        let times = time.asTimes
        _ = try systemCall { futimens(number, times) }
    }

    func setModified(_ time: Timestamp, ofLink name: FileName) throws(Errno) {
        let times = time.asTimes
        _ = try systemCall { utimensat(number, name.cString, times, AT_SYMLINK_NOFOLLOW) }
    }

    func createLink(_ name: FileName, to target: FileName) throws(Errno) {
        _ = try systemCall { symlinkat(target.cString, number, name.cString) }
    }

    /// Gives the file `name` another name in `directory`; a link is itself.
    func link(_ name: FileName, as newName: FileName, in directory: Descriptor) throws(Errno) {
        _ = try systemCall { linkat(number, name.cString, directory.number, newName.cString, 0) }
    }

    func removeFile(_ name: FileName) throws(Errno) {
        _ = try systemCall { unlinkat(number, name.cString, 0) }
    }

    func removeDirectory(_ name: FileName) throws(Errno) {
        _ = try systemCall { unlinkat(number, name.cString, AT_REMOVEDIR) }
    }

    func rename(_ name: FileName, to newName: FileName) throws(Errno) {
        _ = try systemCall { renameat(number, name.cString, number, newName.cString) }
    }

    func synchronize() throws(Errno) {
        _ = try systemCall { fsync(number) }
    }

    func write(_ memory: UnsafeRawBufferPointer, at offset: UInt64) throws(Errno) {
        var rest = memory
        var offset = offset
        while !rest.isEmpty {
            guard let position = off_t(exactly: offset) else { throw .fileTooLarge }
            let step = try systemCall { pwrite(number, rest.baseAddress, rest.count, position) }
            rest = UnsafeRawBufferPointer(rebasing: rest[step...])
            offset += UInt64(step)
        }
    }
}
