import NIOCore
import Testing

@testable import BatonProtocol

@Suite("Frames that are passed on")
struct LaneBurstTests {
    private func frame(_ type: FrameType, _ length: Int) -> Frame {
        Frame(type: type, stream: 2, payload: ByteBuffer(repeating: 7, count: length))
    }

    private func bursts(_ frames: [Frame]) -> [LaneBurst] {
        LaneBurst.bursts(frames, as: 9, allocator: ByteBufferAllocator())
    }

    @Test func `small neighbours share one burst, which costs the sum of their payloads`() throws {
        let packed = bursts((0..<1000).map { _ in frame(.entry, 40) })
        let burst = try #require(packed.first)
        #expect(packed.count == 1 && burst.payload == 40_000 && burst.needsCredit && !burst.isTerminal)
        var decoder = FrameDecoder(connection: .lane)
        decoder.isGreeted = true
        decoder.feed(burst.frames)
        var count = 0
        while let frame = try decoder.next() {
            #expect(frame.stream == 9 && frame.payload.readableBytes == 40)
            count += 1
        }
        #expect(count == 1000)
    }

    @Test func `large frames go alone and in their place`() {
        let lengths = bursts([frame(.entry, 40), frame(.chunk, 100_000), frame(.entry, 41), frame(.entry, 42)]).map(
            \.payload)
        #expect(lengths == [40, 100_000, 83])
    }

    @Test func `the last frame is a burst of its own that needs no credit`() {
        let packed = bursts([frame(.entry, 40), frame(.end, 24)])
        #expect(packed.map(\.isTerminal) == [false, true])
        #expect(packed.map(\.needsCredit) == [true, false])
    }

    @Test func `no burst grows past what a receiver must always grant`() {
        let packed = bursts((0..<200).map { _ in frame(.chunk, 4000) })
        #expect(packed.allSatisfy { $0.payload < 524_304 } && packed.map(\.payload).reduce(0, +) == 800_000)
    }

    @Test(
        arguments: [(0x40, 36), (0x41, 16), (0x42, 3), (0x43, 23), (0x44, 1), (0x45, 2), (0x2F, 6), (0x42, 0)]
            as [(UInt8, UInt32)])
    func `a lane frame too short for its fields is refused from its header`(_ type: UInt8, _ length: UInt32) {
        var decoder = FrameDecoder(connection: .lane)
        decoder.isGreeted = true
        var header = ByteBuffer()
        header.writeMultipleIntegers(length, type, UInt8(0), UInt16(0), UInt32(2))
        decoder.feed(header)
        #expect(throws: ProtocolViolation.self) { try decoder.next() }
    }
}
