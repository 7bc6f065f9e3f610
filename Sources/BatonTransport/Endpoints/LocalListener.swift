public import BatonProtocol
import Glibc
public import Logging
public import NIOCore
import NIOPosix

/// Accepts programs of the same user on this machine, over a Unix socket.
public final class LocalListener: Sendable {
    private let channel: any Channel
    private let socket: LocalSocketPath
    private let lock: CInt

    private init(channel: any Channel, socket: LocalSocketPath, lock: CInt) {
        self.channel = channel
        self.socket = socket
        self.lock = lock
    }

    deinit { Glibc.close(lock) }

    /// Listens on `path`, which only its owner may use. A socket that an agent left behind is replaced; the socket of one that
    /// lives is not.
    ///
    /// - Throws: `alreadyExists` if another agent serves the path, `cannotCreate`.
    public static func listen(
        on path: String, loop: any EventLoop, doorkeeper: any Doorkeeper, logger: Logger
    ) async throws(BatonError) -> LocalListener {
        let socket = try LocalSocketPath(path)
        let lock = try socket.lock()
        socket.remove()
        let bootstrap = ServerBootstrap(group: loop, childGroup: loop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let user = channel.peerUser()
                    guard user == geteuid() else {
                        logger.warning("refused a local connection of another user", metadata: ["uid": "\(user ?? 0)"])
                        throw ChannelError.alreadyClosed
                    }
                    let handler = ConnectionHandler(kind: .local, greeting: nil) { greeting throws(ProtocolViolation) in
                        try doorkeeper.admit(greeting)
                    } onRefusal: { error in
                        logger.debug("a local connection ended early: \(error.message)")
                    }
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
        do {
            let channel = try await bootstrap.bind(unixDomainSocketPath: socket.address).get()
            let listener = LocalListener(channel: channel, socket: socket, lock: lock)
            guard socket.restrictToOwner() else { throw IOError(errnoCode: errno, reason: "chmod") }
            return listener
        } catch {
            throw BatonError(.cannotCreate, "cannot listen on \(path): \(reason(error))")
        }
    }

    public func close() async {
        try? await channel.close()
        socket.remove()
    }
}
