import BatonProtocol
import NIOCore
import PropertyTesting
import Testing

/// One way from a sender to a receiver: what is under way, and the limits that travel against it.
private struct Hop {
    var scheduler = LaneScheduler()
    var window: ReceiveWindow
    private var bursts: [LaneBurst] = []
    private var grants: [UInt64] = []
    private var decoder = FrameDecoder(connection: .lane)
    /// Lane payload that was sent without being a terminal frame.
    private(set) var sent: UInt64 = 0
    /// The highest limit that has reached the sender.
    private(set) var granted: UInt64

    init(window: UInt64) {
        self.window = ReceiveWindow(size: window)
        granted = window
        decoder.isGreeted = true
        scheduler.open(1, limit: window)
    }

    mutating func enqueue(_ frames: [Frame]) {
        for burst in LaneBurst.bursts(frames, as: 1, allocator: ByteBufferAllocator()) {
            scheduler.enqueue(burst, on: 1)
        }
    }

    /// - Returns: the payload of what has left; `nil` if nothing may.
    mutating func send() throws -> Int? {
        guard let (_, burst) = scheduler.next() else { return nil }
        if burst.needsCredit { sent += UInt64(burst.payload) }
        guard sent <= granted else { throw Broken("\(sent) bytes are sent with credit for \(granted)") }
        bursts.append(burst)
        return burst.payload
    }

    /// The oldest burst arrives.
    mutating func arrive() throws -> [Frame] {
        guard !bursts.isEmpty else { return [] }
        let burst = bursts.removeFirst()
        var bytes = burst.header ?? ByteBuffer()
        bytes.writeImmutableBuffer(burst.frames)
        decoder.feed(bytes)
        var frames: [Frame] = []
        while let frame = try decoder.next() {
            try window.receive(frame.payload.readableBytes, isTerminal: frame.isTerminal)
            frames.append(frame)
        }
        return frames
    }

    mutating func consume(_ bytes: Int) { if let limit = window.consume(UInt64(bytes)) { grants.append(limit) } }

    /// The oldest limit arrives.
    mutating func grant() throws {
        guard !grants.isEmpty else { return }
        granted = grants.removeFirst()
        try scheduler.grant(granted, to: 1)
    }

}

@Suite("Nothing is sent without credit, and with credit all of it arrives", .timeLimit(.minutes(5)))
struct CreditTests {
    private func window(_ run: inout Run) -> UInt64 { UInt64(run.number(1 << 20...5 << 20)) }

    /// A sender that ends must get there, however little is consumed at a time. Each turn moves something, or there is a deadlock.
    private static let turns = 20_000

    @Test func `a sender stays below its limit, all arrives in order, and it ends if credit goes on coming`()
        async throws
    {
        try await checkProperty(runs: 25, steps: 150) { run in
            var hop = Hop(window: window(&run))
            var content = Content()
            var unconsumed = 0

            func arrive() throws {
                for frame in try hop.arrive() {
                    try content.take(frame)
                    unconsumed += frame.payload.readableBytes
                }
            }
            func consume(_ bytes: Int) {
                run.note("\(bytes) bytes are consumed")
                hop.consume(bytes)
                unconsumed -= bytes
            }
            while run.step() {
                switch run.number(0...4) {
                case 0:
                    let frames = (0..<run.number(1...8)).map { _ in content.make(&run) }
                    run.note("\(frames.map(\.payload.readableBytes)) to send")
                    hop.enqueue(frames)
                case 1:
                    for _ in 0..<run.number(1...8) {
                        let bytes = try hop.send() ?? 0
                        run.note("\(bytes) bytes leave")
                    }
                case 2: for _ in 0..<run.number(1...4) { try arrive() }
                case 3: consume(run.number(0...unconsumed))
                default: try hop.grant()
                }
            }
            hop.enqueue([Content.end()])
            for _ in 0..<CreditTests.turns where !content.isOver {
                _ = try hop.send()
                try arrive()
                consume(min(unconsumed, run.number(1...2_000_000)))
                try hop.grant()
            }
            try run.expect(
                content.isOver, "stuck with \(hop.sent) bytes sent, \(hop.granted) granted, \(unconsumed) to consume")
        }
    }

    @Test func `a relay grants no more than it has passed on and its window, and holds no more than that window`()
        async throws
    {
        try await checkProperty(runs: 25, steps: 200) { run in
            let size = window(&run)
            var inflow = Hop(window: size)
            var outflow = Hop(window: window(&run))
            var content = Content()
            /// Received by the relay; passed on to the receiver; received there and not yet consumed.
            var (held, passedOn, unconsumed) = (0, 0, 0)

            func check() throws {
                try run.expect(
                    inflow.window.limit <= UInt64(passedOn) + size,
                    "\(inflow.window.limit) bytes are granted, \(passedOn) are passed on")
                try run.expect(held <= size, "the relay holds \(held) bytes with a window of \(size)")
            }
            func come() throws {
                let frames = try inflow.arrive()
                let bytes = frames.reduce(0) { $0 + $1.payload.readableBytes }
                run.note("\(bytes) bytes come to the relay")
                // END and ERROR need no credit, and are held beyond it.
                held += frames.last?.isTerminal == true ? 0 : bytes
                outflow.enqueue(frames)
            }
            func pass() throws {
                guard let bytes = try outflow.send() else { return }
                run.note("\(bytes) bytes are passed on")
                held = max(0, held - bytes)
                passedOn += bytes
                inflow.consume(bytes)
            }
            func arrive() throws {
                for frame in try outflow.arrive() {
                    try content.take(frame)
                    unconsumed += frame.payload.readableBytes
                }
            }
            func consume(_ bytes: Int) {
                run.note("\(bytes) bytes are consumed")
                outflow.consume(bytes)
                unconsumed -= bytes
            }
            while run.step() {
                switch run.number(0...7) {
                case 0: inflow.enqueue((0..<run.number(1...8)).map { _ in content.make(&run) })
                case 1: for _ in 0..<run.number(1...8) { _ = try inflow.send() }
                case 2: for _ in 0..<run.number(1...4) { try come() }
                case 3: for _ in 0..<run.number(1...8) { try pass() }
                case 4: for _ in 0..<run.number(1...4) { try arrive() }
                case 5: consume(run.number(0...unconsumed))
                case 6: try inflow.grant()
                default: try outflow.grant()
                }
                try check()
            }
            inflow.enqueue([Content.end()])
            for _ in 0..<CreditTests.turns where !content.isOver {
                _ = try inflow.send()
                try come()
                try pass()
                try arrive()
                consume(min(unconsumed, run.number(1...2_000_000)))
                try inflow.grant()
                try outflow.grant()
                try check()
            }
            try run.expect(content.isOver, "stuck with \(passedOn) bytes passed on of \(inflow.sent) that were sent")
        }
    }
}
