/// What a field must be.
indirect enum Matcher {
    case value(Value)
    case all([Matcher])
    case anyOf([Matcher])
    case atLeast(Value)
    case atMost(Value)
    case contains([UInt8])
    case length(Int)
    case not(Matcher)
    /// The field is not there.
    case absent
    /// So many items, in each of which these fields match.
    case items([[String: Matcher]])

    init(_ json: JSON) throws {
        switch json {
        case .null: self = .absent
        case .array(let elements):
            self = .items(
                try elements.map { element in
                    guard case .object(let members) = element else { throw CaseError("a list holds objects") }
                    return try members.mapValues { try Matcher($0) }
                })
        case .object(let members) where !Self.words.isDisjoint(with: members.keys):
            self = .all(try members.map { try Self.read($0.key, $0.value) })
        default: self = .value(try Value(json))
        }
    }

    private static let words: Set = ["any_of", "at_least", "at_most", "contains", "length", "not"]

    private static func read(_ word: String, _ json: JSON) throws -> Matcher {
        switch (word, json) {
        case ("any_of", .array(let elements)): return .anyOf(try elements.map { try Matcher($0) })
        case ("at_least", _): return .atLeast(try Value(json))
        case ("at_most", _): return .atMost(try Value(json))
        case ("contains", .string(let text)): return .contains(Array(text.utf8))
        case ("length", .number(let number)): return .length(Int(clamping: number))
        case ("not", .array(let elements)) where !elements.contains { if case .object = $0 { true } else { false } }:
            return .not(.anyOf(try elements.map { try Matcher($0) }))
        case ("not", _): return .not(try Matcher(json))
        default: throw CaseError("\"\(word)\": \(json.text) is no condition")
        }
    }

    /// - Throws: ``CaseError`` if the field cannot be that, or is compared to what was not kept.
    func matches(_ value: FieldValue, _ field: Layouts.Field, _ bindings: Bindings) throws -> Bool {
        switch self {
        case .absent: return false
        case .value(let wanted): return try wanted.resolve(for: field, bindings) == value
        case .all(let matchers): return try matchers.allSatisfy { try $0.matches(value, field, bindings) }
        case .anyOf(let matchers): return try matchers.contains { try $0.matches(value, field, bindings) }
        case .not(let matcher): return try !matcher.matches(value, field, bindings)
        case .atLeast(let bound): return try compare(value, bound, field, bindings) { $0 >= $1 }
        case .atMost(let bound): return try compare(value, bound, field, bindings) { $0 <= $1 }
        case .contains(let part):
            guard case .bytes(let bytes) = value else { throw CaseError("\(field.name) holds no bytes to look in") }
            return part.isEmpty || bytes.indices.contains { bytes[$0...].starts(with: part) }
        case .length(let length):
            switch value {
            case .bytes(let bytes): return bytes.count == length
            case .list(let items): return items.count == length
            case .number: throw CaseError("\(field.name) is a number and has no length")
            }
        case .items(let wanted):
            guard case .list(let items) = value, case .list(let fields) = field.kind else {
                throw CaseError("\(field.name) is no list")
            }
            guard items.count == wanted.count else { return false }
            return try zip(items, wanted).allSatisfy { item, wanted in
                try wanted.allSatisfy { name, matcher in
                    guard let field = fields.first(where: { $0.name == name }) else {
                        throw CaseError("the items of a list have no field \(name)")
                    }
                    return try item[name].map { try matcher.matches($0, field, bindings) } ?? false
                }
            }
        }
    }

    var isAbsent: Bool { if case .absent = self { true } else { false } }

    private func compare(
        _ value: FieldValue, _ bound: Value, _ field: Layouts.Field, _ bindings: Bindings,
        _ holds: (Int128, Int128) -> Bool
    ) throws -> Bool {
        guard case .number(let number) = value, case .number(let bound) = try bound.resolve(for: field, bindings) else {
            throw CaseError("\(field.name) is no number to compare")
        }
        return holds(number, bound)
    }
}
