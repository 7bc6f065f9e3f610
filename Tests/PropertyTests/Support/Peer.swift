import BatonProtocol
import NIOCore
import PropertyTesting

/// One end of one connection.
struct Link {
    var decoder: FrameDecoder
    var machine: ConnectionMachine
    /// What has been sent and has not arrived.
    var out = ByteBuffer()
    var isGreeted = false

    init(_ kind: ConnectionKind?, _ role: ConnectionRole) {
        decoder = FrameDecoder(connection: kind)
        machine = ConnectionMachine(kind: kind, role: role)
    }

    mutating func send(_ message: Message, on stream: StreamID = 0) { out.writeFrame(message, stream: stream) }

    mutating func greet(as kind: ConnectionKind) {
        decoder.connection = kind
        decoder.isGreeted = true
        isGreeted = true
    }
}

/// One side of a session: its machines, joined as a session and its lane join them, and what they must not get wrong.
struct Peer {
    let role: ConnectionRole
    var control: Link
    /// There is one at a time here.
    var lane: Link?
    var streams: StreamTable
    var scheduler = LaneScheduler()
    var ticket: [UInt8]?

    /// All streams that this side has opened, also those that have ended.
    private(set) var asked: [StreamID: Asked] = [:]
    /// Streams that this side answers.
    private(set) var served: [StreamID: Served] = [:]
    private var lastOpened: StreamID = 0
    private var pinged: UInt64?
    private var lastPing: UInt64 = 0
    private var isGone = false
    /// A lane was lost: whoever had asked does not wait for answers any more (STR-29), and may ask too early.
    var mayBeAskedEarly = false

    struct Asked {
        let isGet: Bool
        var window = ReceiveWindow(size: Limits.smallestWindow)
        var unconsumed = 0
        var isCancelled = false
        var hasEnded = false
        /// It was given up with a lane; what still comes is late.
        var isAbandoned = false
    }

    struct Served {
        /// Of a GET: the first limit.
        let credit: UInt64?
        var isCancelled = false
        /// Its last frame is queued on the lane.
        var isEnding = false

        var isGet: Bool { credit != nil }
    }

    init(_ role: ConnectionRole, allowedToPeer: UInt16, allowedByPeer: UInt16) {
        self.role = role
        control = Link(role == .dialer ? .control : nil, role)
        streams = StreamTable(role: role, allowedToPeer: allowedToPeer)
        streams.allowedByPeer = allowedByPeer
        if role == .dialer { control.send(.hello(Hello())) }
    }

    var hasLane: Bool { lane?.isGreeted == true }
    var mayAsk: Bool { control.isGreeted && !isGone && !streams.isDraining }
    var openStreams: [StreamID] { asked.filter { !$0.value.hasEnded }.keys.sorted() }

    // MARK: What this side does

    mutating func ask(_ operation: Request.Operation, deadline: UInt32) throws -> StreamID? {
        let request = Request(operation, deadline: deadline)
        let open = openStreams.count
        guard let stream = streams.open(request) else {
            guard open == streams.allowedByPeer else { throw Broken("no stream is opened with \(open) open") }
            return nil
        }
        guard open < streams.allowedByPeer else { throw Broken("one stream too many is opened") }
        guard stream > lastOpened, (stream % 2 == 1) == (role == .dialer) else {
            throw Broken("\(stream) is opened after \(lastOpened)")
        }
        lastOpened = stream
        asked[stream] = Asked(isGet: request.type == .get)
        control.send(.request(request), on: stream)
        return stream
    }

    mutating func cancel(_ stream: StreamID, because code: ErrorCode) {
        guard asked[stream]?.isCancelled == false else { return }
        asked[stream]?.isCancelled = true
        control.send(.cancel(code), on: stream)
    }

    mutating func consume(_ bytes: Int, of stream: StreamID) {
        asked[stream]?.unconsumed -= bytes
        guard let limit = asked[stream]?.window.consume(UInt64(bytes)), asked[stream]?.hasEnded == false else { return }
        control.send(.credit(limit), on: stream)
    }

    mutating func ping() {
        guard control.isGreeted, pinged == nil else { return }
        lastPing += 1
        pinged = lastPing
        control.send(.ping(lastPing))
    }

    mutating func report(on stream: StreamID) {
        control.send(.report(HopReport(hop: .owner, waiting: .nothing, bytes: 0)), on: stream)
    }

    mutating func drain() {
        guard control.isGreeted, !streams.isDraining else { return }
        streams.isDraining = true
        control.send(.goAway(GoAway(code: .shutdown, lastStream: streams.lastPeerStream, message: "")))
    }

    mutating func tick() throws {
        streams.tick()
        guard control.machine.tick(received: true, sent: true) == .none else {
            throw Broken("a busy connection is given up")
        }
        _ = lane?.machine.tick(received: true, sent: true)
    }

    /// Answers a request, or lets the answer to a GET go on: with `frames`, or in the end.
    mutating func answer(_ stream: StreamID, with frames: [Frame], isLast: Bool) throws {
        guard let work = served[stream], !work.isEnding else { return }
        guard let credit = work.credit else {
            return try reply(work.isCancelled ? error(.cancelled) : .exists(true, source: .live), on: stream)
        }
        guard hasLane, !work.isCancelled else { return try fail(stream, work.isCancelled ? .cancelled : .interrupted) }
        if scheduler.sentBytes(stream) == nil { scheduler.open(stream, limit: credit) }
        for burst in LaneBurst.bursts(frames, as: stream, allocator: ByteBufferAllocator()) {
            scheduler.enqueue(burst, on: stream)
        }
        if isLast {
            served[stream]?.isEnding = true
            let end = Content.end(on: stream)
            scheduler.enqueue(LaneBurst(end, as: stream, allocator: ByteBufferAllocator()), on: stream)
        }
    }

    /// Ends a GET on the lane if anything of it was sent there, else on control.
    mutating func fail(_ stream: StreamID, _ code: ErrorCode) throws {
        guard served[stream]?.isEnding == false else { return }
        guard let sent = scheduler.sentBytes(stream), sent > 0 else {
            scheduler.close(stream)
            return try reply(error(code), on: stream)
        }
        served[stream]?.isEnding = true
        let burst = LaneBurst(.reply(error(code)), on: stream, allocator: ByteBufferAllocator())
        scheduler.end(stream, with: burst)
    }

    private func error(_ code: ErrorCode) -> Reply { .error(BatonError(code, "")) }

    private mutating func reply(_ reply: Reply, on stream: StreamID) throws {
        try finish(stream)
        control.send(.reply(reply), on: stream)
    }

    private mutating func finish(_ stream: StreamID) throws {
        guard served.removeValue(forKey: stream) != nil, streams.finish(stream) else {
            throw Broken("stream \(stream) is ended a second time")
        }
    }

    /// Sends what may be sent on the lane.
    mutating func pump(atMost bursts: Int) throws {
        guard hasLane else { return }
        for _ in 0..<bursts {
            guard let (stream, burst) = scheduler.next() else { return }
            if let header = burst.header { lane?.out.writeImmutableBuffer(header) }
            lane?.out.writeImmutableBuffer(burst.frames)
            if burst.isTerminal { try finish(stream) }
        }
    }

    // MARK: The lane comes and goes

    mutating func join() {
        guard role == .dialer, lane == nil, mayAsk, let ticket else { return }
        self.ticket = nil
        lane = Link(.lane, .dialer)
        lane?.send(.join(Join(ticket: ticket)))
    }

    /// The lane is gone: the transfers on it end, the session goes on (STR-24, STR-29).
    mutating func loseLane() throws {
        guard lane != nil else { return }
        lane = nil
        for stream in served.keys.sorted() where served[stream]?.isGet == true {
            try reply(error(.interrupted), on: stream)
        }
        scheduler = LaneScheduler()
        for stream in openStreams where asked[stream]?.isGet == true {
            cancel(stream, because: .interrupted)
            try ended(stream)
            asked[stream]?.isAbandoned = true
            streams.settle(stream)
        }
    }

    // MARK: What this side gets

    private mutating func ended(_ stream: StreamID) throws {
        guard asked[stream]?.hasEnded == false else { throw Broken("stream \(stream) ends twice, or was never opened") }
        asked[stream]?.hasEnded = true
    }

    mutating func receive(onControl bytes: ByteBuffer) throws {
        control.decoder.feed(bytes)
        while let frame = try control.decoder.next() {
            switch try control.machine.receive(frame) {
            case .none: break
            case .greeting: greeted()
            case .answer(let message): control.send(message)
            case .deliver(let frame): try receive(frame)
            case .pong(let opaque):
                guard pinged == opaque else { throw Broken("a PONG that answers no PING") }
                pinged = nil
            case .goAway: isGone = true
            }
        }
    }

    private mutating func greeted() {
        control.greet(as: .control)
        if role == .acceptor, let name = try? WorkName("work") {
            control.send(.welcome(Welcome(session: 1, app: name, work: name)))
            sendTicket()
        }
    }

    private mutating func sendTicket() { control.send(.ticket([UInt8](repeating: 7, count: Limits.ticket))) }

    private mutating func receive(_ frame: Frame) throws {
        switch try streams.receive(frame) {
        case .opened(let stream, let request): try serve(request, stream)
        case .refused(let stream):
            let isFull = mayBeAskedEarly && served.count == Int(streams.allowedToPeer)
            guard streams.isDraining || isFull else { throw Broken("stream \(stream) is refused") }
            control.send(.reply(error(.busy)), on: stream)
        case .replied(let stream, let reply):
            if asked[stream]?.isGet == true {
                guard case .error = reply else { throw Broken("a GET is answered on control with something else") }
            }
            try ended(stream)
        case .cancelled(let stream, _):
            guard served[stream]?.isCancelled == false else { throw Broken("what is not served is cancelled") }
            served[stream]?.isCancelled = true
            if served[stream]?.isGet == true { try fail(stream, .cancelled) }
        case .credit(let stream, let limit): try scheduler.grant(limit, to: stream)
        case .progress(let stream, _), .reported(let stream, _):
            guard asked[stream]?.hasEnded == false else { throw Broken("progress of what has ended") }
        case .ticket(let ticket): self.ticket = ticket
        case .late: break
        }
    }

    private mutating func serve(_ request: Request, _ stream: StreamID) throws {
        guard served[stream] == nil, served.count < Int(streams.allowedToPeer) else {
            throw Broken("one stream too many")
        }
        if case .get(let options) = request.operation {
            served[stream] = Served(credit: options.credit)
        } else {
            served[stream] = Served(credit: nil)
        }
        if request.deadline == 0 { try reply(error(.deadline), on: stream) }
    }

    /// - Parameter contents: of all streams.
    mutating func receive(onLane bytes: ByteBuffer, _ contents: inout [StreamID: Content]) throws {
        if lane == nil, role == .acceptor { lane = Link(nil, .acceptor) }
        lane?.decoder.feed(bytes)
        while let frame = try lane?.decoder.next() {
            switch try lane?.machine.receive(frame) {
            case .greeting(let message):
                lane?.greet(as: .lane)
                if case .join = message {
                    lane?.send(.joined(0))
                    sendTicket()
                }
            case .deliver(let frame):
                let stream = frame.stream
                if asked[stream]?.isAbandoned == true { break }
                guard let open = asked[stream], !open.hasEnded else {
                    throw Broken("a frame after the end of stream \(stream)")
                }
                try asked[stream]?.window.receive(frame.payload.readableBytes, isTerminal: frame.isTerminal)
                asked[stream]?.unconsumed += frame.payload.readableBytes
                try contents[stream]?.take(frame)
                guard frame.isTerminal else { break }
                try ended(stream)
                streams.settle(stream)
            default: throw Broken("\(frame.type) on a lane")
            }
        }
    }
}
