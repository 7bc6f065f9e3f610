import BatonProtocol
import NIOCore
import Testing

extension Frame {
    /// The frame that carries `message`, as a decoder hands it out.
    init(_ message: Message, stream: StreamID = 0) {
        var payload = ByteBuffer()
        payload.writeFrame(message, stream: stream)
        payload.moveReaderIndex(forwardBy: FrameHeader.size)
        self.init(type: message.type, flags: message.flags, stream: stream, payload: payload.slice())
    }

    static func exists(_ stream: StreamID) -> Frame { Frame(.request(.exists), stream: stream) }
    static func get(_ stream: StreamID) -> Frame { Frame(.request(.get), stream: stream) }
    static func yes(_ stream: StreamID) -> Frame { Frame(.reply(.exists(true, source: .live)), stream: stream) }
}

extension Request {
    static let exists = Request(.exists, deadline: 1000)
    static let get = Request(.get(GetOptions(credit: Limits.smallestWindow)), deadline: 1000)
    static let fetch = Request(.fetch(Destination()), deadline: 1000)
    static let persist = Request(.persist(all: false), deadline: 1000)
    static let artifacts = Request(.artifacts(ArtifactsQuery(.list)), deadline: 1000)
}

/// The session error that `body` throws must have this code.
func expectViolation<T>(
    _ code: ErrorCode, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> T
) {
    let violation = #expect(throws: ProtocolViolation.self, sourceLocation: sourceLocation) { _ = try body() }
    #expect(violation?.code == code, "\(violation?.message ?? "")", sourceLocation: sourceLocation)
}
