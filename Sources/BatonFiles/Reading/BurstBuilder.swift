import BatonProtocol
import NIOCore

/// Packs lane frames of one stream into one buffer, until it is full.
struct BurstBuilder {
    var buffer: ByteBuffer
    /// The sum of the frames' payloads: what counts against the stream's credit.
    private(set) var payload = 0
    /// END is in it.
    private(set) var isTerminal = false
    private let isFirst: Bool
    private let fill: Int
    private var hasData = false

    /// Bytes of a burst, headers and all.
    static let capacity = 262_144
    /// Room for the largest ENTRY without attributes: with less a burst is full.
    static let smallestRoom = 16_384

    /// - Parameters:
    ///   - buffer: empty, with room for ``capacity`` bytes.
    ///   - number: of the stream's bursts before this one. The first is full as soon as there is data in it, so that data moves while
    ///     the walk has hardly begun; the next ones grow.
    init(_ buffer: ByteBuffer, number: Int) {
        self.buffer = buffer
        isFirst = number == 0
        let largest = BurstBuilder.capacity - BurstBuilder.smallestRoom
        fill = number == 0 ? largest : min(largest, BurstBuilder.smallestRoom << min(number - 1, 8))
    }

    var isEmpty: Bool { buffer.readableBytes == 0 }
    var isFull: Bool { isTerminal || buffer.readableBytes > fill || (isFirst && hasData) }

    mutating func append(_ message: Message, stream: StreamID) {
        let before = buffer.readableBytes
        buffer.writeFrame(message, stream: stream)
        payload += buffer.readableBytes - before - FrameHeader.size
        if case .end = message { isTerminal = true }
    }

    /// Appends the next piece of a file as a CHUNK.
    ///
    /// - Returns: the data bytes.
    mutating func appendChunk(of file: inout FileReading, stream: StreamID) throws(FileFault) -> Int {
        let room = BurstBuilder.capacity - buffer.readableBytes - FrameHeader.size - Chunk.headerSize
        let capacity = min(max(room, Limits.smallestOpenChunk), Int(clamping: file.remaining))
        var fault: FileFault?
        let count = try? buffer.writeChunk(stream: stream, offset: file.position, capacity: capacity) {
            memory throws(BatonError) in
            do throws(FileFault) {
                return try file.read(into: memory)
            } catch {
                fault = error
                return (0, true)
            }
        }
        if let fault { throw fault }
        guard let count else { throw .changed }
        payload += Chunk.headerSize + count
        hasData = true
        return count
    }

    var burst: LaneBurst { LaneBurst(frames: buffer, payload: payload, isTerminal: isTerminal) }
}
