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
    enum Kind: UInt8, Hashable, Sendable {
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
    /// When the file system last changed anything about it; nobody can set this one.
    let changed: Timestamp

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

    /// Names this version in ENTRY (chapter 7): XXH3 of device, inode, size, mtime, ctime and kind.
    var version: UInt64 {
        let fields = (
            identity.device, identity.inode, size, UInt64(bitPattern: modified.seconds),
            UInt64(bitPattern: changed.seconds),
            UInt64(modified.nanoseconds) << 32 | UInt64(changed.nanoseconds), UInt64(kind.rawValue)
        )
        return withUnsafeBytes(of: fields) { Checksum.of($0) }
    }

    /// Whether the content is what it was when `earlier` was taken: the same version, or one that differs in nothing but the count of
    /// its names. Renaming another file over this one changes its ctime, and not a byte of it.
    ///
    /// - Parameter whateverItsNames: as many may have gone as have come, too.
    func hasContent(of earlier: FileStatus, whateverItsNames: Bool = false) -> Bool {
        if isSameVersion(as: earlier) { return true }
        return kind == .file && earlier.kind == .file && identity == earlier.identity && size == earlier.size
            && modified == earlier.modified && (links != earlier.links || whateverItsNames)
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
    /// The machine's wall clock.
    static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(time)
    }

    /// Whole milliseconds from this time to a `later` one; negative if that one is earlier, clamped to a day.
    func milliseconds(until later: Timestamp) -> Int {
        let (seconds, overflow) = later.seconds.subtractingReportingOverflow(self.seconds)
        guard !overflow, (-86_400...86_400).contains(seconds) else {
            return later.seconds < self.seconds ? -86_400_000 : 86_400_000
        }
        let nanoseconds = seconds * 1_000_000_000 + Int64(later.nanoseconds) - Int64(self.nanoseconds)
        return Int((Double(nanoseconds) / 1_000_000).rounded(.down))
    }

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
