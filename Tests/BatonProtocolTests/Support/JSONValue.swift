import Foundation

/// JSON as the vector files of `Protocol/vectors` hold it: integers only, no fractions.
enum JSONValue: Hashable, Decodable, Sendable {
    case null
    case bool(Bool)
    case number(Int64)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let bool = try? value.decode(Bool.self) {
            self = .bool(bool)
        } else if let number = try? value.decode(Int64.self) {
            self = .number(number)
        } else if let string = try? value.decode(String.self) {
            self = .string(string)
        } else if let array = try? value.decode([JSONValue].self) {
            self = .array(array)
        } else {
            self = .object(try value.decode([String: JSONValue].self))
        }
    }
}

/// The vector files, found from where this file lies.
enum VectorFile {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../../Protocol/vectors").standardizedFileURL

    /// One list of a file. Empty if it cannot be read, so the tests also check that lists are not empty.
    static func list<Item: Decodable>(_ list: String, in file: String, of type: Item.Type = Item.self) -> [Item] {
        do {
            let data = try Data(contentsOf: folder.appending(path: "\(file).json"))
            return try JSONDecoder().decode([String: Section<Item>].self, from: data)[list]?.items ?? []
        } catch {
            print("\(file).json: \(error)")
            return []
        }
    }

    /// A list of the items asked for; empty for the other values of the file.
    private struct Section<Item: Decodable>: Decodable {
        let items: [Item]

        init(from decoder: any Decoder) throws {
            items = (try? decoder.singleValueContainer().decode([Item].self)) ?? []
        }
    }
}

/// Bytes that stand as hexadecimal digits in a vector.
struct HexBytes: Hashable, Decodable, Sendable {
    let bytes: [UInt8]

    init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        let digits = text.compactMap(\.hexDigitValue)
        guard digits.count == text.count, digits.count.isMultiple(of: 2) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "no hex: \(text)"))
        }
        bytes = stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}

extension Collection<UInt8> {
    var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
