public import NIOCore

/// Whole frames of one stream that go onto a lane together.
public struct LaneBurst: Sendable {
    /// A frame header that stands before `frames`; a relay writes it anew, with its own stream id.
    public var header: ByteBuffer?
    /// Frames, or the payload that belongs to `header`.
    public var frames: ByteBuffer
    /// Sum of the payload lengths: what it takes of the credit.
    public var payload: Int
    /// Ends with END or ERROR: nothing follows on the stream.
    public var isTerminal: Bool
    /// False for nothing but END or ERROR.
    public var needsCredit: Bool

    public init(
        header: ByteBuffer? = nil, frames: ByteBuffer, payload: Int, isTerminal: Bool, needsCredit: Bool = true
    ) {
        self.header = header
        self.frames = frames
        self.payload = payload
        self.isTerminal = isTerminal
        self.needsCredit = needsCredit
    }

    /// A frame that is passed on under another stream id.
    public init(_ frame: Frame, as stream: StreamID, allocator: ByteBufferAllocator) {
        var header = allocator.buffer(capacity: FrameHeader.size)
        let length = frame.payload.readableBytes
        header.writeFrameHeader(frame.type, flags: frame.flags, stream: stream, length: length)
        self.init(
            header: header, frames: frame.payload, payload: length, isTerminal: frame.isTerminal,
            needsCredit: !frame.isTerminal)
    }

    /// Frames that are passed on under another stream id: small neighbours are packed into one buffer, since each burst has a cost of
    /// its own that no credit counts; large ones go as they are, uncopied.
    public static func bursts(_ frames: [Frame], as stream: StreamID, allocator: ByteBufferAllocator) -> [LaneBurst] {
        var bursts: [LaneBurst] = []
        var pack: LaneBurst?
        for frame in frames {
            let length = frame.payload.readableBytes
            guard length < smallFrame, !frame.isTerminal else {
                if let pack { bursts.append(pack) }
                pack = nil
                bursts.append(LaneBurst(frame, as: stream, allocator: allocator))
                continue
            }
            var open = pack ?? LaneBurst(frames: allocator.buffer(capacity: 4096), payload: 0, isTerminal: false)
            open.frames.writeFrameHeader(frame.type, flags: frame.flags, stream: stream, length: length)
            open.frames.writeImmutableBuffer(frame.payload)
            open.payload += length
            pack = open.payload < largestPack ? open : nil
            if pack == nil { bursts.append(open) }
        }
        if let pack { bursts.append(pack) }
        return bursts
    }

    private static let smallFrame = 4096
    private static let largestPack = 65_536

    /// One message as a burst of its own.
    public init(_ message: Message, on stream: StreamID, allocator: ByteBufferAllocator) {
        var frames = allocator.buffer(capacity: 256)
        frames.writeFrame(message, stream: stream)
        let isTerminal = message.type == .end || message.type == .error
        self.init(
            frames: frames, payload: frames.readableBytes - FrameHeader.size, isTerminal: isTerminal,
            needsCredit: !isTerminal)
    }
}

extension Frame {
    /// END and ERROR end a stream on its lane.
    public var isTerminal: Bool { type == .end || type == .error }
}

/// Decides which stream sends next on a lane: round robin by bytes, within each stream's credit (chapters 4 and 6). A value
/// without I/O.
public struct LaneScheduler: Sendable {
    private struct Stream: Sendable {
        var queue = CircularBuffer<LaneBurst>()
        var queuedBytes = 0
        /// Lane payload sent, as the peer counts it.
        var sent: UInt64 = 0
        /// The highest limit that came, as it came.
        var granted: UInt64 = 0
        /// Up to here lane payload may be sent: what was granted, but not farther ahead than the protocol allows.
        var limit: UInt64 = 0
        /// Ticks since it last sent anything although it had something to send.
        var stalledTicks = 0
        /// Bytes it may still send in this round.
        var allowance = 0
        var isWaitingForTurn = false

        var canSend: Bool {
            guard let burst = queue.first else { return false }
            return !burst.needsCredit || sent + UInt64(burst.payload) <= limit || Flaw.breaks("CRD-1")
        }

        mutating func grant(_ limit: UInt64) {
            granted = limit
            self.limit = min(limit, sent + Limits.largestWindow)
        }

        mutating func takeFirst() -> LaneBurst? {
            guard let burst = queue.popFirst() else { return nil }
            queuedBytes -= burst.payload
            stalledTicks = 0
            sent += UInt64(burst.payload)
            allowance -= burst.payload
            return burst
        }
    }

    /// Bytes that a stream gets in one round.
    private static let quantum = 256 * 1024

    private var streams: [StreamID: Stream] = [:]
    /// Streams that can send, in the order of their turns.
    private var ring = CircularBuffer<StreamID>()

    public init() {}

    public var isEmpty: Bool { streams.isEmpty }
    public var openStreams: [StreamID] { Array(streams.keys) }

    public mutating func open(_ stream: StreamID, limit: UInt64) {
        var opened = Stream()
        opened.grant(limit)
        streams[stream] = opened
    }

    /// Bytes of payload that wait to be sent; `nil` if the stream is not open.
    public func queuedBytes(_ stream: StreamID) -> Int? { streams[stream]?.queuedBytes }

    /// Lane payload that was sent; `nil` if the stream is not open.
    public func sentBytes(_ stream: StreamID) -> UInt64? { streams[stream]?.sent }

    /// What a stream waits for, as far as the lane knows; `nil` if it is not open.
    ///
    /// - Parameter isNetworkBusy: what was handed to the network has not left yet.
    public func waiting(_ stream: StreamID, isNetworkBusy: Bool) -> HopReport.Waiting? {
        guard let stream = streams[stream] else { return nil }
        if isNetworkBusy { return .network }
        if stream.queue.isEmpty { return .source }
        return stream.canSend ? .nothing : .credit
    }

    /// Queues a burst. Without effect if the stream is not open.
    public mutating func enqueue(_ burst: LaneBurst, on stream: StreamID) {
        streams[stream]?.queue.append(burst)
        streams[stream]?.queuedBytes += burst.payload
        takeTurn(stream)
    }

    /// The receiver lets us send up to `limit`.
    ///
    /// - Throws: `flowControl` if the limit shrinks.
    public mutating func grant(_ limit: UInt64, to stream: StreamID) throws(ProtocolViolation) {
        guard let current = streams[stream] else { return }
        guard limit >= current.granted || Flaw.breaks("CRD-4") else {
            throw ProtocolViolation(.flowControl, "the credit of stream \(stream) shrinks to \(limit)")
        }
        guard limit > current.granted else { return }
        streams[stream]?.grant(limit)
        takeTurn(stream)
    }

    /// Forgets the stream and all that it had queued.
    public mutating func close(_ stream: StreamID) { streams[stream] = nil }

    /// Forgets what the stream had queued, but for its last frame.
    public mutating func drop(_ stream: StreamID) {
        guard let last = streams[stream]?.queue.last else { return }
        streams[stream]?.queue.removeAll()
        streams[stream]?.queuedBytes = 0
        if last.isTerminal { enqueue(last, on: stream) }
    }

    /// Drops what is queued and sends nothing more but `burst`, which is terminal and needs no credit.
    public mutating func end(_ stream: StreamID, with burst: LaneBurst) {
        // All else was sent: it has ended, and not with this. An END behind what is dropped would not be true.
        if let next = streams[stream]?.queue.first, next.isTerminal, !next.needsCredit { return }
        streams[stream]?.queue.removeAll()
        streams[stream]?.queuedBytes = 0
        enqueue(burst, on: stream)
    }

    /// The next burst that may be sent now. A terminal one closes its stream.
    public mutating func next() -> (stream: StreamID, burst: LaneBurst)? {
        while let id = ring.first {
            guard streams[id]?.canSend == true else {
                _ = ring.popFirst()
                streams[id]?.isWaitingForTurn = false
                continue
            }
            guard let allowance = streams[id]?.allowance, allowance > 0 else {
                _ = ring.popFirst()
                ring.append(id)
                streams[id]?.allowance += LaneScheduler.quantum
                continue
            }
            guard let burst = streams[id]?.takeFirst() else { return nil }
            if burst.isTerminal { streams[id] = nil }
            return (id, burst)
        }
        return nil
    }

    /// One second has passed.
    ///
    /// - Returns: the streams that have had something to send for `limit` seconds and could not send it.
    public mutating func tick(stalledFor limit: Int) -> [StreamID] {
        for (id, stream) in streams where !stream.queue.isEmpty { streams[id]?.stalledTicks += 1 }
        return streams.filter { $0.value.stalledTicks == limit }.map(\.key)
    }

    private mutating func takeTurn(_ id: StreamID) {
        guard let stream = streams[id], !stream.isWaitingForTurn, stream.canSend else { return }
        streams[id]?.isWaitingForTurn = true
        streams[id]?.allowance = LaneScheduler.quantum
        ring.append(id)
    }
}
