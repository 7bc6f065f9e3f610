import Testing

/// One code of `errors.json`; without a name it is not assigned.
struct ErrorVector: Decodable, Sendable, CustomTestStringConvertible {
    let code: UInt16
    let name: String?
    let exit: Int32

    var testDescription: String { name ?? "\(code)" }

    static let all: [ErrorVector] = VectorFile.list("codes", in: "errors")
}

/// A scenario of `credit.json`: what a responder is granted and wants to send.
struct CreditScenario: Decodable, Sendable, CustomTestStringConvertible {
    struct Step: Decodable {
        let grant: String?
        let lane: String?
        let length: Int?
        let result: String
    }

    let name: String
    let steps: [Step]

    var testDescription: String { name }

    static let all: [CreditScenario] = VectorFile.list("scenarios", in: "credit")
}

/// A text of `names.json` and what it means, or its refusal.
struct ReferenceVector: Decodable, Sendable, CustomTestStringConvertible {
    let text: String
    let work: String?
    let path: HexBytes?
    let canonical: String?
    let error: String?

    var testDescription: String { String(text.prefix(60)) }

    static let all: [ReferenceVector] = VectorFile.list("references", in: "names")
}

/// Bytes of `names.json`, and whether they are a path on the wire and in a tree.
struct PathVector: Decodable, Sendable {
    let path: HexBytes
    let wire: Bool
    let tree: Bool

    static let all: [PathVector] = VectorFile.list("paths", in: "names")
}

/// A text of `names.json`, and whether a work may be called so.
struct NameVector: Decodable, Sendable {
    let text: String
    let valid: Bool

    static let all: [NameVector] = VectorFile.list("names", in: "names")
}

/// Two paths of `names.json` in tree order.
struct OrderVector: Decodable, Sendable {
    let a: HexBytes
    let b: HexBytes
    let order: String

    static let all: [OrderVector] = VectorFile.list("order", in: "names")
}
