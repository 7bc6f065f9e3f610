import BatonProtocol
import NIOCore
import PropertyTesting
import Testing

/// Two sides of a session and what lies between them.
private struct Conversation {
    var peers: [Peer]
    var contents: [StreamID: Content] = [:]
    /// The sides that have not noticed yet that the lane is gone.
    var unaware: Set<Int> = []
    /// Until the next second.
    var pings = 0

    init(_ run: inout Run) {
        let allowed = (0..<2).map { _ in UInt16(run.number(1...6)) }
        peers = [
            Peer(.dialer, allowedToPeer: allowed[0], allowedByPeer: allowed[1]),
            Peer(.acceptor, allowedToPeer: allowed[1], allowedByPeer: allowed[0]),
        ]
    }

    // MARK: Bytes arrive

    mutating func deliverControl(to side: Int, _ count: Int) throws {
        let count = min(count, waiting(for: side).control)
        guard let bytes = peers[1 - side].control.out.readSlice(length: count) else { return }
        try peers[side].receive(onControl: bytes)
    }

    mutating func deliverLane(to side: Int, _ count: Int) throws {
        let count = min(count, waiting(for: side).lane)
        guard unaware.isEmpty, count > 0, let bytes = peers[1 - side].lane?.out.readSlice(length: count) else { return }
        try peers[side].receive(onLane: bytes, &contents)
    }

    /// Bytes that have not arrived.
    func waiting(for side: Int) -> (control: Int, lane: Int) {
        (peers[1 - side].control.out.readableBytes, peers[1 - side].lane?.out.readableBytes ?? 0)
    }

    // MARK: Things happen

    mutating func happen(_ run: inout Run) throws {
        let side = run.number(0...1)
        let name = side == 0 ? "the dialer" : "the acceptor"
        switch run.number(0...39) {
        case 0...6 where peers[side].mayAsk: try ask(side, name, &run)
        case 7...9:
            guard let stream = run.pick(peers[side].served.keys.sorted()) else { return }
            run.note("\(name) answers \(stream)")
            try answer(stream, side, isLast: run.oneIn(3), &run)
        case 10:
            guard let stream = run.pick(peers[side].served.keys.sorted()) else { return }
            guard peers[side].served[stream]?.isGet == true else { return }
            run.note("\(name) fails on \(stream)")
            try peers[side].fail(stream, .changed)
        case 11...14:
            run.note("\(name) sends on its lane")
            try peers[side].pump(atMost: run.number(1...6))
        case 15...16:
            guard let stream = run.pick(peers[side].openStreams) else { return }
            let bytes = run.number(0...(peers[side].asked[stream]?.unconsumed ?? 0))
            run.note("\(name) consumes \(bytes) bytes of \(stream)")
            peers[side].consume(bytes, of: stream)
        case 17 where run.oneIn(2):
            guard let stream = run.pick(peers[side].openStreams) else { return }
            run.note("\(name) cancels \(stream)")
            peers[side].cancel(stream, because: .cancelled)
        case 18 where pings < 10:
            run.note("\(name) pings")
            pings += 1
            peers[side].ping()
        case 19:
            guard let stream = run.pick(peers[side].served.keys.sorted()) else { return }
            if peers[side].served[stream]?.isGet == true { peers[side].report(on: stream) }
        case 20:
            run.note("a second passes")
            pings = 0
            for side in 0...1 { try peers[side].tick() }
        case 21 where run.oneIn(3) && unaware.isEmpty && peers[0].hasLane && peers[1].hasLane:
            run.note("the lane is lost")
            unaware = [0, 1]
            for side in 0...1 { peers[side].mayBeAskedEarly = true }
        case 22...23: try notice(side, &run)
        case 24...25 where unaware.isEmpty && peers[1].lane == nil: peers[0].join()
        case 26 where run.oneIn(30):
            run.note("\(name) drains")
            peers[side].drain()
        case 27...33:
            let waiting = waiting(for: side).control
            let count = run.number(0...(run.oneIn(2) ? min(30, waiting) : waiting))
            run.note("\(count) bytes of control come to \(name)")
            try deliverControl(to: side, count)
        default:
            let waiting = waiting(for: side).lane
            let count = run.number(0...(run.oneIn(4) ? min(30, waiting) : waiting))
            run.note("\(count) bytes of the lane come to \(name)")
            try deliverLane(to: side, count)
        }
    }

    private mutating func ask(_ side: Int, _ name: String, _ run: inout Run) throws {
        // A dialer gets nothing before it has a lane (SES-16). An acceptor may; but if the dialer still believes in a lane that is gone,
        // the answer is lost with it, and only time tells.
        let isGet = run.oneIn(2) && (peers[side].hasLane || (side == 1 && unaware.isEmpty))
        let operation = isGet ? .get(GetOptions(credit: Limits.smallestWindow)) : Request.Operation.exists
        guard let stream = try peers[side].ask(operation, deadline: run.oneIn(10) ? 0 : 1000) else { return }
        run.note("\(name) asks with \(isGet ? "GET" : "EXISTS") \(stream)")
        contents[stream] = isGet ? Content() : nil
    }

    private mutating func answer(_ stream: StreamID, _ side: Int, isLast: Bool, _ run: inout Run) throws {
        let isGoing =
            peers[side].hasLane && peers[side].served[stream]?.isGet == true
            && peers[side].served[stream]?.isEnding == false
        let frames = isGoing ? (0..<run.number(0...5)).compactMap { _ in contents[stream]?.make(on: stream, &run) } : []
        try peers[side].answer(stream, with: frames, isLast: isLast)
    }

    private mutating func notice(_ side: Int, _ run: inout Run) throws {
        guard unaware.contains(side) else { return }
        run.note("side \(side) sees that the lane is gone")
        try peers[side].loseLane()
        unaware.remove(side)
    }

    // MARK: The end

    /// Nothing new begins, and all that has begun is done.
    mutating func finish(_ run: inout Run) throws {
        for side in 0...1 { try notice(side, &run) }
        for _ in 0..<1000 where !isQuiet {
            for side in 0...1 {
                for stream in peers[side].served.keys.sorted() { try answer(stream, side, isLast: true, &run) }
                try peers[side].pump(atMost: 100)
                for stream in peers[side].openStreams {
                    peers[side].consume(peers[side].asked[stream]?.unconsumed ?? 0, of: stream)
                }
                try deliverControl(to: side, .max)
                try deliverLane(to: side, .max)
            }
        }
        for side in 0...1 {
            let open = peers[side].openStreams
            try run.expect(open.isEmpty, "streams \(open) of side \(side) never end")
            try run.expect(peers[side].streams.isIdle, "side \(side) holds streams that have ended")
            try run.expect(peers[side].scheduler.isEmpty, "the lane of side \(side) holds streams that have ended")
            try run.expect(peers[side].control.decoder.isEmpty, "side \(side) has half a frame")
            peers[side].drain()
        }
        for side in 0...1 { try deliverControl(to: side, .max) }
        for side in 0...1 { try run.expect(!peers[side].mayAsk, "side \(side) asks after the goodbye") }
    }

    private var isQuiet: Bool {
        (0...1).allSatisfy { side in
            peers[side].openStreams.isEmpty && peers[side].served.isEmpty && waiting(for: side) == (0, 0)
        }
    }
}

@Suite("Two sides of a session, whatever they do", .timeLimit(.minutes(5)))
struct ConversationTests {
    @Test func `every stream ends once, none is one too many, and what a GET brings is what was sent`() async throws {
        try await checkProperty(runs: 60, steps: 500) { run in
            var conversation = Conversation(&run)
            while run.step() { try conversation.happen(&run) }
            try conversation.finish(&run)
        }
    }
}
