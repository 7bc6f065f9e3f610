public import BatonProtocol
public import BatonTLS
public import NIOCore

/// Takes what an open connection brings. All calls come on the connection's event loop.
public protocol ConnectionOwner: AnyObject, Sendable {
    /// A frame of the session or lane.
    func received(_ frame: Frame) throws(ProtocolViolation)
    /// No further frame is at hand: the moment to pass on what came.
    func batchEnded()
    /// The answer to a PING of ours.
    func pong(_ opaque: UInt64)
    /// The peer says goodbye; unless it means drain, the end follows.
    func goAway(_ goAway: GoAway)
    /// The channel takes more data again.
    func becameWritable()
    /// One second has passed.
    func tick()
    /// The connection is over. Called once, and nothing after it.
    func ended(_ error: BatonError)
}

/// The first frame of a peer and what is known of who sent it.
public struct Greeting: Sendable {
    public let message: Message
    /// The peer's certificate; `nil` on a Unix socket.
    public let certificate: PeerCertificate?
    public let channel: any Channel
}

/// What becomes of a connection whose peer has sent its first frame.
public enum Admission: Sendable {
    /// It is open, and this owns it.
    case owned(any ConnectionOwner)
    /// It goes on, on another event loop, with the owner that is made there.
    case moved(ConnectionMove)
}

extension Channel {
    /// Writes one message at once.
    func send(_ message: Message, stream: StreamID = 0) {
        var buffer = allocator.buffer(capacity: 256)
        buffer.writeFrame(message, stream: stream)
        writeAndFlush(buffer, promise: nil)
    }
}
