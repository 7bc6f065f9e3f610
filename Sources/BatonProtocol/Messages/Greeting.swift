import NIOCore

/// What both sides can do beyond version 1; the session uses what both have (chapter 3). No bit is assigned yet.
public struct Capabilities: OptionSet, Hashable, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// All that this code knows.
    public static let supported: Capabilities = []
}

/// HELLO, the dialer's first frame: version u16, capabilities u64, max_streams u16, keepalive u32 ms, software text8
/// (chapter 3).
public struct Hello: Hashable, Sendable {
    public var version = Limits.version
    public var capabilities = Capabilities.supported
    /// Streams that the acceptor may have open towards the dialer.
    public var maxStreams = Limits.defaultStreams
    /// Proposed keepalive interval, in milliseconds.
    public var keepalive = Limits.defaultKeepalive
    /// Name and version of the dialer, for logs.
    public var software = ""

    public init(software: String = "", keepalive: UInt32 = Limits.defaultKeepalive) {
        self.software = software
        self.keepalive = keepalive
    }

    init(_ fields: inout PayloadReader) throws(ProtocolViolation) {
        version = try fields.integer("version")
        capabilities = Capabilities(rawValue: try fields.integer("capabilities"))
        maxStreams = try fields.integer("max_streams")
        keepalive = try fields.integer("keepalive")
        software = try fields.text("software", length: UInt8.self, atMost: Limits.software)
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(version, capabilities.rawValue, maxStreams, keepalive)
        buffer.write(text: software, length: UInt8.self, atMost: Limits.software)
    }
}

/// WELCOME, the acceptor's first frame: version u16, capabilities u64, session u64, max_streams u16, keepalive u32 ms,
/// window u32, app text8, work text8, ticket bytes8, software text8 (chapter 3).
public struct Welcome: Hashable, Sendable {
    public var version = Limits.version
    /// What both sides have.
    public var capabilities = Capabilities.supported
    /// The session's epoch: a later session of the same work has a higher one.
    public var session: UInt64
    /// Streams that the dialer may have open towards the acceptor.
    public var maxStreams = Limits.defaultStreams
    /// Keepalive interval of both sides, in milliseconds.
    public var keepalive = Limits.defaultKeepalive
    /// Bytes that the acceptor takes per stream before it has passed them on; 0 where there are no lanes.
    public var window: UInt32
    /// Who the dialer is, as its certificate says.
    public var app: WorkName
    public var work: WorkName
    /// The ticket of the first lane; empty where there are no lanes.
    public var ticket: [UInt8]
    public var software = ""

    public init(session: UInt64, app: WorkName, work: WorkName, ticket: [UInt8] = [], software: String = "") {
        self.session = session
        self.app = app
        self.work = work
        self.ticket = ticket
        window = ticket.isEmpty ? 0 : UInt32(Limits.defaultWindow)
        self.software = software
    }

    init(_ fields: inout PayloadReader) throws(ProtocolViolation) {
        version = try fields.integer("version")
        capabilities = Capabilities(rawValue: try fields.integer("capabilities"))
        session = try fields.integer("session")
        maxStreams = try fields.integer("max_streams")
        keepalive = try fields.integer("keepalive")
        window = try fields.integer("window")
        app = try fields.requiredName("app")
        work = try fields.requiredName("work")
        ticket = try fields.bytes("ticket", length: UInt8.self, atMost: Limits.ticket)
        guard ticket.isEmpty || ticket.count == Limits.ticket else {
            throw fields.malformed("ticket", "has a wrong length")
        }
        software = try fields.text("software", length: UInt8.self, atMost: Limits.software)
    }

    /// - Throws: `malformed` if the acceptor names capabilities that no HELLO of this code offers.
    public func checkCapabilities() throws(ProtocolViolation) {
        guard capabilities.isSubset(of: .supported) else {
            throw .malformed("WELCOME with capabilities that HELLO did not offer")
        }
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(version, capabilities.rawValue, session, maxStreams, keepalive, window)
        buffer.write(app)
        buffer.write(work)
        buffer.write(bytes: ticket, length: UInt8.self)
        buffer.write(text: software, length: UInt8.self, atMost: Limits.software)
    }
}

/// JOIN, the first frame on a lane: version u16, ticket bytes8 (chapter 3).
public struct Join: Hashable, Sendable {
    public var version = Limits.version
    public var ticket: [UInt8]

    public init(ticket: [UInt8]) { self.ticket = ticket }

    init(_ fields: inout PayloadReader) throws(ProtocolViolation) {
        version = try fields.integer("version")
        ticket = try fields.ticket()
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeInteger(version)
        buffer.write(bytes: ticket, length: UInt8.self)
    }
}

/// GOAWAY: code u16, last_stream u32, reconnect_ms u32, message text16 (chapter 3).
public struct GoAway: Hashable, Sendable {
    public var code: ErrorCode
    /// The highest stream of the peer that was looked at.
    public var lastStream: StreamID
    /// When to come back, in milliseconds; ``Limits/neverReconnect``: not at all.
    public var reconnect: UInt32
    public var message: String

    public init(code: ErrorCode, lastStream: StreamID = 0, reconnect: UInt32 = 0, message: String) {
        self.code = code
        self.lastStream = lastStream
        self.reconnect = reconnect
        self.message = message
    }

    init(_ fields: inout PayloadReader) throws(ProtocolViolation) {
        code = ErrorCode(rawValue: try fields.integer("code"))
        lastStream = try fields.integer("last_stream")
        reconnect = try fields.integer("reconnect_ms")
        message = try fields.text("message", length: UInt16.self, atMost: Limits.text)
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(code.rawValue, lastStream, reconnect)
        buffer.write(text: message, length: UInt16.self, atMost: Limits.text)
    }
}

extension PayloadReader {
    mutating func lane() throws(ProtocolViolation) -> UInt8 {
        let lane: UInt8 = try integer("lane")
        guard lane < Limits.lanes else { throw malformed("lane", "is above \(Limits.lanes - 1)") }
        return lane
    }

    mutating func ticket() throws(ProtocolViolation) -> [UInt8] {
        let ticket = try bytes("ticket", length: UInt8.self, atMost: Limits.ticket)
        guard ticket.count == Limits.ticket else { throw malformed("ticket", "has a wrong length") }
        return ticket
    }
}
