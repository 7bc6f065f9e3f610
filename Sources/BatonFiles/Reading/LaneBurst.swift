import BatonProtocol
public import NIOCore

/// Some lane frames of one stream, whole and ready to be sent.
public struct LaneBurst: Sendable {
    /// The frames, headers included: about 256 KiB, fewer at the end.
    public internal(set) var buffer: ByteBuffer
    /// The sum of the frames' payloads: what counts against the stream's credit.
    public internal(set) var payloadBytes = 0
    /// ENTRY frames in it.
    public internal(set) var entries: UInt64 = 0
    /// Data bytes of the CHUNK frames in it.
    public internal(set) var bytes: UInt64 = 0

    /// Bytes of a burst, headers and all.
    static let capacity = 262_144
    /// Room for the largest ENTRY: with less a burst is full.
    static let smallestRoom = 16_384

    init() {
        buffer = ByteBufferAllocator().buffer(capacity: LaneBurst.capacity)
    }

    var room: Int { LaneBurst.capacity - buffer.readableBytes }
    var isFull: Bool { room < LaneBurst.smallestRoom }

    mutating func append(_ message: Message, stream: StreamID) {
        let before = buffer.readableBytes
        buffer.writeFrame(message, stream: stream)
        payloadBytes += buffer.readableBytes - before - FrameHeader.size
        if case .entry = message { entries += 1 }
    }
}
