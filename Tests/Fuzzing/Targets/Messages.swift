import BatonProtocol
import NIOCore

@testable import BatonProtocol

extension FuzzTarget {
    /// The decoder of each type of message: what it takes, it writes again in the same meaning and never longer.
    ///
    /// Input: flags u8, then the payload.
    static let messages: [FuzzTarget] = FrameType.allCases.map { type in
        FuzzTarget(
            name: "message-\(type)",
            code: MessageCode.of(type),
            longest: 6000,
            seeds: {
                Vectors.frames.filter { $0.type == type.rawValue }.map { [$0.flags] + $0.payload }
                    + Vectors.trees.flatMap(\.frames).filter { $0.type == type.rawValue }.map {
                        [$0.flags] + $0.payload
                    }
            },
            check: { input in
                var choices = Choices(input)
                let flags = choices.byte() & type.allowedFlags
                try check(type, flags, choices.remaining())
            })
    }

    private static func check(_ type: FrameType, _ flags: UInt8, _ payload: [UInt8]) throws {
        let stream: StreamID = type.isOfConnection ? 0 : 7
        func decode(_ payload: [UInt8]) throws(ProtocolViolation) -> Message {
            try Message(Frame(type: type, flags: flags, stream: stream, payload: ByteBuffer(bytes: payload)))
        }
        let message: Message
        do throws(ProtocolViolation) { message = try decode(payload) } catch {
            return try expect(error.code == .malformed, "\(error) for a payload")
        }
        try expect(message.type == type, "\(type) becomes \(message.type)")
        try expect(message.flags == flags, "flags \(flags) become \(message.flags)")
        let written = Frame(message, stream: stream)
        let canonical = Array(written.payload.readableBytesView)
        try expect(canonical.count <= payload.count, "\(payload.count) bytes become \(canonical.count)")
        do {
            let again = try Message(written)
            try same(again, message, "written")
            // CHUNK has no tail, and what ERROR has is its last field.
            if type != .chunk, type != .error { try same(try decode(payload + [0, 255]), message, "with a tail") }
        } catch let error as ProtocolViolation {
            throw Finding(description: "refused when it comes again: \(error)")
        }
        guard !canonical.isEmpty, type != .chunk, type != .error else { return }
        guard (try? decode(canonical.dropLast())) == nil else {
            throw Finding(description: "taken without its last byte")
        }
    }

    private static func same(_ one: Message, _ other: Message, _ how: String) throws(Finding) {
        try expect(one == other, "\(other) becomes \(one) when it comes again \(how)")
    }
}
