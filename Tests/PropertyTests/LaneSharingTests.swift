import BatonProtocol
import NIOCore
import PropertyTesting
import Testing

@Suite("Streams share a lane, whatever comes in between", .timeLimit(.minutes(5)))
struct LaneSharingTests {
    /// A burst says who it is by its number.
    private func burst(_ number: UInt32, _ payload: Int, isTerminal: Bool = false) -> LaneBurst {
        LaneBurst(
            frames: ByteBuffer(integer: number), payload: payload, isTerminal: isTerminal, needsCredit: !isTerminal)
    }

    /// What must become of a stream.
    private struct Expected {
        /// Numbers and payloads of what is queued.
        var queue: [(number: UInt32, payload: Int)] = []
        var sent: UInt64 = 0
        var granted: UInt64
        var limit: UInt64
        /// Its last burst is queued, or was sent.
        var isEnding = false
        /// Bytes of each other that left while it could have sent.
        var overtakenBy: [StreamID: Int] = [:]

        var canSend: Bool {
            guard let first = queue.first else { return false }
            return (isEnding && queue.count == 1) || sent + UInt64(first.payload) <= limit
        }

        mutating func grant(_ limit: UInt64) {
            granted = limit
            self.limit = min(limit, sent + Limits.largestWindow)
        }
    }

    /// What one stream may send before another that could: after a burst of the largest size that one lets up to four rounds pass; in each
    /// the first sends its share, and goes beyond that by a burst at most.
    private static let patience = 4 * 256 * 1024 + 524_304

    @Test func `each burst leaves once, in its stream's order and within its credit, and no stream starves`()
        async throws
    {
        try await checkProperty(runs: 60, steps: 300) { run in
            var scheduler = LaneScheduler()
            var streams: [StreamID: Expected] = [:]
            var lastStream: StreamID = 0
            var lastNumber: UInt32 = 0

            func sendNext() throws -> Bool {
                guard let (id, burst) = scheduler.next() else {
                    try run.expect(
                        !streams.values.contains(where: \.canSend), "nothing leaves, though a stream could send")
                    return false
                }
                run.note("\(burst.payload) bytes leave on \(id)")
                guard var stream = streams[id] else { throw Broken("stream \(id) sends, but is not open") }
                try run.expect(stream.canSend, "stream \(id) sends beyond its credit of \(stream.limit)")
                let expected = stream.queue.removeFirst()
                try run.expect(
                    burst.frames.getInteger(at: burst.frames.readerIndex) == expected.number,
                    "stream \(id) lost a burst, or sends it twice or out of order")
                stream.sent += UInt64(burst.payload)
                stream.overtakenBy = [:]
                streams[id] = burst.isTerminal ? nil : stream
                for (other, waiting) in streams where other != id && waiting.canSend {
                    let bytes = waiting.overtakenBy[id, default: 0] + burst.payload
                    streams[other]?.overtakenBy[id] = bytes
                    try run.expect(
                        bytes <= LaneSharingTests.patience,
                        "\(bytes) bytes of stream \(id) have overtaken stream \(other)")
                }
                return true
            }

            func enqueue(_ id: StreamID, isTerminal: Bool) {
                lastNumber += 1
                let payload = isTerminal ? 24 : run.oneIn(3) ? 524_304 : run.number(1...70_000)
                run.note("\(isTerminal ? "the last " : "")\(payload) bytes for \(id)")
                scheduler.enqueue(burst(lastNumber, payload, isTerminal: isTerminal), on: id)
                streams[id]?.queue.append((lastNumber, payload))
                streams[id]?.isEnding = isTerminal
            }

            while run.step() {
                let id = run.pick(streams.keys.sorted()) ?? 0
                switch run.number(0...19) {
                case 0...2 where streams.count < 6:
                    lastStream += 2
                    let limit = UInt64(run.number(0...3_000_000))
                    run.note("stream \(lastStream) opens with \(limit)")
                    scheduler.open(lastStream, limit: limit)
                    var stream = Expected(granted: 0, limit: 0)
                    stream.grant(limit)
                    streams[lastStream] = stream
                case 3...7: if streams[id]?.isEnding == false { enqueue(id, isTerminal: run.oneIn(12)) }
                case 8: for _ in 0..<20 where streams[id]?.isEnding == false { enqueue(id, isTerminal: false) }
                case 9...12:
                    guard let stream = streams[id] else { break }
                    let more = run.oneIn(4) ? Limits.largestWindow * 2 : UInt64(run.number(0...1_500_000))
                    run.note("\(id) is granted \(more) more")
                    try scheduler.grant(stream.granted + more, to: id)
                    if more > 0 { streams[id]?.grant(stream.granted + more) }
                case 13 where run.oneIn(3):
                    run.note("stream \(id) is closed")
                    scheduler.close(id)
                    streams[id] = nil
                case 14 where run.oneIn(2):
                    run.note("stream \(id) is dropped")
                    scheduler.drop(id)
                    if let stream = streams[id] { streams[id]?.queue = stream.isEnding ? stream.queue.suffix(1) : [] }
                case 15 where run.oneIn(2):
                    guard let stream = streams[id] else { break }
                    run.note("stream \(id) is ended")
                    lastNumber += 1
                    scheduler.end(id, with: burst(lastNumber, 40, isTerminal: true))
                    if !stream.isEnding || stream.queue.count > 1 { streams[id]?.queue = [(lastNumber, 40)] }
                    streams[id]?.isEnding = true
                default: for _ in 0..<run.number(1...20) { _ = try sendNext() }
                }
                for (id, stream) in streams {
                    try run.expect(
                        scheduler.sentBytes(id) == stream.sent
                            && scheduler.queuedBytes(id) == stream.queue.reduce(0) { $0 + $1.payload },
                        "the counts of stream \(id) are wrong")
                }
                try run.expect(scheduler.openStreams.sorted() == streams.keys.sorted(), "other streams are open")
            }

            for id in streams.keys.sorted() where streams[id]?.isEnding == false { enqueue(id, isTerminal: true) }
            // One grant after the other, as long as there is something to send: each lets at least one burst go.
            for _ in 0..<1000 where !scheduler.isEmpty {
                for (id, stream) in streams where stream.queue.count > 1 {
                    let limit = max(stream.granted, stream.sent) + 524_304
                    try scheduler.grant(limit, to: id)
                    streams[id]?.grant(limit)
                }
                while try sendNext() {}
            }
            try run.expect(scheduler.isEmpty && streams.isEmpty, "streams \(streams.keys.sorted()) never end")
        }
    }
}
