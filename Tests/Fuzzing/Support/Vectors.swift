import BatonProtocol
import Foundation

/// What the vector files of `Protocol/vectors` hold, as far as inputs are made of it.
enum Vectors {
    struct Frame: Decodable {
        let kind: ConnectionKind
        /// HELLO or JOIN has not been answered.
        let isOpening: Bool
        /// Who sends it, in the transcript.
        let from: String?
        /// Header and payload. Long fills are cut: what they show lies in the lengths before them.
        let bytes: [UInt8]

        private enum Key: CodingKey {
            case connection, opening, hex, fill, from
        }

        private struct Fill: Decodable {
            let byte: String
            let count: Int
        }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: Key.self)
            let connection = try fields.decodeIfPresent(String.self, forKey: .connection)
            kind = connection == "control" ? .control : connection == "local" ? .local : .lane
            isOpening = try fields.decodeIfPresent(Bool.self, forKey: .opening) ?? false
            from = try fields.decodeIfPresent(String.self, forKey: .from)
            let fill = try fields.decodeIfPresent(Fill.self, forKey: .fill)
            let filler = fill.map { [UInt8](repeating: UInt8($0.byte, radix: 16) ?? 0, count: min($0.count, 4096)) }
            bytes = [UInt8](hex: try fields.decode(String.self, forKey: .hex)) + (filler ?? [])
        }

        var type: UInt8 { bytes.count > 4 ? bytes[4] : 0 }
        var flags: UInt8 { bytes.count > 5 ? bytes[5] : 0 }
        var payload: [UInt8] { Array(bytes.dropFirst(FrameHeader.size)) }
    }

    struct Sequence: Decodable {
        let frames: [Frame]
        let base: [BaseEntry]?

        /// Only that it is there counts.
        struct BaseEntry: Decodable {}
    }

    struct Text: Decodable {
        let text: String
    }

    struct Path: Decodable {
        let path: String
    }

    struct Names: Decodable {
        let uris: [String]
    }

    static let frames: [Frame] = ["framing", "session", "streams", "operations", "credit", "trees", "calls"].flatMap {
        list("frames", in: $0)
    }
    static let transcript: [Frame] = list("steps", in: "transcript")
    static let trees: [Sequence] = list("sequences", in: "trees")
    static let references: [Text] = list("references", in: "names")
    static let names: [Text] = list("names", in: "names")
    static let paths: [Path] = list("paths", in: "names")
    static let identities: [Names] = list("identities", in: "names")

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../../Protocol/vectors").standardizedFileURL

    /// Empty if the file cannot be read: the replay tests look that no target is without inputs.
    private static func list<Item: Decodable>(_ list: String, in file: String) -> [Item] {
        guard let data = try? Data(contentsOf: folder.appending(path: "\(file).json")),
            let sections = try? JSONDecoder().decode([String: Section<Item>].self, from: data)
        else { return [] }
        return sections[list]?.items ?? []
    }

    private struct Section<Item: Decodable>: Decodable {
        let items: [Item]

        init(from decoder: any Decoder) throws {
            items = (try? decoder.singleValueContainer().decode([Item].self)) ?? []
        }
    }
}

extension [UInt8] {
    /// What is no pair of hexadecimal digits is left out.
    init(hex: some StringProtocol) {
        let digits = hex.utf8.compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
        self = stride(from: 0, to: digits.count - digits.count % 2, by: 2).map {
            UInt8(digits[$0] << 4 | digits[$0 + 1])
        }
    }

    var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
