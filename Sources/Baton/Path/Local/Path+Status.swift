public import FoundationEssentials
import Glibc
public import SystemPackage

extension Path {
    /// What lies at a path.
    public enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
        case file, directory, symlink
        /// A socket, a FIFO or a device.
        case other
    }

    /// What the file system of this machine says about a path.
    public struct Status: Hashable, Sendable {
        public let kind: Kind
        /// Bytes of a file; what the file system likes for everything else.
        public let size: Int
        /// Who may read, write and execute it.
        public let permissions: FilePermissions
        /// When its content was last changed: time since 1970-01-01 00:00 UTC, as exact as the file system knows it.
        public let modifiedSince1970: Duration

        /// When its content was last changed, to about a microsecond.
        public var modified: Date { Date(timeIntervalSince1970: modifiedSince1970 / .seconds(1)) }
    }
}

extension Path.Status {
    init(_ status: stat) {
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .directory
            case S_IFLNK: .symlink
            default: .other
            }
        size = Int(status.st_size)
        permissions = FilePermissions(rawValue: status.st_mode & 0o7777)
        modifiedSince1970 = .seconds(status.st_mtim.tv_sec) + .nanoseconds(status.st_mtim.tv_nsec)
    }
}

extension Path {
    /// What lies at the path, on this machine.
    ///
    /// - Parameter followingLinks: what a symbolic link leads to, instead of the link itself.
    /// - Throws: ``PathError`` `notFound`, `permission`, `outsideWork`.
    public func stat(followingLinks: Bool = true) throws(PathError) -> Status {
        try locally("cannot be looked at") { place throws(Errno) in
            Status(try place.status(followingLinks: followingLinks))
        }
    }

    /// Whether there is something at the path, on this machine: for another work's path, whether it was fetched. A link that leads nowhere
    /// does not exist.
    ///
    /// - Throws: ``PathError`` `permission`, `outsideWork`.
    public func existsLocal() throws(PathError) -> Bool { try kind(followingLinks: true) != nil }

    /// Whether it is a directory, on this machine, or a link that leads to one.
    public var isDirectory: Bool { get throws(PathError) { try kind(followingLinks: true) == .directory } }

    /// Whether it is a regular file, on this machine, or a link that leads to one.
    public var isFile: Bool { get throws(PathError) { try kind(followingLinks: true) == .file } }

    /// Whether it is a symbolic link, on this machine, wherever that leads.
    public var isSymlink: Bool { get throws(PathError) { try kind(followingLinks: false) == .symlink } }

    /// `nil`: there is nothing.
    func kind(followingLinks: Bool) throws(PathError) -> Kind? {
        do throws(PathError) { return try stat(followingLinks: followingLinks).kind } catch {
            switch error.code {
            case .notFound, .notADirectory, .invalidPath: return nil
            default: throw error
            }
        }
    }
}
