import BatonProtocol
import NIOCore

@testable import BatonProtocol

extension FuzzTarget {
    /// A lane's scheduler, whatever is granted: credit is never exceeded, nothing is lost, doubled or overtaken, and nothing
    /// that may go stays.
    static let laneScheduler = FuzzTarget(
        name: "lane-scheduler",
        code: [
            "BatonProtocol/Machines/LaneScheduler.swift: public struct LaneScheduler"
        ],
        longest: 1024,
        seeds: {
            [
                [0, 7, 8, 0, 4, 1, 5, 2, 6, 3, 7, 3, 11, 4, 12, 5, 6, 7, 3],
                [0, 255, 255, 1, 200, 1, 201, 3, 255, 2, 1, 3, 255, 5, 0, 6, 0, 3, 255, 7, 255],
            ]
        },
        check: { input in
            var choices = Choices(input)
            var lane = ModelledLane()
            while !choices.isAtEnd { try lane.step(&choices) }
        })

    /// A sender and a receiver that follow the rules of credit: nothing is ever refused, and all of it arrives.
    static let credit = FuzzTarget(
        name: "credit",
        code: [
            "BatonProtocol/Machines/ReceiveWindow.swift",
            "BatonProtocol/Machines/LaneScheduler.swift: public struct LaneScheduler > public mutating func next",
            "BatonProtocol/Machines/LaneScheduler.swift: public struct LaneScheduler > public mutating func grant",
            "BatonProtocol/Machines/LaneScheduler.swift: public struct LaneScheduler > public mutating func enqueue",
        ],
        longest: 1024,
        seeds: { [[0, 0, 255, 255, 0, 255, 255, 1, 2, 255], [1, 0, 1, 0, 2, 1, 4, 0, 8, 255, 255, 1, 1, 2, 128]] },
        check: { input in
            var choices = Choices(input)
            var window = ReceiveWindow(size: choices.one(of: [1 << 20, 4 << 20, 64 << 20]))
            var lane = LaneScheduler()
            lane.open(1, limit: window.limit)
            var (queued, arrived, done) = (UInt64(0), UInt64(0), UInt64(0))
            func consume(_ bytes: UInt64) throws {
                done += bytes
                if let limit = window.consume(bytes) { try lane.grant(limit, to: 1) }
            }
            func arrive() throws -> Bool {
                guard let (stream, burst) = lane.next() else { return false }
                try expect(stream == 1, "stream \(stream) was never opened")
                try window.receive(burst.payload, isTerminal: burst.isTerminal)
                arrived += UInt64(burst.payload)
                return true
            }
            do {
                while !choices.isAtEnd {
                    let step = choices.byte()
                    switch step & 3 {
                    case 0, 3:
                        let payload = Int(choices.integer(as: UInt32.self) >> (step >> 4)) % (Limits.lanePayload + 1)
                        lane.enqueue(LaneBurst(frames: ByteBuffer(), payload: payload, isTerminal: false), on: 1)
                        queued += UInt64(payload)
                    case 1: for _ in 0...step >> 2 where try !arrive() { break }
                    default: try consume((arrived - done) / 128 * UInt64(step >> 1))
                    }
                }
                // In the end everything comes: a receiver that reads on never leaves its sender without credit.
                repeat { try consume(arrived - done) } while try arrive()
            } catch let error as ProtocolViolation {
                throw Finding(description: "refused though granted: \(error)")
            }
            try expect(arrived == queued, "\(queued) bytes were sent, \(arrived) have come")
        })

    /// Frames that are passed on under another stream id are the same frames.
    static let laneBursts = FuzzTarget(
        name: "lane-bursts",
        code: [
            "BatonProtocol/Machines/LaneScheduler.swift: public struct LaneBurst",
            "BatonProtocol/Machines/LaneScheduler.swift: extension Frame",
        ],
        longest: 1024,
        seeds: { [[1, 0, 9, 1, 16, 0, 2, 0, 40, 3, 0, 1], [1, 255, 255, 1, 15, 255, 1, 16, 1]] },
        check: { input in
            var choices = Choices(input)
            var frames: [Frame] = []
            while !choices.isAtEnd {
                let type = choices.one(
                    of: [.entry, .chunk, .skipped, .end, .again, .keep, .source, .error] as [FrameType])
                let length = max(type.smallestLanePayload, Int(choices.integer(as: UInt16.self) % 10_000))
                let payload = ByteBuffer(repeating: UInt8(truncatingIfNeeded: frames.count), count: length)
                frames.append(Frame(type: type, stream: 7, payload: payload))
            }
            let bursts = LaneBurst.bursts(frames, as: 9, allocator: ByteBufferAllocator())
            var decoder = FrameDecoder(connection: .lane)
            decoder.isGreeted = true
            var passed: [Frame] = []
            for burst in bursts {
                var (payload, hasTerminal) = (0, false)
                for buffer in [burst.header, burst.frames].compactMap({ $0 }) {
                    decoder.feed(buffer)
                    while let frame = try decoder.next() {
                        payload += frame.payload.readableBytes
                        hasTerminal = hasTerminal || frame.isTerminal
                        passed.append(frame)
                    }
                }
                try expect(decoder.isEmpty, "a burst does not hold whole frames")
                try expect(burst.payload == payload, "\(payload) bytes of payload count as \(burst.payload)")
                let isTerminal = burst.isTerminal == hasTerminal && burst.needsCredit == !hasTerminal
                try expect(isTerminal, "a burst is terminal: \(burst.isTerminal)")
            }
            let expected = frames.map { Frame(type: $0.type, flags: $0.flags, stream: 9, payload: $0.payload) }
            try expect(passed == expected, "\(frames.count) frames become \(passed.count) others")
        })
}
