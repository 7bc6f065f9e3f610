/// All that is known about single messages: `vectors/layouts.json`, and the codes of `vectors/errors.json`.
struct Layouts: Sendable {
    let messages: [String: Message]
    let types: KnownTypes
    private let byType: [UInt8: Message]

    struct Message: Sendable {
        let name: String
        let type: UInt8
        /// `control`, `lane`, `local`.
        let connections: Set<String>
        let flags: UInt8
        let fields: [Field]

        func field(_ name: String) -> Field? { fields.first { $0.name == name } }
        /// Whether its payload counts for credit wherever it stands.
        var isOfLanes: Bool { connections == ["lane"] && type >= 0x40 }
        var isRequest: Bool { (0x10..<0x20).contains(type) }
    }

    struct Field: Sendable {
        let name: String
        let kind: Kind
        let condition: Condition
    }

    indirect enum Kind: Sendable {
        /// A number of so many bytes, of whose values some may have names.
        case number(bytes: Int, signed: Bool, names: [String: Int128])
        case bool
        /// A length of so many bytes, and what it counts.
        case bytes(length: Int, isText: Bool)
        case rest
        case list([Field])
    }

    enum Condition: Sendable {
        case always
        case equals(field: String, Int128)
        case bit(field: String, Int128)
        /// It may be missing at the end.
        case ifThere
    }

    func message(_ type: UInt8) -> Message? { byType[type] }

    /// - Throws: ``CaseError`` that says what of the files cannot be used.
    init(vectors directory: String) throws {
        let file = directory + "/layouts.json"
        guard case .object(let root) = try JSON.read(file) else { throw CaseError("\(file) holds no object") }
        let codes = try Self.codes(directory + "/errors.json")
        var reader = LayoutReader(root: root, codes: codes)
        do {
            messages = try reader.messages()
            types = try KnownTypes(messages)
        } catch let error as CaseError {
            throw error.at(file)
        }
        byType = Dictionary(messages.values.map { ($0.type, $0) }, uniquingKeysWith: { first, _ in first })
    }

    private static func codes(_ file: String) throws -> [String: Int128] {
        guard case .object(let root) = try JSON.read(file), case .array(let codes)? = root["codes"] else {
            throw CaseError("\(file) holds no codes")
        }
        var names: [String: Int128] = [:]
        for case .object(let code) in codes {
            guard case .number(let number)? = code["code"], case .string(let name)? = code["name"] else { continue }
            names[name] = number
        }
        return names
    }
}

/// Reads the notation of layouts.json.
private struct LayoutReader {
    let root: [String: JSON]
    let codes: [String: Int128]

    mutating func messages() throws -> [String: Layouts.Message] {
        var messages: [String: Layouts.Message] = [:]
        for (name, value) in try members(root["messages"], "messages") {
            let message = try members(value, name)
            guard case .number(let type)? = message["type"], let type = UInt8(exactly: type),
                case .number(let flags)? = message["flags"], let flags = UInt8(exactly: flags),
                case .array(let connections)? = message["connections"], case .string(let fields)? = message["fields"]
            else { throw CaseError("\(name) needs type, connections, flags and fields") }
            let names = connections.compactMap { if case .string(let name) = $0 { name } else { nil } }
            messages[name] = Layouts.Message(
                name: name, type: type, connections: Set(names), flags: flags, fields: try read(fields, of: name))
        }
        return messages
    }

    private func read(_ text: String, of message: String) throws -> [Layouts.Field] {
        try text.split(separator: " ").map { word in
            let parts = word.split(separator: ":", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw CaseError("\(message): \(word) is not name:kind") }
            let kind = parts[1].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            return Layouts.Field(
                name: parts[0], kind: try self.kind(kind[0], field: parts[0], of: message),
                condition: try condition(kind.count == 2 ? kind[1] : nil, of: message))
        }
    }

    private func kind(_ word: String, field: String, of message: String) throws -> Layouts.Kind {
        switch word {
        case "u8": return .number(bytes: 1, signed: false, names: [:])
        case "u16": return .number(bytes: 2, signed: false, names: field == "code" ? codes : [:])
        case "u32": return .number(bytes: 4, signed: false, names: [:])
        case "u64": return .number(bytes: 8, signed: false, names: [:])
        case "i64": return .number(bytes: 8, signed: true, names: [:])
        case "bool": return .bool
        case "text8": return .bytes(length: 1, isText: true)
        case "text16": return .bytes(length: 2, isText: true)
        case "bytes8": return .bytes(length: 1, isText: false)
        case "bytes16": return .bytes(length: 2, isText: false)
        case "bytes32": return .bytes(length: 4, isText: false)
        case "rest": return .rest
        case "list":
            let list = try members(try members(root["lists"], "lists")[field], field)
            guard case .string(let fields)? = list["fields"] else { throw CaseError("the list \(field) has no fields") }
            return .list(try read(fields, of: field))
        default:
            let values = try members(try members(root["enumerations"], "enumerations")[word], word)
            return .number(
                bytes: 1, signed: false,
                names: values.compactMapValues { if case .number(let n) = $0 { n } else { nil } })
        }
    }

    private func condition(_ text: String?, of message: String) throws -> Layouts.Condition {
        guard let text else { return .always }
        guard !text.isEmpty else { return .ifThere }
        let parts = text.split { $0 == "=" || $0 == "&" }
        guard parts.count == 2, let number = Int128(parts[1]) else { throw CaseError("\(message): what is ?\(text)") }
        return text.contains("=") ? .equals(field: String(parts[0]), number) : .bit(field: String(parts[0]), number)
    }

    private func members(_ value: JSON?, _ name: String) throws -> [String: JSON] {
        guard case .object(let members)? = value else { throw CaseError("\(name) is missing, or no object") }
        return members
    }
}
