/// A frame that a case sends.
struct FrameSpec {
    let message: Layouts.Message?
    private let type: UInt8
    private let stream: Value
    private let flags: UInt8
    private let reserved: UInt16
    private let payload: Value?
    private let fields: [String: Value]
    private let tail: [UInt8]
    private let length: UInt32?

    /// Made by the runner itself.
    init(_ name: String, stream: UInt32 = 0, flags: UInt8 = 0, _ fields: [String: Value], _ layouts: Layouts) throws {
        guard let message = layouts.messages[name] else { throw CaseError("the layouts have no \(name)") }
        self.message = message
        type = message.type
        self.stream = .number(Int128(stream))
        self.flags = flags
        self.fields = fields
        reserved = 0
        payload = nil
        tail = []
        length = nil
    }

    /// - Parameter defaultStream: where the frame does not say one.
    init(_ json: JSON, _ layouts: Layouts, defaultStream: Value = .number(0)) throws {
        var keys = try Keys(json, layouts)
        switch keys.json("type") {
        case .string(let name)?:
            guard let message = layouts.messages[name] else { throw CaseError("there is no type \"\(name)\"") }
            self.message = message
            type = message.type
        case .number(let number)?:
            guard let type = UInt8(exactly: number) else { throw CaseError("type \(number) does not fit a byte") }
            self.type = type
            message = layouts.message(type)
        default: throw CaseError("a frame needs a \"type\", a name or a number")
        }
        stream = try keys.value("stream") ?? defaultStream
        flags = UInt8(try keys.numberIfThere("flags", in: 0...0xFF) ?? 0)
        reserved = UInt16(try keys.numberIfThere("reserved", in: 0...0xFFFF) ?? 0)
        length = try keys.numberIfThere("length", in: 0...0xFFFF_FFFF).map { UInt32($0) }
        payload = try keys.json("payload").map { try Self.bytes($0) }
        if case .bytes(let bytes)? = try keys.json("tail").map({ try Self.bytes($0) }) {
            tail = bytes
        } else {
            tail = []
        }
        guard payload == nil || !keys.has("fields") else {
            throw CaseError("a frame has fields or a payload, not both")
        }
        fields = try keys.values("fields")
        try keys.end()
        guard message != nil || fields.isEmpty else { throw CaseError("type \(type) has no layout; write its payload") }
        var rehearsal = Bindings()
        rehearsal.isRehearsal = true
        _ = try encode(rehearsal)
    }

    /// Hexadecimal digits, or a value of bytes.
    private static func bytes(_ json: JSON) throws -> Value {
        guard case .string(let hex) = json, !hex.hasPrefix("$") else { return try Value(json) }
        guard let bytes = Hex.bytes(hex) else { throw CaseError("\"\(hex)\" is not hexadecimal") }
        return .bytes(bytes)
    }

    /// - Parameter offset: added to a stream other than 0.
    func encode(_ bindings: Bindings, streamOffset offset: UInt32 = 0) throws -> [UInt8] {
        var body: [UInt8] = []
        if let payload {
            let field = Layouts.Field(name: "payload", kind: .rest, condition: .always)
            if case .bytes(let bytes) = try payload.resolve(for: field, bindings) { body = bytes }
        } else if let message {
            body = try PayloadEncoder(fields, of: message, bindings).bytes
        }
        let stream = try stream.number(bindings, as: UInt32.self)
        return Frame.encode(
            type: type, flags: flags, reserved: reserved, stream: stream == 0 ? 0 : stream &+ offset,
            payload: body + tail, length: length)
    }

    /// The stream it has where nothing is added.
    func stream(_ bindings: Bindings) throws -> UInt32 { try stream.number(bindings, as: UInt32.self) }
}
