import CLinux
import Glibc
import SystemPackage

/// How far a path is looked up.
enum Lookup: Sendable {
    case complete
    /// Only in what the kernel has in memory: `EAGAIN` for what would take a disk.
    case inMemory

    fileprivate var flags: UInt64 { self == .inMemory ? UInt64(RESOLVE_CACHED) : 0 }
}

// What no other system has.
extension Descriptor {
    /// What `path` leads to from this directory, wherever links lead. A place holder that reads nothing and never blocks.
    func place(following path: FileName, _ lookup: Lookup) throws(Errno) -> Descriptor {
        try open(path, BATON_O_PATH, lookup.flags, attempts: 1)
    }

    /// What `path` leads to below this directory; links are followed as long as they stay beneath it. A place holder that
    /// reads nothing and never blocks.
    ///
    /// - Throws: `EXDEV` for a path that leads out of the directory.
    func place(beneath path: FileName, _ lookup: Lookup = .complete) throws(Errno) -> Descriptor {
        let resolve = UInt64(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS) | lookup.flags
        // The kernel gives up on ".." while anything on the machine is renamed.
        return try open(path, BATON_O_PATH, resolve, attempts: lookup == .complete ? 64 : 1)
    }

    /// The directory `name` on the same mount.
    ///
    /// - Throws: `EXDEV` if another file system is mounted there.
    func placeOfDirectoryOnSameMount(_ name: FileName) throws(Errno) -> Descriptor {
        try open(
            name, BATON_O_PATH | O_DIRECTORY | O_NOFOLLOW,
            UInt64(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV), attempts: 64)
    }

    private func open(
        _ path: FileName, _ flags: CInt, _ resolve: UInt64, attempts: Int
    ) throws(Errno) -> Descriptor {
        var left = attempts
        while true {
            do throws(Errno) {
                let flags = UInt64(flags | O_CLOEXEC)
                return Descriptor(owning: try systemCall { baton_openat2(number, path.cString, flags, resolve) })
            } catch {
                left -= 1
                guard error == .resourceTemporarilyUnavailable, left > 0 else { throw error }
            }
        }
    }

    /// What `path` names below this directory, if neither a link nor a mount lies on the way and the kernel has all of it in
    /// memory. A place holder that reads nothing and never blocks.
    func plainPlaceInMemory(_ path: FileName) throws(Errno) -> Descriptor {
        let resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV | RESOLVE_CACHED
        return try open(path, BATON_O_PATH, UInt64(resolve), attempts: 1)
    }

    /// Whether this process may do with the file what `mode` says, `R_OK | W_OK | X_OK`.
    func checkAccess(_ mode: CInt) throws(Errno) {
        try checkAccess(mode, to: FileName([]))
    }

    /// The same for what `path` leads to from this directory.
    func checkAccess(_ mode: CInt, to path: FileName) throws(Errno) {
        _ = try systemCall { baton_faccess(number, path.cString, mode) }
    }

    func isMountRoot(_ name: FileName) throws(Errno) -> Bool {
        try systemCall { baton_is_mount_root(number, name.cString) } == 1
    }

    /// The bounds of the next data at or after `offset`; `nil` if only a hole follows. A file system that does not know
    /// its holes has none.
    func nextData(from offset: UInt64, size: UInt64) throws(Errno) -> Range<UInt64>? {
        guard let position = off_t(exactly: offset) else { throw .fileTooLarge }
        do throws(Errno) {
            let start = try systemCall { lseek(number, position, BATON_SEEK_DATA) }
            let end = try systemCall { lseek(number, start, BATON_SEEK_HOLE) }
            let bounds = UInt64(clamping: start)..<max(UInt64(clamping: start), min(size, UInt64(clamping: end)))
            return bounds.isEmpty ? nil : bounds
        } catch .noSuchAddressOrDevice {
            return nil
        } catch .invalidArgument {
            return offset < size ? offset..<size : nil
        }
    }

    /// Hands the directory's raw `linux_dirent64` records to `body`, some at a time, from the first.
    func readDirectory(_ body: (UnsafeRawBufferPointer) -> Void) throws(Errno) {
        _ = try systemCall { lseek(number, 0, SEEK_SET) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 32_768, alignment: 8)
        defer { buffer.deallocate() }
        while true {
            let count = try systemCall { baton_getdents64(number, buffer.baseAddress, buffer.count) }
            if count == 0 { return }
            body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }
}

extension Descriptor {
    enum RenameWay: Sendable {
        /// Fails if the new name exists.
        case withoutReplacing
        /// Both names exist and change places.
        case exchanging
    }

    /// Has all that its file system still holds in memory on the disk: of many files at once, which would each cost a write of the file
    /// system's journal.
    func synchronizeFileSystem() throws(Errno) {
        _ = try systemCall { baton_syncfs(number) }
    }

    func rename(_ name: FileName, to newName: FileName, _ way: RenameWay) throws(Errno) {
        let flag = UInt32(way == .exchanging ? BATON_RENAME_EXCHANGE : BATON_RENAME_NOREPLACE)
        _ = try systemCall { baton_renameat2(number, name.cString, number, newName.cString, flag) }
    }
}

extension Errno {
    /// What was there a moment ago is now gone, or of another kind.
    var meansReplaced: Bool {
        switch self {
        case .noSuchFileOrDirectory, .notDirectory, .tooManySymbolicLinkLevels, .invalidArgument,
            .noSuchAddressOrDevice, .staleNFSFileHandle:
            true
        default: false
        }
    }

    /// The file system (or the kernel) does not have the call.
    var meansNotOffered: Bool { self == .invalidArgument || self == .noFunction || self == .notSupported }
}
