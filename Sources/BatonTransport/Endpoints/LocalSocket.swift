import BatonProtocol
import CLinux
import Glibc
import NIOCore

/// The place of a Unix socket, whatever the length of its path: the kernel takes about 100 bytes, so it is reached by way of its
/// opened directory.
final class LocalSocketPath: Sendable {
    private let directory: CInt
    private let name: String
    let path: String

    /// - Throws: `unreachable` if the directory cannot be opened.
    init(_ path: String) throws(BatonError) {
        let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
        let parent = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        name = slash.map { String(path[path.utf8.index(after: $0)...]) } ?? path
        self.path = path
        directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else {
            throw BatonError(
                .unreachable, "cannot open \(parent), the directory of the agent's socket: \(systemMessage())")
        }
    }

    deinit { Glibc.close(directory) }

    /// What to bind and to connect to.
    var address: String { "/proc/self/fd/\(directory)/\(name)" }

    var exists: Bool { access(address, F_OK) == 0 }

    func remove() { unlink(address) }

    func restrictToOwner() -> Bool { chmod(address, 0o600) == 0 }

    /// Holds `NAME.lock` beside the socket as long as the descriptor lives, so that only one agent binds or removes the socket.
    func lock() throws(BatonError) -> CInt {
        let lock = openat(directory, "\(name).lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else { throw BatonError(.cannotCreate, "cannot make \(path).lock: \(systemMessage())") }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            Glibc.close(lock)
            throw BatonError(
                .alreadyExists,
                "another agent serves \(path); end it first, or give this one another --root or --socket")
        }
        return lock
    }
}

func systemMessage(_ number: CInt = errno) -> String { String(cString: strerror(number)) }

extension Channel {
    /// The user at the other end of a Unix socket; `nil` if the kernel does not say. On the channel's loop only.
    func peerUser() -> uid_t? {
        let user = try? pipeline.syncOperations.withUnsafeTransportIfAvailable(of: CInt.self) { baton_peer_user($0) }
        return user.flatMap { uid_t(exactly: $0) }
    }
}
