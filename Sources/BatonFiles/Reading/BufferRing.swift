import NIOCore

/// Buffers that are used in turns: one that has been sent by the time its turn comes again is filled again, in the same memory; one that
/// still waits to be sent is left alone, and replaced.
struct BufferRing {
    private let capacity: Int
    private var buffers: [ByteBuffer]
    private var turn = 0

    init(count: Int, capacity: Int) {
        self.capacity = capacity
        buffers = Array(repeating: ByteBuffer(), count: count)
    }

    /// An empty buffer, which must come back by ``keep(_:)``.
    mutating func take() -> ByteBuffer {
        turn = (turn + 1) % buffers.count
        var buffer = ByteBuffer()
        swap(&buffer, &buffers[turn])
        buffer.clear(minimumCapacity: capacity)
        return buffer
    }

    mutating func keep(_ buffer: ByteBuffer) { buffers[turn] = buffer }
}
