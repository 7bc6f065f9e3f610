internal import COpenSSL
internal import Glibc
internal import NIOCore

/// The ciphertext of a connection on both sides of OpenSSL: what it has still to read, and what it has written.
///
/// A `BIO` of our own lets OpenSSL read right out of the buffers that the network filled, and write right into those that go
/// to the network. A memory BIO would copy once more in each direction.
final class CiphertextBIO {
    /// How much longer a record is than its plaintext: header, content type, tag.
    static let recordOverhead = 22
    /// The most plaintext in a record.
    static let recordLimit = 16_384

    /// What OpenSSL reads next; empty (and owning nothing) if there is nothing.
    private var input = ByteBuffer()
    private var furtherInput = CircularBuffer<ByteBuffer>()

    /// What OpenSSL writes to. It is let go of when it is handed out, so it is never written while somebody else holds it.
    private var output = ByteBuffer()
    private var fullOutput = CircularBuffer<ByteBuffer>()
    private var expectedOutput = 0

    /// The first two bytes that came from the peer, to tell a peer that does not speak TLS.
    private var opening: [UInt8] = []

    /// OpenSSL gets nothing more to read.
    var isStopped = false
    /// Bytes that OpenSSL has not read yet.
    private(set) var inputCount = 0
    /// Bytes that have not been handed out yet.
    private(set) var outputCount = 0

    /// Takes ciphertext from the network.
    func append(_ ciphertext: ByteBuffer) {
        let count = ciphertext.readableBytes
        guard count > 0 else { return }
        if opening.count < 2 {
            opening += ciphertext.readableBytesView.prefix(2 - opening.count)
        }
        inputCount += count
        if input.readableBytes == 0 {
            input = ciphertext
        } else {
            furtherInput.append(ciphertext)
        }
    }

    /// Says how much plaintext is about to be encrypted, so that the output gets buffers of a fitting size.
    func expectOutput(plaintext count: Int) {
        let records = count / Self.recordLimit + 1
        expectedOutput = count + records * Self.recordOverhead
    }

    /// Ciphertext for the network, in order, or nil if there is no more.
    func takeOutput() -> ByteBuffer? {
        let next: ByteBuffer
        if let full = fullOutput.popFirst() {
            next = full
        } else if output.readableBytes > 0 {
            next = output
            output = ByteBuffer()
        } else {
            return nil
        }
        outputCount -= next.readableBytes
        if next.storageCapacity == OutputBuffers.capacity {
            OutputBuffers.ofThisThread.note(next)
        }
        return next
    }

    /// Whether the first bytes that came could begin a TLS record: a content type from 20 to 23, then a major version of 3.
    var looksLikeTLS: Bool {
        guard let type = opening.first else { return true }
        return (20...23).contains(type) && (opening.count < 2 || opening[1] == 3)
    }

    /// Fills `target` for OpenSSL and returns how many bytes there were, 0 for none.
    fileprivate func read(into target: UnsafeMutableRawBufferPointer) -> Int {
        var filled = 0
        while !isStopped, filled < target.count, input.readableBytes > 0 {
            let count = min(target.count - filled, input.readableBytes)
            input.withUnsafeReadableBytes { source in
                UnsafeMutableRawBufferPointer(rebasing: target[filled...])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: source.prefix(count)))
            }
            input.moveReaderIndex(forwardBy: count)
            filled += count
            if input.readableBytes == 0 {
                // Letting go of the buffer allows the channel to read into it again.
                input = furtherInput.popFirst() ?? ByteBuffer()
            }
        }
        inputCount -= filled
        return filled
    }

    /// Takes over what OpenSSL writes.
    fileprivate func write(_ bytes: UnsafeRawBufferPointer) {
        if output.writableBytes < bytes.count {
            if output.readableBytes > 0 {
                fullOutput.append(output)
            }
            // A buffer's capacity is rounded up to a power of two: what is more than half the full one is the full one.
            let needed = max(expectedOutput, bytes.count)
            output =
                needed > OutputBuffers.capacity / 2
                ? OutputBuffers.ofThisThread.take() : ByteBufferAllocator().buffer(capacity: needed)
        }
        output.writeBytes(bytes)
        expectedOutput = max(0, expectedOutput - bytes.count)
        outputCount += bytes.count
    }

    /// A `BIO` on this object, which must outlive it. The caller owns it.
    func makeBIO() -> OpaquePointer? {
        guard let method = Self.method, let bio = BIO_new(method) else { return nil }
        BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
        BIO_set_init(bio, 1)
        return bio
    }

    /// The callbacks below as OpenSSL's `BIO_METHOD`, made once for the process and never changed.
    nonisolated(unsafe) private static let method: OpaquePointer? = {
        guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "ByteBuffer") else { return nil }
        BIO_meth_set_read(method) { bio, target, count in
            guard let bio, let target, count > 0, let ciphertext = CiphertextBIO.from(bio) else { return 0 }
            shim_BIO_clear_retry_flags(bio)
            let filled = ciphertext.read(into: UnsafeMutableRawBufferPointer(start: target, count: Int(count)))
            guard filled > 0 else {
                shim_BIO_set_retry_read(bio)
                return -1
            }
            return CInt(truncatingIfNeeded: filled)
        }
        BIO_meth_set_write(method) { bio, source, count in
            guard let bio, let source, count > 0, let ciphertext = CiphertextBIO.from(bio) else { return 0 }
            shim_BIO_clear_retry_flags(bio)
            ciphertext.write(UnsafeRawBufferPointer(start: source, count: Int(count)))
            return count
        }
        // OpenSSL flushes at the end of a flight. To questions it does not know, a BIO must answer 0.
        BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
        return method
    }()

    private static func from(_ bio: OpaquePointer) -> CiphertextBIO? {
        BIO_get_data(bio).map { Unmanaged<CiphertextBIO>.fromOpaque($0).takeUnretainedValue() }
    }
}
