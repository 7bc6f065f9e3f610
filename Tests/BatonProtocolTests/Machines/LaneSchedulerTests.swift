import BatonProtocol
import NIOCore
import Testing

@Suite("Streams share a lane by bytes, each within its credit")
struct LaneSchedulerTests {
    private func burst(_ payload: Int, isTerminal: Bool = false, needsCredit: Bool = true) -> LaneBurst {
        LaneBurst(frames: ByteBuffer(), payload: payload, isTerminal: isTerminal, needsCredit: needsCredit)
    }

    private var end: LaneBurst { burst(24, isTerminal: true, needsCredit: false) }

    /// Takes all that may be sent now.
    private func drain(_ scheduler: inout LaneScheduler) -> [(stream: StreamID, payload: Int)] {
        var sent: [(StreamID, Int)] = []
        while let (stream, burst) = scheduler.next() { sent.append((stream, burst.payload)) }
        return sent
    }

    @Test("One stream's bursts leave in the order in which they came")
    func order() {
        var scheduler = LaneScheduler()
        scheduler.open(1, limit: 1 << 20)
        for payload in [5, 300_000, 1, 70_000] { scheduler.enqueue(burst(payload), on: 1) }
        #expect(drain(&scheduler).map(\.payload) == [5, 300_000, 1, 70_000])
    }

    @Test("Streams with bursts of unlike sizes get the same share of bytes")
    func fairness() {
        var scheduler = LaneScheduler()
        let sizes: [StreamID: Int] = [1: 512 << 10, 3: 64 << 10, 5: 4 << 10]
        for (stream, size) in sizes {
            scheduler.open(stream, limit: 64 << 20)
            for _ in 0..<((32 << 20) / size) { scheduler.enqueue(burst(size), on: stream) }
        }
        var sent: [StreamID: Int] = [:]
        while sent.values.reduce(0, +) < 48 << 20, let (stream, burst) = scheduler.next() {
            sent[stream, default: 0] += burst.payload
        }
        for stream in sizes.keys {
            #expect(abs(sent[stream, default: 0] - 16 << 20) <= 1 << 20, "stream \(stream): \(sent)")
        }
    }

    @Test("A burst beyond the credit waits; the grant that covers it lets it go")
    func credit() throws {
        var scheduler = LaneScheduler()
        scheduler.open(1, limit: 1000)
        for payload in [600, 400, 1] { scheduler.enqueue(burst(payload), on: 1) }
        #expect(drain(&scheduler).map(\.payload) == [600, 400])
        #expect(scheduler.queuedBytes(1) == 1 && scheduler.sentBytes(1) == 1000)
        try scheduler.grant(1001, to: 1)
        #expect(drain(&scheduler).map(\.payload) == [1])
    }

    @Test("A stream without credit does not hold up the others")
    func held() {
        var scheduler = LaneScheduler()
        scheduler.open(1, limit: 10)
        scheduler.open(3, limit: 1 << 20)
        for _ in 0..<3 {
            scheduler.enqueue(burst(100), on: 1)
            scheduler.enqueue(burst(100), on: 3)
        }
        #expect(drain(&scheduler).map(\.stream) == [3, 3, 3])
    }

    @Test("END needs no credit, but what stands before it does")
    func terminal() throws {
        var scheduler = LaneScheduler()
        scheduler.open(1, limit: 100)
        scheduler.enqueue(burst(100), on: 1)
        scheduler.enqueue(end, on: 1)
        #expect(drain(&scheduler).map(\.payload) == [100, 24])
        scheduler.open(3, limit: 100)
        scheduler.enqueue(burst(101), on: 3)
        scheduler.enqueue(end, on: 3)
        #expect(drain(&scheduler).isEmpty)
    }

    @Test("A stream is forgotten with its last burst")
    func forgotten() {
        var scheduler = LaneScheduler()
        scheduler.open(1, limit: 100)
        scheduler.enqueue(end, on: 1)
        #expect(!scheduler.isEmpty)
        _ = drain(&scheduler)
        #expect(scheduler.isEmpty && scheduler.sentBytes(1) == nil)
    }

    @Test("What is queued on a stream that is not open goes nowhere")
    func notOpen() {
        var scheduler = LaneScheduler()
        scheduler.enqueue(burst(1), on: 1)
        #expect(drain(&scheduler).isEmpty && scheduler.isEmpty)
    }

    @Test("A limit below the one before is a violation, an equal one is ignored")
    func shrinking() throws {
        var scheduler = LaneScheduler()
        scheduler.open(1, limit: 1000)
        try scheduler.grant(1000, to: 1)
        expectViolation(.flowControl) { try scheduler.grant(999, to: 1) }
    }

    @Test("No more than 64 MiB are sent ahead, however much is granted; limits are compared as they came")
    func clamped() throws {
        var scheduler = LaneScheduler()
        scheduler.open(1, limit: .max)
        for _ in 0..<65 { scheduler.enqueue(burst(1 << 20), on: 1) }
        #expect(drain(&scheduler).count == 64)
        expectViolation(.flowControl) { try scheduler.grant(.max - 1, to: 1) }
    }

    @Test("A grant to a stream that has ended is ignored")
    func lateGrant() throws {
        var scheduler = LaneScheduler()
        try scheduler.grant(5, to: 1)
        #expect(scheduler.isEmpty)
    }

    @Test("Dropping throws away what is queued, but for the last frame of the stream")
    func drop() {
        var scheduler = LaneScheduler()
        scheduler.open(1, limit: 10)
        for _ in 0..<5 { scheduler.enqueue(burst(100), on: 1) }
        scheduler.drop(1)
        #expect(scheduler.queuedBytes(1) == 0)
        #expect(drain(&scheduler).isEmpty)
        scheduler.enqueue(burst(100), on: 1)
        scheduler.enqueue(end, on: 1)
        scheduler.drop(1)
        #expect(drain(&scheduler).map(\.payload) == [24])
        #expect(scheduler.isEmpty)
    }

    @Test("Ending a stream drops what is queued and sends the error, without credit")
    func ended() {
        var scheduler = LaneScheduler()
        scheduler.open(1, limit: 10)
        scheduler.enqueue(burst(100), on: 1)
        scheduler.end(1, with: burst(40, isTerminal: true, needsCredit: false))
        #expect(drain(&scheduler).map(\.payload) == [40])
        #expect(scheduler.isEmpty)
    }

    @Test("Ending a stream of which nothing but its end is queued does not end it twice")
    func endedTwice() {
        var scheduler = LaneScheduler()
        scheduler.open(1, limit: 10)
        scheduler.enqueue(end, on: 1)
        scheduler.end(1, with: burst(40, isTerminal: true, needsCredit: false))
        #expect(drain(&scheduler).map(\.payload) == [24])
    }

    @Test("Ending a stream drops a queued END, too, if data before it is dropped or it comes with data")
    func endedBeforeItsEnd() {
        for last in [end, burst(100, isTerminal: true)] {
            var scheduler = LaneScheduler()
            scheduler.open(1, limit: 10)
            scheduler.enqueue(burst(100), on: 1)
            scheduler.enqueue(last, on: 1)
            scheduler.end(1, with: burst(40, isTerminal: true, needsCredit: false))
            #expect(drain(&scheduler).map(\.payload) == [40])
            #expect(scheduler.isEmpty)
        }
        var scheduler = LaneScheduler()
        scheduler.open(1, limit: 10)
        scheduler.enqueue(burst(100, isTerminal: true), on: 1)
        scheduler.end(1, with: burst(40, isTerminal: true, needsCredit: false))
        #expect(drain(&scheduler).map(\.payload) == [40])
    }

    @Test("A closed stream sends nothing more, and others go on")
    func closed() {
        var scheduler = LaneScheduler()
        for stream in [1, 3] as [StreamID] {
            scheduler.open(stream, limit: 1000)
            scheduler.enqueue(burst(10), on: stream)
        }
        scheduler.close(1)
        #expect(drain(&scheduler).map(\.stream) == [3])
    }

    @Test("A stream that waits for credit is named as stalled once, after so many seconds")
    func stalled() {
        var scheduler = LaneScheduler()
        scheduler.open(1, limit: 10)
        scheduler.open(3, limit: 10)
        scheduler.enqueue(burst(100), on: 1)
        for _ in 0..<59 { #expect(scheduler.tick(stalledFor: 60).isEmpty) }
        #expect(scheduler.tick(stalledFor: 60) == [1])
        #expect(scheduler.tick(stalledFor: 60).isEmpty)
    }

    @Test("A stream that sends now and then is not stalled")
    func notStalled() throws {
        var scheduler = LaneScheduler()
        scheduler.open(1, limit: 0)
        for turn in 1...10 {
            scheduler.enqueue(burst(10), on: 1)
            for _ in 0..<50 { #expect(scheduler.tick(stalledFor: 60).isEmpty) }
            try scheduler.grant(UInt64(turn * 10), to: 1)
            #expect(drain(&scheduler).count == 1)
        }
    }
}
