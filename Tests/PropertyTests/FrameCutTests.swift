import BatonProtocol
import NIOCore
import PropertyTesting
import Testing

@Suite("Frames do not depend on how their bytes arrive", .timeLimit(.minutes(5)))
struct FrameCutTests {
    private func frame(_ type: FrameType, on stream: StreamID, payload length: Int, _ run: inout Run) -> Frame {
        let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &+ Int(stream)) }
        let flags = type == .chunk && run.oneIn(2) ? FrameHeader.last : 0
        return Frame(type: type, flags: flags, stream: stream, payload: ByteBuffer(bytes: bytes))
    }

    /// Any frame that a decoder of lanes lets pass: it judges headers, not payloads.
    private func frame(_ run: inout Run) -> Frame {
        switch run.number(0...5) {
        case 0: return frame(.ping, on: 0, payload: 8, &run)
        case 1: return frame(.chunk, on: StreamID(run.number(1...9)), payload: run.number(17...20_000), &run)
        case 2: return frame(.end, on: StreamID(run.number(1...9)), payload: 24, &run)
        default: return frame(.entry, on: StreamID(run.number(1...9)), payload: run.number(37...90), &run)
        }
    }

    @Test func `any cut of a valid sequence gives the same frames, each as soon as it is whole`() async throws {
        try await checkProperty(runs: 40, steps: 60) { run in
            var decoder = FrameDecoder(connection: .lane)
            decoder.isGreeted = true
            var frames: [Frame] = []
            var decoded: [Frame] = []
            // Where each frame ends in the bytes of all.
            var ends: [Int] = []
            var bytes = ByteBuffer()
            var fed = 0
            func feed(_ count: Int) throws {
                run.note("\(count) bytes arrive, up to byte \(fed + count)")
                guard let piece = bytes.readSlice(length: count) else { return }
                fed += count
                decoder.feed(piece)
                while let frame = try decoder.next() { decoded.append(frame) }
                try run.expect(
                    decoded.count == ends.count { $0 <= fed },
                    "\(decoded.count) frames came out of \(fed) bytes that end them at \(ends)")
                try run.expect(
                    decoder.isEmpty == (ends.last { $0 <= fed } ?? 0 == fed), "the decoder mistakes what it holds")
            }
            while run.step() {
                if run.oneIn(2) {
                    let frame = frame(&run)
                    run.note("\(frame.type) of \(frame.payload.readableBytes) bytes")
                    frames.append(frame)
                    bytes.writeFrameHeader(
                        frame.type, flags: frame.flags, stream: frame.stream, length: frame.payload.readableBytes)
                    bytes.writeImmutableBuffer(frame.payload)
                    ends.append(fed + bytes.readableBytes)
                } else {
                    try feed(run.number(0...(run.oneIn(2) ? min(bytes.readableBytes, 14) : bytes.readableBytes)))
                }
            }
            try feed(bytes.readableBytes)
            try run.expect(decoded == frames, "\(decoded.count) other frames than the \(frames.count) that were sent")
        }
    }
}
