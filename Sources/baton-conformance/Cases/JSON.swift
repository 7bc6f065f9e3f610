internal import Foundation

/// A JSON value. Numbers are whole.
indirect enum JSON: Decodable, Equatable {
    case null
    case bool(Bool)
    case number(Int128)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    init(from decoder: any Decoder) throws {
        if let object = try? decoder.container(keyedBy: Key.self) {
            var members: [String: JSON] = [:]
            for key in object.allKeys { members[key.stringValue] = try object.decode(JSON.self, forKey: key) }
            self = .object(members)
            return
        }
        if var array = try? decoder.unkeyedContainer() {
            var elements: [JSON] = []
            while !array.isAtEnd { elements.append(try array.decode(JSON.self)) }
            self = .array(elements)
            return
        }
        let value = try decoder.singleValueContainer()
        if let string = try? value.decode(String.self) {
            self = .string(string)
        } else if let number = try? value.decode(Int64.self) {
            self = .number(Int128(number))
        } else if let number = try? value.decode(UInt64.self) {
            self = .number(Int128(number))
        } else if let bool = try? value.decode(Bool.self) {
            self = .bool(bool)
        } else if value.decodeNil() {
            self = .null
        } else {
            throw DecodingError.dataCorruptedError(in: value, debugDescription: "only whole numbers can stand here")
        }
    }

    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// The value as it would be written, with the members of objects in order.
    var text: String {
        switch self {
        case .null: return "null"
        case .bool(let bool): return "\(bool)"
        case .number(let number): return "\(number)"
        case .string(let string):
            let cut = string.count > 200 ? "\(string.prefix(200))…" : string
            return "\"\(cut.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
        case .array(let elements): return "[\(elements.map(\.text).joined(separator: ", "))]"
        case .object(let members):
            let pairs = members.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value.text)" }
            return "{\(pairs.joined(separator: ", "))}"
        }
    }

    /// - Throws: ``CaseError`` that names the file.
    static func read(_ path: String) throws -> JSON {
        guard let data = FileManager.default.contents(atPath: path) else { throw CaseError("cannot read \(path)") }
        do {
            return try JSONDecoder().decode(JSON.self, from: data)
        } catch {
            throw CaseError("\(path) is no JSON that can be used: \(reason(error))")
        }
    }

    private static func reason(_ error: any Error) -> String {
        guard case .dataCorrupted(let context)? = error as? DecodingError else { return "\(error)" }
        let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: " ")
        let cause = (context.underlyingError as NSError?)?.userInfo["NSDebugDescription"] as? String
        return [path, cause ?? context.debugDescription].filter { !$0.isEmpty }.joined(separator: ": ")
    }
}
