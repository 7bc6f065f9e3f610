import BatonProtocol
import NIOCore
import Testing

@Suite("Frames are cut out of bytes however these arrive")
struct FrameDecoderTests {
    private static let frames: [Frame] = [
        Frame(.ping(1)), .exists(1), Frame(.ticket([UInt8](repeating: 7, count: 32))), .yes(1),
        // Empty, and longer than what stands before it.
        Frame(type: .cancel, stream: 3, payload: ByteBuffer()),
        Frame(type: .listReply, stream: 3, payload: ByteBuffer(repeating: 9, count: 300)), Frame(.pong(2)),
    ]

    private static let bytes: [UInt8] = {
        var buffer = ByteBuffer()
        for frame in frames {
            buffer.writeFrameHeader(
                frame.type, flags: frame.flags, stream: frame.stream, length: frame.payload.readableBytes)
            buffer.writeImmutableBuffer(frame.payload)
        }
        return Array(buffer.readableBytesView)
    }()

    private func decoder(_ kind: ConnectionKind? = .control, isGreeted: Bool = true) -> FrameDecoder {
        var decoder = FrameDecoder(connection: kind)
        decoder.isGreeted = isGreeted
        return decoder
    }

    /// What comes out when the bytes arrive in pieces.
    private func decode(_ pieces: [ArraySlice<UInt8>]) throws -> (frames: [Frame], isEmpty: Bool) {
        var decoder = decoder()
        var frames: [Frame] = []
        for piece in pieces {
            decoder.feed(ByteBuffer(bytes: piece))
            while let frame = try decoder.next() { frames.append(frame) }
        }
        return (frames, decoder.isEmpty)
    }

    @Test("One cut, anywhere, changes nothing")
    func oneCut() throws {
        for cut in 0...Self.bytes.count {
            let decoded = try decode([Self.bytes[..<cut], Self.bytes[cut...]])
            #expect(decoded.frames == Self.frames && decoded.isEmpty, "cut at \(cut)")
        }
    }

    @Test("Two cuts, anywhere, change nothing")
    func twoCuts() throws {
        for first in 0...60 {
            for second in first...(first + 40) {
                let decoded = try decode([Self.bytes[..<first], Self.bytes[first..<second], Self.bytes[second...]])
                #expect(decoded.frames == Self.frames && decoded.isEmpty, "cuts at \(first) and \(second)")
            }
        }
    }

    @Test("Pieces of any one size change nothing", arguments: [1, 2, 3, 5, 11, 12, 13, 64])
    func pieces(_ size: Int) throws {
        let pieces = stride(from: 0, to: Self.bytes.count, by: size).map {
            Self.bytes[$0..<min($0 + size, Self.bytes.count)]
        }
        let decoded = try decode(pieces)
        #expect(decoded.frames == Self.frames && decoded.isEmpty)
    }

    @Test("What is fed while frames wait comes behind them", arguments: [1, 5, 13, 64])
    func fedWhileFramesWait(_ size: Int) throws {
        var decoder = decoder()
        var frames: [Frame] = []
        for start in stride(from: 0, to: Self.bytes.count, by: size) {
            decoder.feed(ByteBuffer(bytes: Self.bytes[start..<min(start + size, Self.bytes.count)]))
            // Never more than one, so that others pile up.
            if start % 3 == 0, let frame = try decoder.next() { frames.append(frame) }
        }
        while let frame = try decoder.next() { frames.append(frame) }
        #expect(frames == Self.frames && decoder.isEmpty)
    }

    @Test("A decoder in the middle of a frame or a header is not empty", arguments: [1, 11, 12, 15])
    func notEmpty(_ count: Int) throws {
        let decoded = try decode([Self.bytes[..<count]])
        #expect(decoded.frames.isEmpty && !decoded.isEmpty)
    }

    @Test("A frame that is too long is refused by its header alone, whole or in pieces")
    func tooLong() throws {
        let header: [UInt8] = [0, 1, 0, 1, 0x10, 0, 0, 0, 0, 0, 0, 1]
        var whole = decoder()
        whole.feed(ByteBuffer(bytes: header))
        expectViolation(.frameTooLarge) { try whole.next() }
        var inPieces = decoder()
        inPieces.feed(ByteBuffer(bytes: header[..<5]))
        #expect(try inPieces.next() == nil)
        inPieces.feed(ByteBuffer(bytes: header[5...]))
        expectViolation(.frameTooLarge) { try inPieces.next() }
    }

    @Test(
        "The longest payload is that of the connection and of its state",
        arguments: [
            (ConnectionKind.control, false, 4096), (.lane, false, 4096), (.local, false, 4096),
            (.control, true, 65_536), (.local, true, 65_536), (.lane, true, 524_304),
        ])
    func caps(_ kind: ConnectionKind, _ isGreeted: Bool, _ cap: Int) throws {
        for (length, fits) in [(cap, true), (cap + 1, false)] {
            var decoder = decoder(kind, isGreeted: isGreeted)
            var header = ByteBuffer()
            header.writeFrameHeader(.ping, stream: 0, length: length)
            decoder.feed(header)
            if fits {
                #expect(try decoder.next() == nil)
            } else {
                expectViolation(.frameTooLarge) { try decoder.next() }
            }
        }
    }

    @Test("Before a relay knows what a connection is, a frame may be as long as a greeting, whatever it is")
    func unknownKind() {
        var decoder = decoder(nil, isGreeted: false)
        var header = ByteBuffer()
        header.writeFrameHeader(.hello, stream: 0, length: 4097)
        decoder.feed(header)
        expectViolation(.frameTooLarge) { try decoder.next() }
    }
}
