import BatonProtocol
import NIOCore

/// Packs lane frames of one stream into one buffer, until it is full.
struct BurstBuilder {
    var buffer: ByteBuffer
    /// The sum of the frames' payloads: what counts against the stream's credit.
    var payload = 0
    /// END is in it.
    private(set) var isTerminal = false

    /// Bytes of a burst, headers and all.
    static let capacity = 262_144
    /// Room for the largest ENTRY: with less a burst is full.
    static let smallestRoom = 16_384

    /// - Parameter buffer: empty, with room for ``capacity`` bytes.
    init(_ buffer: ByteBuffer) { self.buffer = buffer }

    var room: Int { BurstBuilder.capacity - buffer.readableBytes }
    var isFull: Bool { room < BurstBuilder.smallestRoom }

    mutating func append(_ message: Message, stream: StreamID) {
        let before = buffer.readableBytes
        buffer.writeFrame(message, stream: stream)
        payload += buffer.readableBytes - before - FrameHeader.size
        if case .end = message { isTerminal = true }
    }

    var burst: LaneBurst { LaneBurst(frames: buffer, payload: payload, isTerminal: isTerminal) }
}
