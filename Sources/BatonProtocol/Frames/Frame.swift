public import NIOCore

/// Names one request and everything that belongs to it; 0 stands for the connection itself (chapter 4).
public typealias StreamID = UInt32

/// The type byte of a frame (chapter 2).
public enum FrameType: UInt8, Hashable, Sendable, CaseIterable {
    case hello = 0x01
    case welcome = 0x02
    case join = 0x03
    case joined = 0x04
    case ticket = 0x05
    case ping = 0x06
    case pong = 0x07
    case goAway = 0x08

    case exists = 0x10
    case stat = 0x11
    case list = 0x12
    case get = 0x13
    case echo = 0x14
    case wait = 0x15
    case persist = 0x16
    case artifacts = 0x17
    case share = 0x18
    case fetch = 0x19
    case attach = 0x1A
    case call = 0x1B

    case existsReply = 0x20
    case statReply = 0x21
    case listReply = 0x22
    case echoReply = 0x24
    case persistReply = 0x26
    case artifactsReply = 0x27
    case shareReply = 0x28
    case fetchReply = 0x29
    case attachReply = 0x2A
    case callReply = 0x2B
    case error = 0x2F

    case cancel = 0x30
    case credit = 0x31
    case progress = 0x32
    case report = 0x33

    case entry = 0x40
    case chunk = 0x41
    case skipped = 0x42
    case end = 0x43
    case again = 0x44
    case keep = 0x45
    case source = 0x46

    /// Whether the frame belongs to the connection, not to a stream: its stream is 0.
    var isOfConnection: Bool { rawValue < 0x10 }

    var isRequest: Bool { (0x10..<0x20).contains(rawValue) }

    /// Where the frame may stand (chapter 2).
    func belongs(on connection: ConnectionKind) -> Bool {
        switch self {
        case .ping, .pong, .goAway: true
        case .join, .joined, .entry, .chunk, .skipped, .end, .again, .keep, .source: connection == .lane
        case .error: true
        case .get, .credit, .ticket, .report: connection == .control
        case .share, .fetch, .attach, .shareReply, .fetchReply, .attachReply: connection == .local
        default: connection != .lane
        }
    }

    /// The shortest payload that a lane frame can have. Anything shorter would cost its sender no credit worth the name.
    var smallestLanePayload: Int {
        switch self {
        case .entry: 37
        case .chunk: Chunk.headerSize + 1
        case .skipped: 4
        case .end: 24
        case .again: 2
        case .keep: 3
        case .source: 8
        case .error: 7
        default: 0
        }
    }

    var allowedFlags: UInt8 {
        switch self {
        case .entry: FrameHeader.last | FrameHeader.kept
        case .chunk: FrameHeader.last
        default: 0
        }
    }
}

/// The three kinds of connection (chapter 1).
public enum ConnectionKind: Hashable, Sendable {
    /// Between agent and relay: requests, replies, credit.
    case control
    /// Between agent and relay: the content of trees.
    case lane
    /// Between a program and its agent, over a Unix socket.
    case local

    var largestPayload: Int { self == .lane ? Limits.lanePayload : Limits.controlPayload }
}

/// The 12 bytes before each payload: length u32, type u8, flags u8, reserved u16, stream u32 (chapter 2).
public struct FrameHeader: Hashable, Sendable {
    public static let size = 12
    /// Flag of ENTRY and CHUNK: the file ends here.
    public static let last: UInt8 = 1
    /// Flag of ENTRY: the receiver has the file's content in the generation that it named.
    public static let kept: UInt8 = 2

    public var type: FrameType
    public var flags: UInt8
    public var stream: StreamID
    /// Bytes of the payload.
    public var length: Int

    /// Judges a header before anything is allocated for its payload.
    ///
    /// - Parameters:
    ///   - connection: `nil` as long as a relay does not know yet whether HELLO or JOIN will come.
    ///   - cap: the largest payload that the connection's state allows.
    init(reading buffer: inout ByteBuffer, on connection: ConnectionKind?, cap: Int) throws(ProtocolViolation) {
        guard
            let (length, type, flags, reserved, stream) = buffer.readMultipleIntegers(
                as: (UInt32, UInt8, UInt8, UInt16, UInt32).self)
        else { throw .malformed("a frame header is cut short") }
        guard length <= cap else {
            throw ProtocolViolation(.frameTooLarge, "a frame of \(length) bytes where \(cap) are allowed")
        }
        guard let type = FrameType(rawValue: type) else {
            throw ProtocolViolation(.unknownType, "a frame of the unknown type \(type)")
        }
        guard reserved == 0 || Flaw.breaks("FRM-7"), flags & ~type.allowedFlags == 0 else {
            throw .malformed("a \(type) frame with reserved bits set")
        }
        if connection == .lane, length < type.smallestLanePayload {
            throw .malformed("a \(type) frame of \(length) bytes")
        }
        if let connection, !type.belongs(on: connection), !Flaw.breaks("FRM-9") {
            throw ProtocolViolation(.wrongConnection, "a \(type) frame on a \(connection) connection")
        }
        guard (stream == 0) == type.isOfConnection else {
            throw ProtocolViolation(.badStream, "a \(type) frame on stream \(stream)")
        }
        self.type = type
        self.flags = flags
        self.stream = stream
        self.length = Int(length)
    }
}

/// One frame whose payload has not been read yet, so that a relay can pass it on as it is.
public struct Frame: Hashable, Sendable {
    public var type: FrameType
    public var flags: UInt8
    public var stream: StreamID
    public var payload: ByteBuffer

    public init(type: FrameType, flags: UInt8 = 0, stream: StreamID, payload: ByteBuffer) {
        self.type = type
        self.flags = flags
        self.stream = stream
        self.payload = payload
    }
}

extension ByteBuffer {
    /// Writes a frame header; `length` is the payload's, in bytes.
    public mutating func writeFrameHeader(_ type: FrameType, flags: UInt8 = 0, stream: StreamID, length: Int) {
        writeMultipleIntegers(UInt32(truncatingIfNeeded: length), type.rawValue, flags, UInt16(0), stream)
    }

    /// Writes a whole frame whose payload `body` appends; the length is filled in afterwards.
    mutating func writeFrame(
        _ type: FrameType, flags: UInt8 = 0, stream: StreamID, body: (inout ByteBuffer) -> Void
    ) {
        let start = writerIndex
        writeFrameHeader(type, flags: flags, stream: stream, length: 0)
        body(&self)
        setInteger(UInt32(truncatingIfNeeded: writerIndex - start - FrameHeader.size), at: start)
    }
}
