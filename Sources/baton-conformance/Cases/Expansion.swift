/// What stands in braces in the strings of a case: `{root}`, `{run}` and `{long:N:x}`.
struct Expansion {
    /// The agent's root directory.
    var root: String
    /// Eight letters of this case and run.
    var run: String

    /// For looking at cases that do not run yet.
    static let rehearsal = Expansion(root: "/root", run: "abcdefgh")

    static func letters() -> String {
        String((0..<8).map { _ in "abcdefghijklmnopqrstuvwxyz".randomElement() ?? "a" })
    }

    func callAsFunction(_ value: JSON) throws -> JSON {
        switch value {
        case .string(let text): .string(try expand(text))
        case .array(let elements): .array(try elements.map { try self($0) })
        case .object(let members):
            .object(
                Dictionary(
                    try members.map { (try expand($0.key), try self($0.value)) },
                    uniquingKeysWith: { first, _ in first }))
        case .null, .bool, .number: value
        }
    }

    private static let longest = 1 << 20

    private func expand(_ text: String) throws -> String {
        guard text.contains("{") else { return text }
        var result = ""
        var rest = Substring(text)
        while let open = rest.firstIndex(of: "{") {
            result += rest[..<open]
            rest = rest[open...]
            guard let close = rest.firstIndex(of: "}") else { break }
            let word = rest[rest.index(after: open)..<close]
            rest = rest[rest.index(after: close)...]
            switch word.split(separator: ":", omittingEmptySubsequences: false) {
            case ["root"]: result += root
            case ["run"]: result += run
            case let parts where parts.count == 3 && parts[0] == "long" && parts[2].count == 1:
                guard let count = Int(parts[1]), (0...Self.longest).contains(count) else {
                    throw CaseError("\"{\(word)}\" needs a number up to \(Self.longest)")
                }
                result += String(repeating: String(parts[2]), count: count)
            default: result += "{\(word)}"
            }
        }
        return result + rest
    }
}
