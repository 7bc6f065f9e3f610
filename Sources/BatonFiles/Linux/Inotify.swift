import CLinux
import Glibc
import NIOCore
import SystemPackage

/// The kernel's notices about directories.
struct Inotify: Sendable {
    let descriptor: Descriptor

    init() throws(Errno) {
        descriptor = Descriptor(owning: try systemCall { inotify_init1(CInt(IN_NONBLOCK | IN_CLOEXEC)) })
    }

    /// Names that come to be in the directory, files in it that are closed after writing, and its own end. Always the same: the
    /// kernel has one watch for a directory, however often it is asked for.
    private static let interest = UInt32(
        IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

    /// - Returns: the number by which notices name the directory.
    /// - Throws: `ENOSPC` if this user has as many watches as the system grants.
    func watch(_ directory: Descriptor) throws(Errno) -> CInt {
        try systemCall { inotify_add_watch(descriptor.number, directory.procName.cString, Inotify.interest) }
    }

    /// Without effect if the directory has gone.
    func forget(_ watch: CInt) {
        _ = inotify_rm_watch(descriptor.number, watch)
    }

    struct Notice: Equatable {
        let watch: CInt
        let mask: UInt32
        /// Empty if the notice is about the directory itself.
        let name: FileName

        /// Notices were lost.
        var isOverflow: Bool { mask & UInt32(IN_Q_OVERFLOW) != 0 }
        /// The watch is no more.
        var isEnd: Bool { mask & UInt32(IN_IGNORED) != 0 }

        var kind: Kind {
            if mask & UInt32(IN_MOVED_TO) != 0 { return .movedIn }
            if mask & UInt32(IN_CLOSE_WRITE) != 0 { return .written }
            return mask & UInt32(IN_CREATE) != 0 ? .created : .ofDirectory
        }
    }

    enum Kind: Hashable, Sendable {
        /// Renamed to this name.
        case movedIn
        /// A file that was open for writing was closed.
        case written
        case created
        case ofDirectory
    }

    /// Takes the notices out of what was read from the descriptor: `struct inotify_event`, 16 bytes and the name, filled up with NULs.
    static func notices(in bytes: inout ByteBuffer) -> [Notice] {
        var notices: [Notice] = []
        while let (watch, mask, _, length) = bytes.readMultipleIntegers(
            endianness: .host, as: (CInt, UInt32, UInt32, UInt32).self)
        {
            guard let name = bytes.readSlice(length: Int(length)) else { break }
            let text = name.readableBytesView.prefix { $0 != 0 }
            notices.append(Notice(watch: watch, mask: mask, name: FileName(text)))
        }
        return notices
    }
}

extension Descriptor {
    /// Whether somebody has the file open for writing; `nil` if the kernel does not tell this user or knows it not, as over
    /// a network.
    ///
    /// A place holder is enough. The kernel grants a read lease only while there is no writer; it is given back at once.
    func isOpenForWriting() -> Bool? {
        guard let file = try? reopenedFile() else { return nil }
        let answer = baton_is_open_for_writing(file.number)
        return answer < 0 ? nil : answer == 1
    }

    /// Another descriptor for the same, to be given away.
    func duplicate() throws(Errno) -> Descriptor {
        Descriptor(owning: try systemCall { fcntl(number, F_DUPFD_CLOEXEC, 0) })
    }
}
