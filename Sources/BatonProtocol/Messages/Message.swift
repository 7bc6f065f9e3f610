public import NIOCore

/// What one frame says. Chapter 2 of `Protocol/` has the table of all types.
public enum Message: Hashable, Sendable {
    case hello(Hello)
    case welcome(Welcome)
    case join(Join)
    /// The lane's index.
    case joined(UInt8)
    /// For one more lane.
    case ticket([UInt8])
    case ping(UInt64)
    case pong(UInt64)
    case goAway(GoAway)

    case request(Request)
    case reply(Reply)
    /// The asker no longer wants an answer; the code says why.
    case cancel(ErrorCode)
    /// Lane payload of this stream may be sent up to this offset (chapter 6).
    case credit(UInt64)
    case progress(Progress)
    /// What a hop of a running GET has sent, and what it waits for.
    case report(HopReport)

    case entry(TreeEntry)
    case chunk(Chunk)
    case skipped(SkippedEntry)
    case end(TreeEnd)
    /// A further pass of the same tree begins: its number, from 1.
    case again(UInt16)
    /// A child of the directory that was announced again stays as it is.
    case keep(PathName)
    /// The relay answers from its store: which generation.
    case source(UInt64)

    /// Reads the payload of a frame.
    ///
    /// - Throws: ``ProtocolViolation`` with the code `malformed`.
    public init(_ frame: Frame) throws(ProtocolViolation) {
        var fields = PayloadReader(frame)
        let isLast = frame.flags & FrameHeader.last != 0
        let isKept = frame.flags & FrameHeader.kept != 0
        switch frame.type {
        case .hello: self = .hello(try Hello(&fields))
        case .welcome: self = .welcome(try Welcome(&fields))
        case .join: self = .join(try Join(&fields))
        case .joined: self = .joined(try fields.lane())
        case .ticket: self = .ticket(try fields.ticket())
        case .ping: self = .ping(try fields.integer("opaque"))
        case .pong: self = .pong(try fields.integer("opaque"))
        case .goAway: self = .goAway(try GoAway(&fields))
        case .exists, .stat, .list, .get, .echo, .wait, .persist, .artifacts, .share, .fetch, .attach, .call:
            self = .request(try Request(frame.type, &fields))
        case .existsReply, .statReply, .listReply, .echoReply, .persistReply, .artifactsReply, .shareReply, .fetchReply,
            .attachReply, .callReply, .error:
            self = .reply(try Reply(frame.type, &fields))
        case .cancel: self = .cancel(ErrorCode(rawValue: try fields.integer("code")))
        case .credit: self = .credit(try fields.integer("limit"))
        case .progress: self = .progress(try Progress(&fields))
        case .report: self = .report(try HopReport(&fields))
        case .entry: self = .entry(try TreeEntry(&fields, isLast: isLast, isKept: isKept))
        case .chunk: self = .chunk(try Chunk(&fields, isLast: isLast))
        case .skipped: self = .skipped(try SkippedEntry(&fields))
        case .end: self = .end(try TreeEnd(&fields))
        case .again: self = .again(try fields.integer("pass"))
        case .keep:
            let path = try fields.treePath("path")
            guard !path.isRoot else { throw fields.malformed("path", "is the top, which is nobody's child") }
            self = .keep(path)
        case .source: self = .source(try fields.generation())
        }
    }

    public var type: FrameType {
        switch self {
        case .hello: .hello
        case .welcome: .welcome
        case .join: .join
        case .joined: .joined
        case .ticket: .ticket
        case .ping: .ping
        case .pong: .pong
        case .goAway: .goAway
        case .request(let request): request.type
        case .reply(let reply): reply.type
        case .cancel: .cancel
        case .credit: .credit
        case .progress: .progress
        case .report: .report
        case .entry: .entry
        case .chunk: .chunk
        case .skipped: .skipped
        case .end: .end
        case .again: .again
        case .keep: .keep
        case .source: .source
        }
    }

    /// The flags of the frame that carries the message.
    public var flags: UInt8 {
        switch self {
        case .entry(let entry): (entry.isLast ? FrameHeader.last : 0) | (entry.isKept ? FrameHeader.kept : 0)
        case .chunk(let chunk) where chunk.isLast: FrameHeader.last
        default: 0
        }
    }

    func writePayload(to buffer: inout ByteBuffer) {
        switch self {
        case .hello(let hello): hello.write(to: &buffer)
        case .welcome(let welcome): welcome.write(to: &buffer)
        case .join(let join): join.write(to: &buffer)
        case .joined(let lane): buffer.writeInteger(lane)
        case .ticket(let ticket): buffer.write(bytes: ticket, length: UInt8.self)
        case .ping(let opaque), .pong(let opaque): buffer.writeInteger(opaque)
        case .goAway(let goAway): goAway.write(to: &buffer)
        case .request(let request): request.write(to: &buffer)
        case .reply(let reply): reply.write(to: &buffer)
        case .cancel(let code): buffer.writeInteger(code.rawValue)
        case .credit(let limit): buffer.writeInteger(limit)
        case .progress(let progress): progress.write(to: &buffer)
        case .report(let report): report.write(to: &buffer)
        case .entry(let entry): entry.write(to: &buffer)
        case .chunk(let chunk): chunk.write(to: &buffer)
        case .skipped(let entry): entry.write(to: &buffer)
        case .end(let end): end.write(to: &buffer)
        case .again(let pass): buffer.writeInteger(pass)
        case .keep(let path): buffer.write(path)
        case .source(let generation): buffer.writeInteger(generation)
        }
    }
}

extension ByteBuffer {
    /// Appends the frame that carries `message` on `stream` (0 for the connection's own messages).
    public mutating func writeFrame(_ message: Message, stream: StreamID = 0) {
        writeFrame(message.type, flags: message.flags, stream: stream) { message.writePayload(to: &$0) }
    }
}
