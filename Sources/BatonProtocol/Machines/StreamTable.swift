/// The streams of one session, of both sides (chapter 4). A value without I/O: it judges what comes in, hands out ids, and
/// knows which streams still count.
public struct StreamTable: Sendable {
    public enum Event: Hashable, Sendable {
        /// The peer opened a stream.
        case opened(StreamID, Request)
        /// The peer opened a stream that is one too many: answer `busy`; it does not count.
        case refused(StreamID)
        /// A stream of ours has ended on this connection.
        case replied(StreamID, Reply)
        /// The peer no longer wants the answer. The stream counts until ``finish(_:)``.
        case cancelled(StreamID, ErrorCode)
        case credit(StreamID, UInt64)
        case progress(StreamID, Progress)
        case reported(StreamID, HopReport)
        case ticket([UInt8])
        /// It crossed the end of its stream; nothing to do.
        case late
    }

    /// A stream that we have opened.
    private struct Asked: Sendable {
        let request: FrameType
        var isCancelled = false
        /// Of a LIST: what its reply is judged by.
        var page: Listing.Page?

        init(_ request: Request) {
            self.request = request.type
            if case .list(let after, let limit) = request.operation { page = Listing.Page(after: after, limit: limit) }
        }
    }

    /// A stream that the peer has opened.
    private struct Served: Sendable {
        let request: FrameType
        var isCancelled = false
    }

    private let role: ConnectionRole
    /// Streams that we have open towards the peer.
    private var ours: [StreamID: Asked] = [:]
    /// Streams that the peer has open towards us.
    private var theirs: [StreamID: Served] = [:]
    private var nextID: StreamID
    private var lastOpenedByPeer: StreamID = 0
    private var budget = FloodBudget()

    /// What the peer lets us have open at once.
    public var allowedByPeer: UInt16 = 1
    /// What we let the peer have open at once.
    public let allowedToPeer: UInt16
    /// Set on drain: no stream of the peer is taken any more.
    public var isDraining = false

    public init(role: ConnectionRole, allowedToPeer: UInt16) {
        self.role = role
        self.allowedToPeer = allowedToPeer
        nextID = role == .dialer ? 1 : 2
    }

    public var lastPeerStream: StreamID { lastOpenedByPeer }
    public var isIdle: Bool { ours.isEmpty && theirs.isEmpty }

    /// A new stream of ours for `request`; `nil` if the peer takes no more at once or the ids of this session are used up.
    public mutating func open(_ request: Request) -> StreamID? {
        guard ours.count < Int(allowedByPeer), nextID < StreamID.max - 1 else { return nil }
        defer { nextID += 2 }
        ours[nextID] = Asked(request)
        return nextID
    }

    /// We no longer want the answer.
    ///
    /// - Returns: whether the peer is to be told: once, and only while the stream is open.
    public mutating func cancel(_ stream: StreamID) -> Bool {
        guard ours[stream]?.isCancelled == false else { return false }
        ours[stream]?.isCancelled = true
        return true
    }

    /// A stream of ours has ended elsewhere: with END or ERROR on a lane.
    public mutating func settle(_ stream: StreamID) { ours[stream] = nil }

    /// The work for a stream of the peer has stopped and its last frame is sent. False if it was not open.
    public mutating func finish(_ stream: StreamID) -> Bool { theirs.removeValue(forKey: stream) != nil }

    public func isServing(_ stream: StreamID) -> Bool { theirs[stream] != nil }

    /// One second has passed.
    public mutating func tick() { budget = FloodBudget() }

    public mutating func receive(_ frame: Frame) throws(ProtocolViolation) -> Event {
        let stream = frame.stream
        switch try Message(frame) {
        case .request(let request): return try receive(request, on: stream)
        case .reply(let reply):
            guard let asked = ours[stream] else { return try late(stream, openedByUs: true) }
            guard reply.answers(asked.request) else { throw unexpected(frame) }
            if let page = asked.page, case .list(let listing) = reply { try listing.check(fits: page) }
            ours[stream] = nil
            return .replied(stream, reply)
        case .progress(let progress):
            guard let request = ours[stream]?.request else { return try late(stream, openedByUs: true) }
            guard request == .fetch || request == .persist else { throw unexpected(frame) }
            return .progress(stream, progress)
        case .report(let report):
            guard let request = ours[stream]?.request else { return try late(stream, openedByUs: true) }
            guard request == .get else { throw unexpected(frame) }
            return .reported(stream, report)
        case .cancel(let code):
            try budget.spend(.cancels)
            guard theirs[stream]?.isCancelled == false else { return try late(stream, openedByUs: false) }
            theirs[stream]?.isCancelled = true
            return .cancelled(stream, code)
        case .credit(let limit):
            guard let served = theirs[stream] else { return try late(stream, openedByUs: false) }
            guard served.request == .get else { throw unexpected(frame) }
            return .credit(stream, limit)
        case .ticket(let ticket):
            guard role == .dialer else { throw ProtocolViolation(.unexpectedFrame, "a ticket from a dialer") }
            return .ticket(ticket)
        default: throw unexpected(frame)
        }
    }

    private func unexpected(_ frame: Frame) -> ProtocolViolation {
        ProtocolViolation(.unexpectedFrame, "a \(frame.type) frame does not fit stream \(frame.stream)")
    }

    private mutating func receive(_ request: Request, on stream: StreamID) throws(ProtocolViolation) -> Event {
        try budget.spend(.opens)
        guard isOurs(stream) == false else {
            throw ProtocolViolation(.badStream, "stream \(stream) is not the peer's to open")
        }
        guard stream > lastOpenedByPeer || Flaw.breaks("STR-18") else {
            throw ProtocolViolation(.streamReused, "stream \(stream) was opened before, or skipped")
        }
        lastOpenedByPeer = stream
        guard !isDraining, theirs.count < Int(allowedToPeer) || Flaw.breaks("STR-14") else { return .refused(stream) }
        theirs[stream] = Served(request: request.type)
        return .opened(stream, request)
    }

    /// A frame for a stream that is not open: fine if it once was, a violation if it never was.
    private mutating func late(_ stream: StreamID, openedByUs: Bool) throws(ProtocolViolation) -> Event {
        let wasOpened = openedByUs ? stream < nextID : stream <= lastOpenedByPeer
        guard wasOpened, isOurs(stream) == openedByUs else {
            throw ProtocolViolation(.badStream, "stream \(stream) was never opened")
        }
        try budget.spend(.lateFrames)
        return .late
    }

    private func isOurs(_ stream: StreamID) -> Bool { (stream % 2 == 1) == (role == .dialer) }
}
