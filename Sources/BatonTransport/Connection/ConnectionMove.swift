public import BatonProtocol
import BatonTLS
import Glibc
public import NIOCore
import NIOPosix
import Synchronization

/// Takes a lane from the control loop, on which it is greeted, to the one that is to carry it: so bulk data never shares a loop
/// with control, though both come in by one door.
public struct ConnectionMove: Sendable {
    public let loop: any EventLoop
    /// Of the session that the lane joins, in milliseconds.
    public let keepalive: UInt32
    /// Makes the lane, on the new loop.
    public let makeLane: @Sendable (any Channel) -> Lane
    /// The lane is ready on its new loop, or it was lost on the way.
    public let onDone: @Sendable (Result<Lane, BatonError>) -> Void

    public init(
        to loop: any EventLoop, keepalive: UInt32, makeLane: @escaping @Sendable (any Channel) -> Lane,
        onDone: @escaping @Sendable (Result<Lane, BatonError>) -> Void
    ) {
        self.loop = loop
        self.keepalive = keepalive
        self.makeLane = makeLane
        self.onDone = onDone
    }

    func perform(on context: ChannelHandlerContext) {
        let made = loop.makePromise(of: Lane.self)
        context.move(to: loop, with: { $0.laneOptions() }) { channel in
            let lane = makeLane(channel)
            made.succeed(lane)
            return ConnectionHandler(greetedLane: lane, keepalive: keepalive)
        } onLoss: {
            made.fail($0)
        }
        made.futureResult.whenComplete { result in
            onDone(result.mapError { BatonError(connection: $0) })
        }
    }
}

extension ChannelHandlerContext {
    /// Lets the connection go on as another channel, on another event loop: the socket is duplicated, TLS goes on where it stood. This
    /// channel is closed.
    ///
    /// - Parameters:
    ///   - options: of the new channel.
    ///   - makeHandler: makes what stands behind TLS there; called on the new loop.
    ///   - onLoss: told if the connection was lost on the way.
    func move(
        to loop: any EventLoop, with options: (ClientBootstrap) -> ClientBootstrap,
        makeHandler: @escaping @Sendable (any Channel) -> ConnectionHandler,
        onLoss: @escaping @Sendable (any Error) -> Void
    ) {
        let old = channel
        do {
            let operations = pipeline.syncOperations
            let handler = try operations.handler(type: TLSHandler.self)
            let socket = try operations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { dup($0) }
            guard let socket, socket >= 0 else { throw IOError(errnoCode: errno, reason: "dup") }
            do {
                let parcel = Parcel(try handler.detach())
                options(ClientBootstrap(group: loop))
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            guard let connection = parcel.take() else { throw ChannelError.alreadyClosed }
                            try channel.pipeline.syncOperations.addHandler(TLSHandler(connection: connection))
                            try channel.pipeline.syncOperations.addHandler(makeHandler(channel))
                        }
                    }
                    .withConnectedSocket(socket)
                    .whenFailure(onLoss)
            } catch {
                Glibc.close(socket)
                throw error
            }
        } catch {
            onLoss(error)
        }
        old.close(promise: nil)
    }
}

/// Carries something that is not Sendable to the one place that takes it out.
private final class Parcel<Content>: Sendable {
    private let content: Mutex<Content?>

    init(_ content: sending Content) { self.content = Mutex(content) }

    func take() -> sending Content? {
        content.withLock { content in
            let taken = content
            content = nil
            return taken
        }
    }
}
