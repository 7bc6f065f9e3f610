import NIOCore

/// CALL, but for its deadline and the work that is called: run_s u32, options u8, call bytes8, build bytes8, method text16,
/// references u16 times (origin text8, path bytes16), arguments bytes32 (chapter 13).
public struct CallOrder: Hashable, Sendable {
    /// Seconds from when the host has it.
    public var runSeconds: UInt32
    /// It was sent before: nothing is to begin.
    public var isAgain = false
    /// 16 random bytes: which call it is.
    public var id: [UInt8]
    /// 32 bytes: which program calls.
    public var build: [UInt8]
    public var method: String
    public var values: CallValues

    public init(id: [UInt8], build: [UInt8], method: String, values: CallValues, runSeconds: UInt32) {
        self.id = id
        self.build = build
        self.method = method
        self.values = values
        self.runSeconds = min(runSeconds, Limits.runSeconds.upperBound)
    }

    init(_ fields: inout PayloadReader) throws(ProtocolViolation) {
        let runSeconds: UInt32 = try fields.integer("run_s")
        guard runSeconds > 0 else { throw fields.malformed("run_s", "is 0") }
        isAgain = try fields.options("options", known: 1) & 1 != 0
        id = try fields.bytes("call", length: UInt8.self, exactly: Limits.callID)
        build = try fields.bytes("build", length: UInt8.self, exactly: Limits.digest)
        method = try fields.text("method", length: UInt16.self, atMost: Limits.text)
        guard !method.isEmpty else { throw fields.malformed("method", "is empty") }
        values = try CallValues(&fields)
        self.runSeconds = min(runSeconds, Limits.runSeconds.upperBound)
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeInteger(runSeconds)
        buffer.write(isAgain)
        buffer.write(bytes: id, length: UInt8.self)
        buffer.write(bytes: build, length: UInt8.self)
        buffer.write(text: method, length: UInt16.self, atMost: Limits.text)
        values.write(to: &buffer)
    }

    /// Whether a frame can carry it (CAL-5).
    public func fits(calling work: WorkName) -> Bool {
        4 + 1 + work.description.utf8.count + 4 + 1 + 1 + id.count + 1 + build.count + 2 + method.utf8.count
            + values.size
            <= Limits.controlPayload
    }
}

/// CALL_REPLY: outcome u8, error text16, message text16, references, value bytes32 (chapter 13).
public struct CallResult: Hashable, Sendable {
    /// What was thrown; `nil`: nothing was, it returned.
    public struct Thrown: Hashable, Sendable {
        /// The type's name as the host writes it; may be empty.
        public var type: String
        /// What it says, for people.
        public var message: String

        public init(type: String, message: String) {
            self.type = type
            self.message = message
        }
    }

    public var thrown: Thrown?
    /// The result, or what was thrown.
    public var values: CallValues

    public init(thrown: Thrown? = nil, values: CallValues) {
        self.thrown = thrown
        self.values = values
    }

    init(_ fields: inout PayloadReader) throws(ProtocolViolation) {
        let outcome: UInt8 = try fields.integer("outcome")
        guard outcome == 1 || outcome == 2 else { throw fields.malformed("outcome", "is \(outcome)") }
        let type = try fields.text("error", length: UInt16.self, atMost: Limits.text)
        let message = try fields.text("message", length: UInt16.self, atMost: Limits.text)
        guard outcome == 2 || (type.isEmpty && message.isEmpty) else {
            throw fields.malformed("error", "is there, though nothing was thrown")
        }
        thrown = outcome == 2 ? Thrown(type: type, message: message) : nil
        values = try CallValues(&fields)
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt8(thrown == nil ? 1 : 2))
        buffer.write(text: thrown?.type ?? "", length: UInt16.self, atMost: Limits.text)
        buffer.write(text: thrown?.message ?? "", length: UInt16.self, atMost: Limits.text)
        values.write(to: &buffer)
    }

    /// Whether a frame can carry it (CAL-5).
    public var fits: Bool {
        let texts = (thrown?.type.utf8.count ?? 0) + (thrown?.message.utf8.count ?? 0)
        return 1 + 2 + 2 + min(texts, 2 * Limits.text) + values.size <= Limits.controlPayload
    }
}

/// What a call carries in one of its directions: bytes that only caller and host understand, and which paths of works are among
/// them (chapter 13).
public struct CallValues: Hashable, Sendable {
    /// Each has an origin.
    public var references: [Reference]
    public var bytes: [UInt8]

    public init(references: [Reference] = [], bytes: [UInt8] = []) {
        self.references = references
        self.bytes = bytes
    }

    init(_ fields: inout PayloadReader) throws(ProtocolViolation) {
        let count: UInt16 = try fields.integer("count")
        references = []
        for _ in 0..<count {
            let origin = try fields.requiredName("origin")
            references.append(Reference(origin: origin, path: try fields.path("path")))
        }
        bytes = try fields.bytes("values", length: UInt32.self, atMost: Limits.controlPayload)
    }

    func write(to buffer: inout ByteBuffer) {
        let kept = references.prefix(Int(UInt16.max))
        buffer.writeInteger(UInt16(truncatingIfNeeded: kept.count))
        for reference in kept {
            buffer.write(reference.origin)
            buffer.write(reference.path)
        }
        buffer.write(bytes: bytes, length: UInt32.self)
    }

    /// Bytes of it in a frame.
    var size: Int {
        references.reduce(2 + 4 + bytes.count) {
            $0 + 1 + ($1.origin?.description.utf8.count ?? 0) + 2 + $1.path.bytes.count
        }
    }
}
