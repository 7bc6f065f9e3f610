public import BatonProtocol
public import NIOCore
import Synchronization

/// Where the frames of an incoming stream go.
public enum Inflow: Sendable {
    /// To the task that waits for them.
    case deliver(Inbox<Frame>)
    /// To another lane, under another id.
    case forward(to: Lane, as: StreamID)
    /// Only the last one to another lane: the stream was cancelled, its end is still awaited.
    case endOnly(to: Lane, as: StreamID)
    case discard
    /// Nowhere, but the task that waits is told of the end: the stream was cancelled.
    case awaitEnd(Inbox<Frame>)

    /// The stream was cancelled.
    fileprivate var isUnwanted: Bool {
        switch self {
        case .deliver, .forward: false
        case .endOnly, .discard, .awaitEnd: true
        }
    }
}

/// Who wants to know how an outgoing stream gets on. Called on the lane's loop.
public struct OutflowObserver: Sendable {
    /// So many bytes of payload have been handed to the network.
    let sent: @Sendable (Int) -> Void
    /// The last call: the stream's last frame has been handed over (`nil`), or the stream does not go on here.
    let ended: @Sendable (BatonError?) -> Void

    public init(sent: @escaping @Sendable (Int) -> Void, ended: @escaping @Sendable (BatonError?) -> Void) {
        self.sent = sent
        self.ended = ended
    }
}

/// One open bulk connection: carries the content of many streams at once, each within its credit (chapters 3, 4 and 6).
///
/// Methods that are not isolated can be called from anywhere; what they do happens on the lane's loop, in order.
public actor Lane: LoopActor {
    public nonisolated let loop: any EventLoop
    public nonisolated let channel: any Channel
    /// The session that the lane belongs to: credit and early errors travel there.
    private nonisolated let session: Session
    /// Who is at the other end, for messages.
    private nonisolated let peerName: String
    /// Who speaks when this end finds an error.
    private nonisolated let side: BatonError.Source
    private nonisolated let onEnd: @Sendable (Lane, BatonError) -> Void

    /// Behind a lock, not on the loop: a stream must be known here before the request that starts it has left.
    private nonisolated let inbound = Mutex<[StreamID: Inbound]>([:])
    private var touched: [StreamID] = []
    private var scheduler = LaneScheduler()
    private var observers: [StreamID: OutflowObserver] = [:]
    private var lateFrames = FloodBudget()
    private var isOver = false

    private struct Inbound {
        var window: ReceiveWindow
        var inflow: Inflow
        var batch: [Frame] = []
    }

    /// Bytes that go to the network in one flush.
    private static let flushSize = 256 * 1024

    public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - peerName: who is at the other end, for messages.
    ///   - side: who speaks when this end finds an error.
    public init(
        channel: any Channel, session: Session, peerName: String, side: BatonError.Source,
        onEnd: @escaping @Sendable (Lane, BatonError) -> Void
    ) {
        loop = channel.eventLoop
        self.channel = channel
        self.session = session
        self.peerName = peerName
        self.side = side
        self.onEnd = onEnd
    }

    // MARK: In

    /// Expects frames of a stream of ours.
    ///
    /// - Parameter window: bytes that the sender may be ahead, as it was told with the request.
    public nonisolated func expect(_ stream: StreamID, window: UInt64, _ inflow: Inflow) {
        inbound.withLock { $0[stream] = Inbound(window: ReceiveWindow(size: window), inflow: inflow) }
    }

    /// Sends what still comes elsewhere. Without effect if the stream has ended.
    public nonisolated func redirect(_ stream: StreamID, _ inflow: Inflow) {
        inbound.withLock { $0[stream]?.inflow = inflow }
    }

    /// The stream has ended on control: no frame will come.
    public nonisolated func forget(_ stream: StreamID) {
        inbound.withLock { $0[stream] = nil }
    }

    /// So many bytes are done with: the sender may send as many more.
    public nonisolated func consumed(_ bytes: Int, of stream: StreamID) {
        let limit = inbound.withLock { $0[stream]?.window.consume(UInt64(bytes)) }
        if let limit { session.grant(limit, to: stream) }
    }

    private func receive(_ frame: Frame) throws(ProtocolViolation) {
        if frame.type == .source, side == .relay {
            throw ProtocolViolation(.unexpectedFrame, "only a relay can say that it answers from its store")
        }
        let verdict = inbound.withLock { table -> Result<Bool, ProtocolViolation> in
            Result { () throws(ProtocolViolation) in
                guard table[frame.stream] != nil else {
                    // It crossed the end of its stream.
                    try lateFrames.spend(.lateFrames)
                    return false
                }
                try table[frame.stream]?.window.receive(frame.payload.readableBytes, isTerminal: frame.isTerminal)
                let isFirst = table[frame.stream]?.batch.isEmpty ?? false
                table[frame.stream]?.batch.append(frame)
                return isFirst
            }
        }
        if try verdict.get() { touched.append(frame.stream) }
    }

    private func passOn() {
        for stream in touched {
            let taken = inbound.withLock { table -> (Inflow, [Frame])? in
                guard let entry = table[stream] else { return nil }
                table[stream]?.batch = []
                if entry.batch.last?.isTerminal == true { table[stream] = nil }
                return (entry.inflow, entry.batch)
            }
            guard let (inflow, batch) = taken else { continue }
            let isEnd = batch.last?.isTerminal == true
            // First, so that whoever is told of the end cannot cancel the stream after it.
            if isEnd { session.settle(stream) }
            switch inflow {
            case .deliver(let inbox):
                inbox.push(batch)
                if isEnd { inbox.finish() }
            case .forward(let lane, let other):
                for frame in batch where frame.type == .chunk { Moment.chunkForwarded() }
                lane.enqueue(batch, as: other)
            case .endOnly(let lane, let other): if isEnd { lane.enqueue(batch.suffix(1), as: other) }
            case .discard: break
            case .awaitEnd(let inbox): if isEnd { inbox.finish() }
            }
        }
        touched.removeAll(keepingCapacity: true)
    }

    // MARK: Out

    /// Makes an outgoing stream known.
    ///
    /// - Parameter limit: lane payload that the receiver takes for now.
    public nonisolated func open(_ stream: StreamID, limit: UInt64, observer: OutflowObserver) {
        loop.execute {
            self.assumeIsolated { lane in
                guard !lane.isOver else { return observer.ended(BatonError(.interrupted, "the lane is gone")) }
                lane.scheduler.open(stream, limit: limit)
                lane.observers[stream] = observer
            }
        }
    }

    /// The receiver takes more.
    public nonisolated func grant(_ limit: UInt64, to stream: StreamID) {
        loop.execute {
            self.assumeIsolated { lane in
                do throws(ProtocolViolation) {
                    try lane.scheduler.grant(limit, to: stream)
                    lane.pump()
                } catch {
                    lane.session.close(error.code, error.message)
                }
            }
        }
    }

    /// Queues frames that another connection has brought.
    public nonisolated func enqueue(_ frames: [Frame], as stream: StreamID) {
        // Always by way of the loop's queue, also from the loop itself: so no frame overtakes the opening of its stream.
        loop.execute {
            self.assumeIsolated { lane in
                let allocator = lane.channel.allocator
                for burst in LaneBurst.bursts(frames, as: stream, allocator: allocator) {
                    lane.scheduler.enqueue(burst, on: stream)
                }
                lane.pump()
            }
        }
    }

    /// Queues frames that were made here.
    public nonisolated func enqueue(_ burst: LaneBurst, on stream: StreamID) {
        loop.execute {
            self.assumeIsolated { lane in
                lane.scheduler.enqueue(burst, on: stream)
                lane.pump()
            }
        }
    }

    /// Ends a stream of the peer with an error: here, if anything of it was sent here, else on control.
    public nonisolated func end(_ stream: StreamID, with error: BatonError) {
        loop.execute {
            self.assumeIsolated { lane in
                if let sent = lane.scheduler.sentBytes(stream), sent > 0 {
                    let burst = LaneBurst(.reply(.error(error)), on: stream, allocator: lane.channel.allocator)
                    lane.scheduler.end(stream, with: burst)
                    // Now, not when the network takes the error: whoever makes the frames is to stop.
                    lane.observers.removeValue(forKey: stream)?.ended(error)
                    lane.pump()
                } else {
                    lane.scheduler.close(stream)
                    lane.observers.removeValue(forKey: stream)?.ended(error)
                    lane.session.reply(.error(error), on: stream)
                }
            }
        }
    }

    /// Throws away what is queued on a stream that was cancelled. Its last frame is still to come.
    public nonisolated func drop(_ stream: StreamID) {
        loop.execute {
            self.assumeIsolated { $0.scheduler.drop(stream) }
        }
    }

    /// Writes what may be sent, as far as the network takes it.
    private func pump() {
        var unflushed = 0
        while channel.isWritable, let (stream, burst) = scheduler.next() {
            if let header = burst.header { channel.write(header, promise: nil) }
            channel.write(burst.frames, promise: nil)
            observers[stream]?.sent(burst.payload)
            if burst.isTerminal {
                observers.removeValue(forKey: stream)?.ended(nil)
                session.finish(stream)
            }
            unflushed += burst.payload
            if unflushed >= Lane.flushSize {
                channel.flush()
                unflushed = 0
            }
        }
        if unflushed > 0 { channel.flush() }
    }

    /// A receiver that takes nothing for so long does not get to hold memory any longer.
    private func endStalled() {
        lateFrames = FloodBudget()
        for stream in scheduler.tick(stalledFor: Limits.stalledSeconds) {
            let message = "the receiver has taken nothing for \(Limits.stalledSeconds) seconds"
            end(stream, with: BatonError(.deadline, message, saidBy: side))
        }
    }

    /// Once a second each stream's opener hears how far it is and what it waits for: so a stall has a name.
    private func report() {
        let buffered = try? channel.syncOptions?.getOption(.bufferedWritableBytes)
        let isNetworkBusy = !channel.isWritable || (buffered ?? 0) > 0
        for stream in scheduler.openStreams {
            guard let waiting = scheduler.waiting(stream, isNetworkBusy: isNetworkBusy) else { continue }
            let bytes = scheduler.sentBytes(stream) ?? 0
            session.send(HopReport(hop: side == .relay ? .relay : .owner, waiting: waiting, bytes: bytes), on: stream)
        }
    }

    // MARK: The end

    /// An acceptor's first message.
    public nonisolated func sayJoined() {
        channel.send(.joined(0))
    }

    public nonisolated func close() {
        channel.close(promise: nil)
    }

    /// Says why, then closes.
    public nonisolated func close(_ code: ErrorCode, _ message: String) {
        onLoop { $0.channel.sendAndClose(GoAway(code: code, message: message)) }
    }

    private func end(_ error: BatonError) {
        isOver = true
        let sentence = "the lane to \(peerName) was lost in the middle of the transfer: \(error.message)"
        let lost = BatonError(.interrupted, sentence, saidBy: side)
        let orphans = inbound.withLock { table in
            defer { table = [:] }
            return table
        }
        for (stream, entry) in orphans {
            session.giveUp(stream, isCancelled: entry.inflow.isUnwanted)
            switch entry.inflow {
            case .deliver(let inbox), .awaitEnd(let inbox): inbox.finish(lost)
            case .forward(let lane, let other), .endOnly(let lane, let other): lane.end(other, with: lost)
            case .discard: break
            }
        }
        for observer in observers.values { observer.ended(lost) }
        observers = [:]
        for stream in scheduler.openStreams { session.reply(.error(lost), on: stream) }
        scheduler = LaneScheduler()
        onEnd(self, error)
    }
}

extension Lane: ConnectionOwner {
    public nonisolated func received(_ frame: Frame) throws(ProtocolViolation) {
        let result = assumeIsolated { lane in
            Result { () throws(ProtocolViolation) in try lane.receive(frame) }
        }
        if case .failure(let violation) = result, violation.code == .flowControl {
            session.close(violation.code, violation.message)
        }
        try result.get()
    }

    public nonisolated func batchEnded() { assumeIsolated { $0.passOn() } }
    public nonisolated func becameWritable() { assumeIsolated { $0.pump() } }
    public nonisolated func ended(_ error: BatonError) { assumeIsolated { $0.end(error) } }
    public nonisolated func pong(_ opaque: UInt64) {}
    public nonisolated func goAway(_ goAway: GoAway) {}
    public nonisolated func tick() {
        assumeIsolated { lane in
            lane.endStalled()
            lane.report()
        }
    }
}
