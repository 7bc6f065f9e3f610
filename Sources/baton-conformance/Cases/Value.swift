/// A value of a field as a case writes it.
indirect enum Value {
    case number(Int128)
    /// UTF-8, the name of a number, or a number in decimal digits: the field's kind decides.
    case string(String)
    case bytes([UInt8])
    case list([[String: Value]])
    /// `"$name"`, and what is added to it.
    case kept(String, plus: Int128)

    init(_ json: JSON) throws {
        switch json {
        case .number(let number): self = .number(number)
        case .bool(let bool): self = .number(bool ? 1 : 0)
        case .string(let text):
            self = text.hasPrefix("$") ? .kept(String(text.dropFirst()), plus: 0) : .string(text)
        case .array(let elements):
            self = .list(
                try elements.map { element in
                    guard case .object(let members) = element else { throw CaseError("a list holds objects") }
                    return try members.mapValues { try Value($0) }
                })
        case .object(let members): self = try Self.read(members)
        case .null: throw CaseError("null is no value")
        }
    }

    private static let longest: Int128 = 1 << 24

    private static func read(_ members: [String: JSON]) throws -> Value {
        if members.count == 1, case .string(let hex)? = members["hex"] {
            guard let bytes = Hex.bytes(hex) else { throw CaseError("\"\(hex)\" is not hexadecimal") }
            return .bytes(bytes)
        }
        if members.count == 2, case .string(let text)? = members["text"], case .number(let times)? = members["times"],
            (0...longest / Int128(max(1, text.utf8.count))).contains(times)
        {
            let unit = Array(text.utf8)
            if unit.count == 1 { return .bytes([UInt8](repeating: unit[0], count: Int(times))) }
            return .bytes((0..<Int(times)).reduce(into: []) { bytes, _ in bytes += unit })
        }
        if members.count == 1, case .array(let sum)? = members["plus"], sum.count == 2, case .string(let name) = sum[0],
            name.hasPrefix("$"), case .number(let number) = sum[1]
        {
            return .kept(String(name.dropFirst()), plus: number)
        }
        throw CaseError("\(JSON.object(members).text) is no value; there are hex, text with times, and plus")
    }

    /// What stands for the value in a field of that kind.
    func resolve(for field: Layouts.Field, _ bindings: Bindings) throws -> FieldValue {
        do {
            return try resolve(field.kind, bindings)
        } catch let error as CaseError {
            throw error.at(field.name)
        }
    }

    private func resolve(_ kind: Layouts.Kind, _ bindings: Bindings) throws -> FieldValue {
        if case .kept(let name, let plus) = self {
            guard let value = try bindings.value(name) else { return Self.neutral(kind) }
            guard plus != 0 else { return value }
            guard case .number(let number) = value else { throw CaseError("$\(name) is no number to add to") }
            return .number(number + plus)
        }
        switch (kind, self) {
        case (.number, .number(let number)), (.bool, .number(let number)): return .number(number)
        case (.number(_, _, let names), .string(let text)):
            guard let number = names[text] ?? Int128(text) else {
                let known = names.keys.sorted().joined(separator: ", ")
                throw CaseError("\"\(text)\" is no number" + (known.isEmpty ? "" : " and none of \(known)"))
            }
            return .number(number)
        case (.bytes, .string(let text)), (.rest, .string(let text)): return .bytes(Array(text.utf8))
        case (.bytes, .bytes(let bytes)), (.rest, .bytes(let bytes)): return .bytes(bytes)
        case (.list(let fields), .list(let items)):
            return .list(
                try items.map { item in
                    try Dictionary(
                        uniqueKeysWithValues: item.map { name, value in
                            guard let field = fields.first(where: { $0.name == name }) else {
                                throw CaseError("its items have no field \(name)")
                            }
                            return (name, try value.resolve(for: field, bindings))
                        })
                })
        default: throw CaseError("a value of another kind belongs here")
        }
    }

    /// What a field is where nothing is said, and what a kept value is before the case runs.
    static func neutral(_ kind: Layouts.Kind) -> FieldValue {
        switch kind {
        case .number, .bool: .number(0)
        case .bytes, .rest: .bytes([])
        case .list: .list([])
        }
    }

    /// A number outside of frames' fields, such as a stream.
    func number<Number: FixedWidthInteger>(_ bindings: Bindings, as type: Number.Type) throws -> Number {
        let kind = Layouts.Kind.number(bytes: Number.bitWidth / 8, signed: Number.isSigned, names: [:])
        guard case .number(let value) = try resolve(kind, bindings), let number = Number(exactly: value) else {
            throw CaseError("a number up to \(Number.max) belongs here")
        }
        return number
    }
}
