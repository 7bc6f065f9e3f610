/// The frame that must come.
struct Expectation {
    private let messages: [Layouts.Message]
    private let stream: Value?
    private let flags: UInt8?
    private let length: Matcher?
    private let payload: [UInt8]?
    private let fields: [String: Matcher]
    private let kept: [String: String]
    /// How it is written in the case.
    let text: String

    init(from keys: inout Keys) throws {
        guard let names = try keys.strings("type"), !names.isEmpty else { throw CaseError("\"type\" is missing") }
        try self.init(names, from: &keys)
    }

    /// One whose type the verb says; `bind` and `fields` may stand in the step.
    init(_ name: String, bind keys: inout Keys) throws { try self.init([name], from: &keys) }

    private init(_ names: [String], from keys: inout Keys) throws {
        var text = names.joined(separator: " or ")
        for key in ["stream", "flags", "length", "payload", "fields"] {
            if let json = keys.peek(key) { text += " \(key) \(json.text)" }
        }
        self.text = text
        messages = try names.map { [layouts = keys.layouts] name in
            guard let message = layouts.messages[name] else { throw CaseError("there is no type \"\(name)\"") }
            return message
        }
        stream = try keys.value("stream")
        flags = try keys.numberIfThere("flags", in: 0...0xFF).map { UInt8($0) }
        payload = try keys.stringIfThere("payload").map { hex in
            guard let bytes = Hex.bytes(hex) else { throw CaseError("\"payload\" is not hexadecimal") }
            return bytes
        }
        length = try keys.json("length").map { try Matcher($0) }
        fields = try (keys.object("fields") ?? [:]).mapValues { try Matcher($0) }
        kept = try (keys.object("bind") ?? [:]).mapValues { json in
            guard case .string(let name) = json else { throw CaseError("\"bind\" names fields") }
            return name
        }
        for name in fields.keys where !messages.contains(where: { $0.field(name) != nil }) {
            throw CaseError("\(names.joined(separator: ", ")) has no field \(name)")
        }
        for name in kept.values where name != "stream" && name != "flags" {
            guard messages.contains(where: { FieldPath(name).exists(in: $0.fields) }) else {
                throw CaseError("\(names.joined(separator: ", ")) has no field \(name)")
            }
        }
        try rehearse()
    }

    /// Shows whether values and fields go together, before the case runs.
    private func rehearse() throws {
        var rehearsal = Bindings()
        rehearsal.isRehearsal = true
        for message in messages {
            for (name, matcher) in fields {
                guard let field = message.field(name) else { continue }
                _ = try matcher.matches(Value.neutral(field.kind), field, rehearsal)
            }
        }
    }

    func isFor(_ frame: Frame) -> Bool { messages.contains { $0.type == frame.type } }

    func matches(_ frame: Frame, _ bindings: Bindings) throws -> Bool {
        guard let message = messages.first(where: { $0.type == frame.type }) else { return false }
        if let stream, try stream.number(bindings, as: UInt32.self) != frame.stream { return false }
        if let flags, flags != frame.flags { return false }
        if let length, try !length.matches(.number(Int128(frame.payload.count)), Self.length, bindings) { return false }
        if let payload, payload != frame.payload { return false }
        // Whatever comes must fit its layout, unless a case says what it is byte by byte.
        guard let values = PayloadDecoder.decode(frame.payload, as: message) else {
            return payload != nil && fields.isEmpty
        }
        return try fields.allSatisfy { name, matcher in
            guard let field = message.field(name) else { return true }
            if let value = values[name] { return try matcher.matches(value, field, bindings) }
            // What may be missing at the end is then 0.
            guard case .ifThere = field.condition, !matcher.isAbsent else { return matcher.isAbsent }
            return try matcher.matches(Value.neutral(field.kind), field, bindings)
        }
    }

    private static let length = Layouts.Field(
        name: "length", kind: .number(bytes: 4, signed: false, names: [:]), condition: .always)

    /// Keeps what `bind` names, of a frame that matches.
    func bind(_ frame: Frame, in bindings: inout Bindings) {
        let message = messages.first { $0.type == frame.type }
        let values = message.flatMap { PayloadDecoder.decode(frame.payload, as: $0) } ?? [:]
        for (name, field) in kept {
            switch field {
            case "stream": bindings.keep(.number(Int128(frame.stream)), as: name)
            case "flags": bindings.keep(.number(Int128(frame.flags)), as: name)
            default: if let value = FieldPath(field).value(in: values) { bindings.keep(value, as: name) }
            }
        }
    }
}

/// The name of a field, or of one in an item of a list: `receipts.0.generation`.
private struct FieldPath {
    private let parts: [String]

    init(_ text: String) { parts = text.split(separator: ".").map(String.init) }

    func exists(in layout: [Layouts.Field]) -> Bool {
        guard let field = layout.first(where: { $0.name == parts.first }) else { return false }
        guard parts.count == 3, Int(parts[1]) != nil, case .list(let fields) = field.kind else {
            return parts.count == 1
        }
        return fields.contains { $0.name == parts[2] }
    }

    func value(in values: [String: FieldValue]) -> FieldValue? {
        guard let value = parts.first.flatMap({ values[$0] }) else { return nil }
        guard parts.count == 3, let index = Int(parts[1]), case .list(let items) = value else { return value }
        return items.indices.contains(index) ? items[index][parts[2]] : nil
    }
}
