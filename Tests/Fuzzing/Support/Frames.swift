import BatonProtocol
import NIOCore

extension Frame {
    /// The frame that carries `message`, as a decoder hands it out.
    init(_ message: Message, stream: StreamID) {
        var payload = ByteBuffer()
        payload.writeFrame(message, stream: stream)
        payload.moveReaderIndex(forwardBy: FrameHeader.size)
        self.init(type: message.type, flags: message.flags, stream: stream, payload: payload.slice())
    }
}
