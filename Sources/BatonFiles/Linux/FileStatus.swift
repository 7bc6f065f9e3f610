import BatonProtocol
import CLinux
import Glibc

/// Which file it is, whatever its name.
struct FileIdentity: Hashable, Sendable {
    let device: UInt64
    let inode: UInt64
}

/// What the file system says about a file.
struct FileStatus: Sendable {
    enum Kind: Hashable, Sendable {
        case file, directory, symbolicLink, socket, fifo, characterDevice, blockDevice, unknown
    }

    let identity: FileIdentity
    let kind: Kind
    /// Permission bits without setuid, setgid and sticky.
    let mode: UInt16
    let size: UInt64
    let links: UInt64
    /// Bytes on the disk; fewer than `size` if there are holes.
    let allocated: UInt64
    let modified: Timestamp
    private let changed: Timestamp

    init(_ status: stat) {
        identity = FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .directory
            case S_IFLNK: .symbolicLink
            case S_IFSOCK: .socket
            case S_IFIFO: .fifo
            case S_IFCHR: .characterDevice
            case S_IFBLK: .blockDevice
            default: .unknown
            }
        mode = UInt16(status.st_mode & 0o777)
        size = UInt64(clamping: status.st_size)
        links = UInt64(status.st_nlink)
        allocated = UInt64(clamping: status.st_blocks).multipliedReportingOverflow(by: 512).partialValue
        modified = Timestamp(status.st_mtim)
        changed = Timestamp(status.st_ctim)
    }

    /// Whether both are the same version of the same file: device, inode, size, mtime and ctime.
    func isSameVersion(as other: FileStatus) -> Bool {
        identity == other.identity && kind == other.kind && size == other.size && modified == other.modified
            && changed == other.changed
    }

    var entryKind: EntryKind {
        switch kind {
        case .file: .file
        case .directory: .directory
        case .symbolicLink: .symbolicLink
        default: .other
        }
    }
}

extension Timestamp {
    init(_ time: timespec) {
        self.init(seconds: Int64(time.tv_sec), nanoseconds: UInt32(clamping: time.tv_nsec))
    }

    /// Access time left alone, then modification time, as `futimens` takes them.
    var asTimes: [timespec] {
        [
            timespec(tv_sec: 0, tv_nsec: Int(BATON_UTIME_OMIT)),
            timespec(tv_sec: time_t(seconds), tv_nsec: Int(nanoseconds)),
        ]
    }
}
