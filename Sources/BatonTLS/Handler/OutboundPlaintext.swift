internal import NIOCore

/// Plaintext on its way to be encrypted, and the promises of the writes that brought it.
struct OutboundPlaintext {
    private var queue = MarkedCircularBuffer<(data: ByteBuffer, promise: EventLoopPromise<Void>?)>(initialCapacity: 8)
    private var count = 0
    /// Bytes that have been flushed and not been encrypted.
    private(set) var flushedCount = 0
    /// Promises of writes that have been encrypted, but not handed to the network. They are kept in order.
    private var waiting: [EventLoopPromise<Void>] = []

    var isEmpty: Bool { queue.isEmpty }

    mutating func append(_ data: ByteBuffer, _ promise: EventLoopPromise<Void>?) {
        queue.append((data, promise))
        count += data.readableBytes
    }

    mutating func flush() {
        queue.mark()
        flushedCount = count
    }

    /// Takes the next write that has been flushed.
    mutating func popFlushed() -> ByteBuffer? {
        guard queue.hasMark, let next = queue.popFirst() else { return nil }
        count -= next.data.readableBytes
        flushedCount -= next.data.readableBytes
        if let promise = next.promise {
            waiting.append(promise)
        }
        return next.data
    }

    /// The length of the next write that has been flushed.
    var nextFlushedCount: Int? {
        queue.hasMark ? queue.first?.data.readableBytes : nil
    }

    /// One promise for all writes taken so far; nil if nobody asked for one.
    mutating func takePromise() -> EventLoopPromise<Void>? {
        guard let first = waiting.first else { return nil }
        for other in waiting.dropFirst() {
            first.futureResult.cascade(to: other)
        }
        waiting.removeAll(keepingCapacity: true)
        return first
    }

    /// Everything that will never be written, to be failed.
    mutating func takeAll() -> [EventLoopPromise<Void>] {
        let promises = waiting + queue.compactMap(\.promise)
        self = OutboundPlaintext()
        return promises
    }
}
