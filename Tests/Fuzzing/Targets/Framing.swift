import BatonProtocol
import NIOCore

@testable import BatonProtocol

extension FuzzTarget {
    /// Bytes become the same frames however they are cut, no frame is above the cap, and nothing is made up.
    static let frames = FuzzTarget(
        name: "frames",
        code: [
            "BatonProtocol/Frames/FrameDecoder.swift", "BatonProtocol/Frames/Frame.swift: public struct FrameHeader",
            "BatonProtocol/Frames/Frame.swift: public enum FrameType > func belongs",
            "BatonProtocol/Frames/Frame.swift: public enum FrameType > var smallestLanePayload",
            "BatonProtocol/Frames/Frame.swift: public enum FrameType > var allowedFlags",
        ],
        seeds: {
            Vectors.frames.map { frame in
                let kind: UInt8 = frame.kind == .control ? 1 : frame.kind == .lane ? 2 : 3
                return [kind | (frame.isOpening ? 0 : 4), 5] + frame.bytes
            }
        },
        check: { input in
            var choices = Choices(input)
            let options = choices.byte()
            let piece = Int(choices.byte())
            let bytes = choices.remaining()
            let kind: ConnectionKind? = [nil, .control, .lane, .local][Int(options & 3)]
            let isGreeted = options & 4 != 0
            let whole = Decoded([bytes[...]], on: kind, isGreeted: isGreeted)
            try whole.judge(bytes, on: kind, isGreeted: isGreeted)
            // One byte at a time, then in pieces of one size, then in pieces of rising size.
            for step in [(1, 0), (piece + 2, 0), (piece % 13 + 1, 3)] {
                let pieces = Decoded(cut(bytes, first: step.0, growing: step.1), on: kind, isGreeted: isGreeted)
                try expect(pieces == whole, "pieces give \(pieces), the whole \(whole)")
            }
        })

    private static func cut(_ bytes: [UInt8], first: Int, growing: Int) -> [ArraySlice<UInt8>] {
        var (pieces, rest, size) = ([ArraySlice<UInt8>](), bytes[...], first)
        while !rest.isEmpty {
            pieces.append(rest.prefix(size))
            rest = rest.dropFirst(size)
            size += growing
        }
        return pieces
    }
}

/// What a decoder made of bytes.
private struct Decoded: Equatable {
    var frames: [Frame] = []
    var violation: ErrorCode?
    var isEmpty = true

    init(_ pieces: [ArraySlice<UInt8>], on kind: ConnectionKind?, isGreeted: Bool) {
        var decoder = FrameDecoder(connection: kind)
        decoder.isGreeted = isGreeted
        for piece in pieces {
            decoder.feed(ByteBuffer(bytes: piece))
            do throws(ProtocolViolation) {
                while let frame = try decoder.next() { frames.append(frame) }
            } catch {
                violation = error.code
                return
            }
        }
        isEmpty = decoder.isEmpty
    }

    /// Written out again, the frames are the beginning of the bytes.
    func judge(_ bytes: [UInt8], on kind: ConnectionKind?, isGreeted: Bool) throws(Finding) {
        let cap =
            switch kind {
            case .lane where isGreeted: 524_304
            case .control where isGreeted, .local where isGreeted: 65_536
            default: 4096
            }
        var written = ByteBuffer()
        for frame in frames {
            let length = frame.payload.readableBytes
            try expect(length <= cap, "a frame of \(length) bytes where \(cap) are allowed")
            try expect((frame.stream == 0) == (frame.type.rawValue < 0x10), "stream \(frame.stream) of \(frame.type)")
            written.writeFrameHeader(frame.type, flags: frame.flags, stream: frame.stream, length: length)
            written.writeImmutableBuffer(frame.payload)
        }
        try expect(bytes.starts(with: written.readableBytesView), "the frames are not what the bytes say")
        let isAll = written.readableBytes == bytes.count
        try expect(violation != nil || isEmpty == isAll, "isEmpty is \(isEmpty), but isAll \(isAll)")
        let codes: [ErrorCode] = [.frameTooLarge, .unknownType, .malformed, .wrongConnection, .badStream]
        if let violation { try expect(codes.contains(violation), "\(violation) from a header") }
    }
}
