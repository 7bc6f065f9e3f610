internal import Glibc
internal import NIOCore

/// Buffers for ciphertext that an event loop uses again once the network has let go of them.
///
/// Without this, malloc returns their pages to the kernel and faults them in anew, a page fault for each 4 KiB sent: that was
/// a third of a sender's time.
final class OutputBuffers {
    /// The capacity of a buffer: as much as one write to the network should take.
    static let capacity = 128 << 10

    /// How many are kept: 2 MiB for each thread that sends in bulk.
    private static let limit = 16

    /// Those handed out and those free again. Only this array refers to a free one.
    private var buffers: [ByteBuffer] = []

    /// An empty buffer of the full capacity, which nobody else refers to.
    func take() -> ByteBuffer {
        for index in buffers.indices where buffers[index].modifyIfUniquelyOwned({ $0.clear() }) != nil {
            buffers.swapAt(index, buffers.count - 1)
            return buffers.removeLast()
        }
        return ByteBufferAllocator().buffer(capacity: Self.capacity)
    }

    /// Takes note of a buffer that is being handed out, to use it again when it comes free.
    func note(_ buffer: ByteBuffer) {
        if buffers.count < Self.limit {
            buffers.append(buffer)
        }
    }

    /// Those of this thread. An event loop is a thread, so nobody else touches them.
    static var ofThisThread: OutputBuffers {
        guard let key else { return OutputBuffers() }
        if let known = pthread_getspecific(key) {
            return Unmanaged<OutputBuffers>.fromOpaque(known).takeUnretainedValue()
        }
        let new = OutputBuffers()
        let retained = Unmanaged.passRetained(new)
        if pthread_setspecific(key, retained.toOpaque()) != 0 {
            retained.release()
        }
        return new
    }

    /// Releases a thread's buffers when it ends.
    private static let key: pthread_key_t? = {
        var key = pthread_key_t()
        let status = pthread_key_create(&key) { known in
            if let known { Unmanaged<OutputBuffers>.fromOpaque(known).release() }
        }
        return status == 0 ? key : nil
    }()
}
