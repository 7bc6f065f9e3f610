import BatonProtocol
import NIOCore

/// A lane's scheduler, and a model that knows what each stream has queued and what it was granted.
struct ModelledLane {
    private struct Burst {
        let number: UInt32
        let payload: UInt64
        let isTerminal: Bool
    }

    private struct Stream {
        var queue: [Burst] = []
        var sent: UInt64 = 0
        var granted: UInt64
        var limit: UInt64

        init(_ limit: UInt64) {
            granted = limit
            self.limit = min(limit, 64 << 20)
        }

        var canSend: Bool { queue.first.map { $0.isTerminal || sent + $0.payload <= limit } ?? false }

        mutating func drop() { queue = queue.last.map { $0.isTerminal ? [$0] : [] } ?? [] }
    }

    private var scheduler = LaneScheduler()
    private var streams: [StreamID: Stream] = [:]
    private var bursts: UInt32 = 0

    /// Takes the next step that an input says.
    mutating func step(_ choices: inout Choices) throws(Finding) {
        let step = choices.byte()
        let id = StreamID(step >> 3 & 3)
        switch step & 7 {
        case 0:
            let limit = someLimit(&choices)
            scheduler.open(id, limit: limit)
            streams[id] = Stream(limit)
        case 1:
            let burst = burst(payload: choices.byte(), isTerminal: step & 0xE0 == 0xE0)
            scheduler.enqueue(burst.0, on: id)
            streams[id]?.queue.append(burst.1)
        case 2: try grant(someLimit(&choices), id)
        case 3: for _ in 0...choices.byte() where try !send() { break }
        case 4 where step & 32 != 0:
            scheduler.close(id)
            streams[id] = nil
        case 4, 5:
            scheduler.drop(id)
            streams[id]?.drop()
        case 6:
            let burst = burst(payload: 1, isTerminal: true)
            scheduler.end(id, with: burst.0)
            if streams[id]?.queue.first?.isTerminal != true { streams[id]?.queue = [burst.1] }
        default: for stream in scheduler.tick(stalledFor: 2) { try expect(streams[stream] != nil, "\(stream) stalls") }
        }
        try judge()
    }

    private mutating func grant(_ limit: UInt64, _ id: StreamID) throws(Finding) {
        let isFitting = streams[id].map { limit >= $0.granted } ?? true
        do throws(ProtocolViolation) {
            try scheduler.grant(limit, to: id)
        } catch {
            return try expect(!isFitting && error.code == .flowControl, "\(error), and the limit is \(limit)")
        }
        try expect(isFitting, "credit may shrink to \(limit)")
        guard let stream = streams[id], limit > stream.granted else { return }
        streams[id]?.granted = limit
        streams[id]?.limit = min(limit, stream.sent + 64 << 20)
    }

    /// - Returns: whether anything was sent.
    private mutating func send() throws(Finding) -> Bool {
        guard let (id, burst) = scheduler.next() else {
            for (id, stream) in streams { try expect(!stream.canSend, "stream \(id) could send, and nothing is sent") }
            return false
        }
        guard let stream = streams[id], let first = stream.queue.first else {
            throw Finding(description: "stream \(id) sends what it does not have")
        }
        let number = burst.frames.getInteger(at: burst.frames.readerIndex, as: UInt32.self)
        try expect(number == first.number, "burst \(number ?? 0) of stream \(id) is sent, not \(first.number)")
        try expect(stream.canSend, "stream \(id) sends \(first.payload) after \(stream.sent) of \(stream.limit)")
        streams[id]?.sent += first.payload
        streams[id]?.queue.removeFirst()
        if first.isTerminal { streams[id] = nil }
        return true
    }

    private func judge() throws(Finding) {
        try expect(Set(scheduler.openStreams) == Set(streams.keys), "other streams are open")
        for (id, stream) in streams {
            let queued = stream.queue.reduce(0) { $0 + Int($1.payload) }
            try expect(scheduler.queuedBytes(id) == queued, "\(queued) bytes of stream \(id) are queued")
            try expect(scheduler.sentBytes(id) == stream.sent, "\(stream.sent) bytes of stream \(id) were sent")
            let expected: HopReport.Waiting = stream.queue.isEmpty ? .source : stream.canSend ? .nothing : .credit
            let waiting = scheduler.waiting(id, isNetworkBusy: false)
            try expect(waiting == expected, "stream \(id) waits for \(String(describing: waiting))")
            try expect(scheduler.waiting(id, isNetworkBusy: true) == .network, "stream \(id) does not wait")
        }
        try expect(scheduler.isEmpty == streams.isEmpty, "isEmpty is \(scheduler.isEmpty)")
    }

    private mutating func burst(payload: UInt8, isTerminal: Bool) -> (LaneBurst, Burst) {
        bursts += 1
        let sizes: [Int] = [1, 16, 17, 4096, 65_536, 262_144, 524_303, 524_304]
        let payload = isTerminal ? Int(payload) : sizes[Int(payload & 7)] * Int(payload >> 3 | 1) % 524_305
        let burst = LaneBurst(
            frames: ByteBuffer(integer: bursts), payload: payload, isTerminal: isTerminal, needsCredit: !isTerminal)
        return (burst, Burst(number: bursts, payload: UInt64(payload), isTerminal: isTerminal))
    }

    private func someLimit(_ choices: inout Choices) -> UInt64 {
        let shape = choices.byte()
        switch shape & 3 {
        case 0: return UInt64(shape) << 14
        case 1: return choices.integer()
        case 2:
            return (streams[StreamID(shape >> 3 & 3)]?.granted ?? 0) &+ UInt64(choices.integer(as: UInt16.self)) << 8
        default: return UInt64.max - UInt64(shape >> 2)
        }
    }
}
