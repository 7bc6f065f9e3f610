public import BatonProtocol
import BatonTLS
import Glibc
public import NIOCore
import NIOPosix
import Synchronization

/// Takes a lane from the event loop that accepted it to the one that is to carry it: the socket is duplicated, TLS goes on
/// where it stood. So bulk data never shares a loop with control, though both come in by one door.
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
        let old = context.channel
        do {
            let pipeline = context.pipeline.syncOperations
            let handler = try pipeline.handler(type: TLSHandler.self)
            let socket = try pipeline.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { dup($0) }
            guard let socket, socket >= 0 else { throw IOError(errnoCode: errno, reason: "dup") }
            do {
                try adopt(socket, handler.detach())
            } catch {
                Glibc.close(socket)
                throw error
            }
        } catch {
            onDone(.failure(BatonError(connection: error)))
        }
        old.close(promise: nil)
    }

    private func adopt(_ socket: NIOBSDSocket.Handle, _ connection: sending TLSConnection) {
        let parcel = Parcel(connection)
        let made = loop.makePromise(of: Lane.self)
        ClientBootstrap(group: loop)
            .laneOptions()
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let connection = parcel.take() else { throw ChannelError.alreadyClosed }
                    let lane = makeLane(channel)
                    try channel.pipeline.syncOperations.addHandler(TLSHandler(connection: connection))
                    try channel.pipeline.syncOperations.addHandler(
                        ConnectionHandler(greetedLane: lane, keepalive: keepalive))
                    made.succeed(lane)
                }
            }
            .withConnectedSocket(socket)
            .whenFailure { made.fail($0) }
        made.futureResult.whenComplete { result in
            onDone(result.mapError { BatonError(connection: $0) })
        }
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
