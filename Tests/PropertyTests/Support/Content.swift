import BatonProtocol
import NIOCore
import PropertyTesting

/// The content of one stream: a pattern, so that bytes that are lost, come twice or in the wrong place show.
struct Content {
    private var made = 0
    private var taken = 0
    private(set) var isOver = false

    private static let period = 251
    private static let pattern = ByteBuffer(bytes: (0..<600_000).map { UInt8($0 % period) })

    private static func bytes(at offset: Int, _ length: Int) -> ByteBuffer? {
        pattern.getSlice(at: offset % period, length: length)
    }

    /// The next frame: lengths of frames vary, and small ones share a burst.
    mutating func make(on stream: StreamID = 1, _ run: inout Run) -> Frame {
        let length = run.oneIn(4) ? run.number(4096...Limits.lanePayload) : run.number(37...5000)
        defer { made += length }
        return Frame(type: .chunk, stream: stream, payload: Content.bytes(at: made, length) ?? ByteBuffer())
    }

    mutating func take(_ frame: Frame) throws {
        guard !isOver else { throw Broken("a \(frame.type) comes after the end") }
        if frame.isTerminal {
            isOver = true
            guard taken == made || frame.type == .error else {
                throw Broken("the end comes after \(taken) of \(made) bytes")
            }
        } else {
            guard frame.payload == Content.bytes(at: taken, frame.payload.readableBytes) else {
                throw Broken("what comes after \(taken) bytes does not belong there")
            }
            taken += frame.payload.readableBytes
        }
    }

    static func end(on stream: StreamID = 1) -> Frame {
        Frame(type: .end, stream: stream, payload: ByteBuffer(repeating: 0, count: 24))
    }
}
