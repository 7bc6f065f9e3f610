import BatonProtocol
import BatonTLS
import NIOCore

/// Sees a connection that was accepted through its TLS handshake, then moves it to the loop on which its peer is greeted.
///
/// A handshake takes hundreds of times as long as a request, and anybody can begin one: on the control loop it would hold up
/// everybody's questions.
final class HandshakeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// An event: another connection has taken the place of this one.
    struct Displaced {}

    private let loop: any EventLoop
    private let place: UnknownPeers.Place
    private let makeHandler: @Sendable (PeerCertificate) -> ConnectionHandler
    private let onRefusal: @Sendable (BatonError) -> Void
    private var deadline: Scheduled<Void>?
    private var reason: BatonError?
    private var hasMoved = false

    /// - Parameters:
    ///   - loop: where the connection is to go on.
    ///   - place: of this connection, as long as it is not greeted.
    ///   - makeHandler: makes what drives it there.
    ///   - onRefusal: told once if it did not come so far.
    init(
        loop: any EventLoop, place: UnknownPeers.Place,
        makeHandler: @escaping @Sendable (PeerCertificate) -> ConnectionHandler,
        onRefusal: @escaping @Sendable (BatonError) -> Void
    ) {
        self.loop = loop
        self.place = place
        self.makeHandler = makeHandler
        self.onRefusal = onRefusal
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: .seconds(Limits.greetingSeconds)) {
            let (handler, context) = bound.value
            handler.reason = BatonError(
                .helloTimeout, "the TLS handshake was not over within \(Limits.greetingSeconds) seconds")
            context.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is Displaced:
            guard !hasMoved else { return }
            reason = BatonError(
                .tooManyConnections, "too many wait for the end of their TLS handshake, this one for longest")
            context.close(promise: nil)
        case let handshake as TLSHandshakeCompleted where place.keep():
            move(context, handshake.peer)
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    private func move(_ context: ChannelHandlerContext, _ peer: PeerCertificate) {
        deadline?.cancel()
        hasMoved = true
        let (makeHandler, onRefusal) = (makeHandler, onRefusal)
        context.move(to: loop, with: { $0.controlOptions() }) { _ in
            makeHandler(peer)
        } onLoss: {
            onRefusal(BatonError(connection: $0))
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        reason = reason ?? BatonError(connection: error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        guard !hasMoved else { return }
        onRefusal(reason ?? BatonError(.interrupted, "the connection was closed by the other side"))
    }
}
