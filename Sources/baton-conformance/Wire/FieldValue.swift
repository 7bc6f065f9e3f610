/// The value of a field as it travels.
indirect enum FieldValue: Equatable {
    case number(Int128)
    case bytes([UInt8])
    case list([[String: FieldValue]])
}

/// What `bind` has kept, by name.
struct Bindings {
    private(set) var values: [String: FieldValue] = [:]
    /// In a rehearsal, before the case runs, every name stands for something.
    var isRehearsal = false

    mutating func keep(_ value: FieldValue, as name: String) { values[name] = value }

    func value(_ name: String) throws -> FieldValue? {
        if isRehearsal { return nil }
        guard let value = values[name] else { throw CaseError("nothing was kept as $\(name)") }
        return value
    }
}
