public import BatonProtocol
import Glibc
public import NIOCore
import NIOPosix

/// Connects to the agent on this machine.
public enum LocalDialer {
    /// - Parameter path: the agent's socket.
    /// - Throws: `unreachable` if no agent answers there, `permission` if the agent runs as another user.
    public static func openSession(
        path: String, on loop: any EventLoop, software: String, delegate: any SessionDelegate
    ) async throws(BatonError) -> Session {
        let socket = try LocalSocketPath(path)
        let opened = loop.makePromise(of: Session.self)
        do {
            _ = try await ClientBootstrap(group: loop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            handler(path: path, software: software, delegate: delegate, opened: opened))
                    }
                }
                .connect(unixDomainSocketPath: socket.address)
                .get()
        } catch {
            let failure = BatonError(
                .unreachable, "no agent answers at \(path) (\(reason(error))); is baton-agent running?")
            opened.fail(failure)
            throw failure
        }
        do {
            return try await opened.futureResult.get()
        } catch {
            throw BatonError(connection: error)
        }
    }

    private static func handler(
        path: String, software: String, delegate: any SessionDelegate, opened: EventLoopPromise<Session>
    ) -> ConnectionHandler {
        ConnectionHandler(kind: .local, greeting: .hello(Hello(software: software))) {
            greeting throws(ProtocolViolation) in
            guard case .welcome(let welcome) = greeting.message, welcome.version == Limits.version else {
                throw ProtocolViolation(.versionMismatch, "the agent at \(path) speaks another version")
            }
            try welcome.checkCapabilities()
            guard greeting.channel.peerUser() == geteuid() else {
                throw ProtocolViolation(.identityRefused, "the agent at \(path) belongs to another user")
            }
            let peer = SessionPeer(
                app: welcome.app, work: welcome.work, epoch: welcome.session, address: path,
                software: welcome.software)
            let session = Session(
                channel: greeting.channel, role: .dialer, side: .local, peer: peer, allowedByPeer: welcome.maxStreams,
                delegate: delegate)
            opened.succeed(session)
            return .owned(session)
        } onRefusal: {
            opened.fail($0)
        }
    }
}
