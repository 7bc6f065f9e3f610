public import BatonProtocol
public import NIOCore

/// One open control connection (or local one): its streams, and whom they concern (chapters 3 and 4).
///
/// Methods that are not isolated can be called from anywhere; what they do happens on the session's loop, in order.
public actor Session: LoopActor {
    public nonisolated let loop: any EventLoop
    public nonisolated let channel: any Channel
    public nonisolated let peer: SessionPeer
    /// What WELCOME settles for both sides and all lanes, in milliseconds.
    public nonisolated let keepalive: UInt32
    /// Who speaks when this side finds an error.
    private nonisolated let side: BatonError.Source
    private nonisolated let delegate: any SessionDelegate

    private var streams: StreamTable
    private var handlers: [StreamID: @Sendable (StreamEvent) -> Void] = [:]
    /// When streams of ours expire. Looked at once a second: a timer of its own for each would cost more than the request.
    private var expiries: [StreamID: (deadline: NIODeadline, action: @Sendable () -> Void)] = [:]
    /// Until when the peer's streams want an answer. A GET is not among them: once it has begun, credit keeps it going.
    private var deadlines: [StreamID: NIODeadline] = [:]
    /// It has ended, and nothing can be asked here any more.
    public private(set) var isOver = false
    /// Set while the session drains.
    private var drainDeadline: NIODeadline?
    /// The peer has said GOAWAY: it takes no stream of ours any more (SES-24).
    private var isPeerLeaving = false

    public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - side: who speaks when this side finds an error.
    ///   - allowedByPeer: streams that the peer lets this side have open at once.
    ///   - keepalive: of WELCOME, or what is proposed for it, in milliseconds; cut to what the protocol allows.
    public init(
        channel: any Channel, role: ConnectionRole, side: BatonError.Source, peer: SessionPeer, allowedByPeer: UInt16,
        keepalive: UInt32 = Limits.defaultKeepalive, delegate: any SessionDelegate
    ) {
        loop = channel.eventLoop
        self.channel = channel
        self.peer = peer
        self.keepalive = keepalive.clamped(to: Limits.keepalive)
        self.side = side
        self.delegate = delegate
        streams = StreamTable(role: role, allowedToPeer: Limits.defaultStreams)
        streams.allowedByPeer = allowedByPeer.clamped(to: Limits.streams)
    }

    // MARK: Streams of ours

    /// Takes an id for a new stream. ``start(_:with:)`` must follow before anything else happens on the loop: ids are to be used in
    /// the order in which they are given out.
    ///
    /// - Returns: `nil` if the peer takes no more streams now, or the session is over or either side drains.
    public func reserve(for request: Request, onEvent: @escaping @Sendable (StreamEvent) -> Void) -> StreamID? {
        guard !isOver, drainDeadline == nil, !isPeerLeaving, let stream = streams.open(request) else { return nil }
        handlers[stream] = onEvent
        return stream
    }

    /// Sends the request that opens the stream.
    public func start(_ stream: StreamID, with request: Request) {
        channel.send(.request(request), stream: stream)
    }

    /// Opens a stream with a request. `prepare` is called with its id before the request is sent.
    ///
    /// - Returns: as ``reserve(for:onEvent:)``.
    public func open(
        _ request: Request, prepare: @Sendable (StreamID) -> Void = { _ in },
        onEvent: @escaping @Sendable (StreamEvent) -> Void
    ) -> StreamID? {
        guard let stream = reserve(for: request, onEvent: onEvent) else { return nil }
        prepare(stream)
        start(stream, with: request)
        return stream
    }

    /// Calls `action` if the stream has not ended after that time.
    public func expire(_ stream: StreamID, after time: TimeAmount, _ action: @escaping @Sendable () -> Void) {
        if handlers[stream] != nil { expiries[stream] = (.now() + time, action) }
    }

    private func expireStreams() {
        let now = NIODeadline.now()
        for (stream, expiry) in expiries where expiry.deadline <= now {
            expiries[stream] = nil
            expiry.action()
        }
    }

    /// Asks the peer to stop, once. The stream ends when the peer says so.
    public nonisolated func cancel(_ stream: StreamID, because code: ErrorCode) {
        onLoop { session in
            guard !session.isOver, session.streams.cancel(stream) else { return }
            session.channel.send(.cancel(code), stream: stream)
        }
    }

    /// Lets the peer send lane payload of this stream up to `limit`.
    public nonisolated func grant(_ limit: UInt64, to stream: StreamID) {
        onLoop { session in
            guard session.handlers[stream] != nil else { return }
            session.channel.send(.credit(limit), stream: stream)
        }
    }

    /// The stream has ended on the lane.
    public nonisolated func settle(_ stream: StreamID) {
        onLoop { session in
            session.streams.settle(stream)
            session.handlers[stream] = nil
            session.expiries[stream] = nil
        }
    }

    /// The lane that was to bring the stream is gone, and with it perhaps its end: nobody waits for one any more (STR-29).
    ///
    /// - Parameter isCancelled: the peer has been asked to stop.
    nonisolated func giveUp(_ stream: StreamID, isCancelled: Bool) {
        onLoop { session in
            guard !session.isOver, session.handlers.removeValue(forKey: stream) != nil else { return }
            session.streams.settle(stream)
            session.expiries[stream] = nil
            if !isCancelled { session.channel.send(.cancel(.interrupted), stream: stream) }
        }
    }

    // MARK: Streams of the peer

    /// The peer waits so much longer for the answer: its request has been passed on, or begun (CAL-8).
    public nonisolated func prolong(_ stream: StreamID, by time: TimeAmount) {
        onLoop { session in
            if let deadline = session.deadlines[stream] { session.deadlines[stream] = deadline + time }
        }
    }

    /// From now on the peer waits so long, and no longer, for the answer: its request has come to where it is answered (CAL-8).
    public nonisolated func allow(_ time: TimeAmount, for stream: StreamID) {
        onLoop { session in
            if session.deadlines[stream] != nil { session.deadlines[stream] = .now() + time }
        }
    }

    /// Ends a stream of the peer. Without effect if it has ended.
    public nonisolated func reply(_ reply: Reply, on stream: StreamID) {
        onLoop { session in
            session.deadlines[stream] = nil
            guard session.streams.finish(stream) else { return }
            session.channel.send(.reply(reply), stream: stream)
        }
    }

    /// The stream of the peer has ended on the lane.
    public nonisolated func finish(_ stream: StreamID) {
        onLoop { session in _ = session.streams.finish(stream) }
    }

    /// How a FETCH of the peer gets on.
    public nonisolated func send(_ progress: Progress, on stream: StreamID) {
        notify(.progress(progress), on: stream)
    }

    /// What a hop of a GET of the peer says about itself.
    public nonisolated func send(_ report: HopReport, on stream: StreamID) {
        notify(.report(report), on: stream)
    }

    private nonisolated func notify(_ message: Message, on stream: StreamID) {
        onLoop { session in
            guard session.streams.isServing(stream) else { return }
            session.channel.send(message, stream: stream)
        }
    }

    /// An acceptor's first message.
    ///
    /// - Parameter keepalive: what the dialer proposes, in milliseconds.
    public nonisolated func welcome(_ message: Welcome, keepalive: UInt32) {
        var welcome = message
        welcome.keepalive = keepalive.clamped(to: Limits.keepalive)
        channel.send(.welcome(welcome))
    }

    /// A ticket for one more lane of this session.
    public nonisolated func send(ticket: [UInt8]) {
        onLoop { $0.channel.send(.ticket(ticket)) }
    }

    // MARK: The end

    /// Says why, then closes.
    public nonisolated func close(_ code: ErrorCode, _ message: String, reconnect: UInt32 = 0) {
        onLoop { session in
            guard !session.isOver else { return }
            let last = session.streams.lastPeerStream
            session.channel.sendAndClose(
                GoAway(code: code, lastStream: last, reconnect: reconnect, message: message))
        }
    }

    /// Takes no new streams, says so, and closes once those that run have ended or `limit` is over.
    public func drain(within limit: TimeAmount, reconnect: UInt32, _ message: String) {
        streams.isDraining = true
        let last = streams.lastPeerStream
        channel.send(.goAway(GoAway(code: .shutdown, lastStream: last, reconnect: reconnect, message: message)))
        drainDeadline = .now() + limit
        closeIfDrained()
    }

    private func closeIfDrained() {
        guard let drainDeadline, streams.isIdle || drainDeadline <= .now() else { return }
        channel.close(promise: nil)
    }

    private func receive(_ frame: Frame) throws(ProtocolViolation) {
        switch try streams.receive(frame) {
        case .opened(let stream, let request): take(request, on: stream)
        case .refused(let stream):
            let message =
                streams.isDraining
                ? "the other side is shutting down; try again"
                : "too many requests at once; try again when some have ended"
            channel.send(.reply(.error(BatonError(.busy, message, saidBy: side))), stream: stream)
        case .replied(let stream, let reply):
            expiries[stream] = nil
            handlers.removeValue(forKey: stream)?(.reply(reply))
        case .progress(let stream, let progress): handlers[stream]?(.progress(progress))
        case .reported(let stream, let report): handlers[stream]?(.report(report))
        case .cancelled(let stream, let code): delegate.session(self, cancelled: stream, because: code)
        case .credit(let stream, let limit): delegate.session(self, granted: limit, to: stream)
        case .ticket(let ticket): delegate.session(self, received: ticket)
        case .late: break
        }
    }

    private func take(_ request: Request, on stream: StreamID) {
        guard request.deadline > 0 else {
            let message = "the deadline had passed before the request came"
            let error = BatonError(.deadline, message, path: request.path, saidBy: side)
            return reply(.error(error), on: stream)
        }
        if case .get = request.operation {
        } else {
            deadlines[stream] = .now() + .milliseconds(Int64(request.deadline))
        }
        delegate.session(self, received: request, on: stream)
    }

    /// Stops the work for answers that nobody waits for any more.
    private func enforceDeadlines() {
        let now = NIODeadline.now()
        for (stream, deadline) in deadlines where deadline <= now {
            deadlines[stream] = nil
            if streams.isServing(stream) { delegate.session(self, cancelled: stream, because: .deadline) }
        }
    }

    private func end(_ error: BatonError) {
        guard !isOver else { return }
        isOver = true
        let orphans = handlers
        handlers = [:]
        expiries = [:]
        for handler in orphans.values { handler(.lost(error)) }
        delegate.sessionEnded(self, error)
    }
}

extension Session: ConnectionOwner {
    public nonisolated func received(_ frame: Frame) throws(ProtocolViolation) {
        let result = assumeIsolated { session in
            Result { () throws(ProtocolViolation) in try session.receive(frame) }
        }
        try result.get()
    }

    public nonisolated func tick() {
        assumeIsolated { session in
            session.streams.tick()
            session.expireStreams()
            session.enforceDeadlines()
            session.closeIfDrained()
        }
    }

    public nonisolated func goAway(_ goAway: GoAway) {
        assumeIsolated { $0.isPeerLeaving = true }
        delegate.session(self, received: goAway)
    }

    public nonisolated func ended(_ error: BatonError) {
        assumeIsolated { $0.end(error) }
    }

    public nonisolated func batchEnded() {}
    public nonisolated func pong(_ opaque: UInt64) {}
    public nonisolated func becameWritable() {}
}
