import BatonTLS
import NIOCore

/// The last handler of a channel under test: notes everything that reaches it.
final class Recorder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private(set) var received = ByteBuffer()
    private(set) var peer: PeerCertificate?
    private(set) var handshakes = 0
    private(set) var errors: [any Error] = []
    private(set) var wentInactive = false
    /// Errors that came after the channel had become inactive.
    private(set) var lateErrors = 0

    /// Called for each piece of plaintext, after it has been noted.
    var onRead: ((ChannelHandlerContext, ByteBuffer) -> Void)?
    var onHandshake: (() -> Void)?

    /// The errors that are about TLS.
    var failures: [TLSError] { errors.compactMap { $0 as? TLSError } }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        received.writeImmutableBuffer(buffer)
        onRead?(context, buffer)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let completed = event as? TLSHandshakeCompleted {
            peer = completed.peer
            handshakes += 1
            onHandshake?()
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        errors.append(error)
        if wentInactive { lateErrors += 1 }
    }

    func channelInactive(context: ChannelHandlerContext) {
        wentInactive = true
        context.fireChannelInactive()
    }
}
