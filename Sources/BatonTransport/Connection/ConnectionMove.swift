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
    /// Makes the owner, on the new loop.
    public let makeOwner: @Sendable (any Channel) -> any ConnectionOwner
    /// The lane is ready on its new loop: `nil`. Or it was lost on the way.
    public let onDone: @Sendable (BatonError?) -> Void

    public init(
        to loop: any EventLoop, makeOwner: @escaping @Sendable (any Channel) -> any ConnectionOwner,
        onDone: @escaping @Sendable (BatonError?) -> Void
    ) {
        self.loop = loop
        self.makeOwner = makeOwner
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
            onDone(BatonError(connection: error))
        }
        old.close(promise: nil)
    }

    private func adopt(_ socket: NIOBSDSocket.Handle, _ connection: sending TLSConnection) {
        let parcel = Parcel(connection)
        ClientBootstrap(group: loop)
            .laneOptions()
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let connection = parcel.take() else { throw ChannelError.alreadyClosed }
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(TLSHandler(connection: connection))
                    try pipeline.addHandler(ConnectionHandler(greetedLane: makeOwner(channel)))
                }
            }
            .withConnectedSocket(socket)
            .whenComplete { result in
                switch result {
                case .success: onDone(nil)
                case .failure(let error): onDone(BatonError(connection: error))
                }
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
