import BatonProtocol
import NIOCore
import Testing

/// One frame of a vector file: `Protocol/vectors/README.md` says what the keys mean.
struct FrameVector: Decodable, Sendable, CustomTestStringConvertible {
    struct Fill: Decodable {
        let byte: HexBytes
        let count: Int
    }

    let name: String?
    let connection: String?
    let opening: Bool?
    let hex: HexBytes
    let fill: Fill?
    let type: String?
    let flags: UInt8?
    let stream: StreamID?
    let fields: [String: JSONValue]?
    let error: String?
    let encode: Bool?

    var testDescription: String { name ?? type ?? "" }

    var bytes: [UInt8] {
        hex.bytes + (fill.map { Array(repeating: $0.byte.bytes[0], count: $0.count) } ?? [])
    }

    /// Decodes the vector as a connection of its kind and state would.
    ///
    /// - Returns: `nil` if the decoder waits for more bytes.
    func decode() throws -> (frame: Frame, message: Message)? {
        let kinds: [String: ConnectionKind] = ["control": .control, "lane": .lane, "local": .local]
        let kind: ConnectionKind = try #require(kinds[connection ?? "lane"])
        var decoder = FrameDecoder(connection: kind)
        decoder.isGreeted = opening != true
        decoder.feed(ByteBuffer(bytes: bytes))
        guard let frame = try decoder.next() else { return nil }
        return (frame, try Message(frame))
    }

    /// The fields that a decoder must find; `fill` is part of a CHUNK's data.
    var expectedFields: [String: JSONValue]? {
        guard type == "CHUNK", fill != nil, var fields, case .string(let data) = fields["data"] else { return fields }
        fields["data"] = .string(data + bytes.dropFirst(hex.bytes.count).hex)
        return fields
    }

    static let all: [FrameVector] = ["framing", "session", "streams", "operations", "credit", "trees", "calls"]
        .flatMap { VectorFile.list("frames", in: $0) }
    static let valid = all.filter { $0.error == nil }
    static let refused = all.filter { $0.error != nil }
    static let encodable = valid.filter { $0.encode != false }

    /// The worked example of chapter 4.
    static let transcript: [FrameVector] = VectorFile.list("steps", in: "transcript")
    /// The frames of all trees, also of those that are refused as a whole.
    static let trees: [FrameVector] = VectorFile.list("sequences", in: "trees", of: TreeVector.self).flatMap(\.frames)
}

/// The lane frames of one GET.
struct TreeVector: Decodable {
    let frames: [FrameVector]
}
