/// The members of an object that is being read. Each must be asked for: a key that nobody knows is an error, since a
/// misspelled one would weaken a case without a sound.
struct Keys {
    let layouts: Layouts
    /// What the case tests, where that makes a difference.
    var tested = Case.Tested.relay
    private var members: [String: JSON]

    init(_ json: JSON, _ layouts: Layouts) throws {
        guard case .object(let members) = json else { throw CaseError("\(json.text) is no object") }
        self.members = members
        self.layouts = layouts
    }

    mutating func json(_ key: String) -> JSON? { members.removeValue(forKey: key) }

    func peek(_ key: String) -> JSON? { members[key] }

    func has(_ key: String) -> Bool { members[key] != nil }

    mutating func string(_ key: String) throws -> String {
        guard let value = try stringIfThere(key) else { throw CaseError("\"\(key)\" is missing") }
        return value
    }

    mutating func stringIfThere(_ key: String) throws -> String? {
        switch json(key) {
        case nil: return nil
        case .string(let text): return text
        case let other?: throw CaseError("\"\(key)\" takes a string, not \(other.text)")
        }
    }

    mutating func flag(_ key: String) throws -> Bool { try flagIfThere(key) ?? false }

    mutating func flagIfThere(_ key: String) throws -> Bool? {
        switch json(key) {
        case nil: return nil
        case .bool(let bool): return bool
        case let other?: throw CaseError("\"\(key)\" takes true or false, not \(other.text)")
        }
    }

    mutating func number(_ key: String, in range: ClosedRange<Int>) throws -> Int {
        guard let value = try numberIfThere(key, in: range) else { throw CaseError("\"\(key)\" is missing") }
        return value
    }

    mutating func numberIfThere(_ key: String, in range: ClosedRange<Int>) throws -> Int? {
        switch json(key) {
        case nil: return nil
        case .number(let number) where number >= range.lowerBound && number <= range.upperBound: return Int(number)
        case let other?:
            throw CaseError("\"\(key)\" takes \(range.lowerBound) to \(range.upperBound), not \(other.text)")
        }
    }

    /// Up to a day.
    mutating func milliseconds(_ key: String) throws -> Duration? {
        try numberIfThere(key, in: 0...86_400_000).map { .milliseconds($0) }
    }

    /// One string, or an array of them.
    mutating func strings(_ key: String) throws -> [String]? {
        switch json(key) {
        case nil: return nil
        case .string(let text): return [text]
        case .array(let elements):
            return try elements.map { element in
                guard case .string(let text) = element else { throw CaseError("\"\(key)\" holds strings") }
                return text
            }
        case let other?: throw CaseError("\"\(key)\" takes strings, not \(other.text)")
        }
    }

    mutating func array(_ key: String) throws -> [JSON]? {
        switch json(key) {
        case nil: return nil
        case .array(let elements): return elements
        case let other?: throw CaseError("\"\(key)\" takes an array, not \(other.text)")
        }
    }

    mutating func object(_ key: String) throws -> [String: JSON]? {
        switch json(key) {
        case nil: return nil
        case .object(let members): return members
        case let other?: throw CaseError("\"\(key)\" takes an object, not \(other.text)")
        }
    }

    mutating func values(_ key: String) throws -> [String: Value] {
        try (object(key) ?? [:]).mapValues { try Value($0) }
    }

    mutating func value(_ key: String) throws -> Value? { try json(key).map { try Value($0) } }

    /// Codes by name, or as numbers.
    mutating func codes(_ key: String) throws -> [Int128]? {
        let values: [JSON]
        switch json(key) {
        case nil: return nil
        case .array(let elements): values = elements
        case let one?: values = [one]
        }
        guard let field = layouts.messages["GOAWAY"]?.field("code") else { throw CaseError("GOAWAY has no code") }
        return try values.map { json in
            guard case .number(let number) = try Value(json).resolve(for: field, Bindings()) else {
                throw CaseError("\"\(key)\" takes codes")
            }
            return number
        }
    }

    /// - Throws: ``CaseError`` that names the keys that nobody asked for.
    func end() throws {
        guard members.isEmpty else {
            throw CaseError(
                "nothing is known of \(members.keys.sorted().map { "\"\($0)\"" }.joined(separator: ", ")) here")
        }
    }
}
