import BatonProtocol
import FoundationEssentials

/// How an error that a work throws travels: by the name of its type, as what it says, and, if it is `Codable`, as a value.
enum ThrownError {
    static func write(_ error: any Error, sender: WorkName) -> CallResult {
        let type = Swift.type(of: error)
        let handing = Handing(sender: sender)
        let data = (error as? any Codable).flatMap { try? CallCoding.encode($0, handing: handing) }
        // A private type's name means something in its own process only; it begins behind a dollar sign.
        let name = _mangledTypeName(type).flatMap { isPlain($0) ? $0 : nil } ?? ""
        let comesBack = data != nil && !name.isEmpty
        let sentence = comesBack ? nil : (error as? any LocalizedError)?.errorDescription
        let thrown = CallResult.Thrown(
            type: comesBack ? name : String(describing: type),
            message: cut(Escaping.printable(sentence ?? String(describing: error))))
        return CallResult(
            thrown: thrown, values: CallValues(references: handing.attached, bytes: data.map(Array.init) ?? []))
    }

    /// The error as it was thrown, or else as a ``RemoteError``.
    static func read(_ result: CallResult, from work: WorkName, _ coding: CallCoding) -> any Error {
        let thrown = result.thrown ?? CallResult.Thrown(type: "", message: "")
        if !result.values.bytes.isEmpty, isPlain(thrown.type),
            let type = _typeByName(thrown.type) as? any (Error & Decodable).Type,
            let error = try? coding.decode(type, from: Data(result.values.bytes))
        {
            return error
        }
        return RemoteError(
            work: work.description, type: Escaping.printable(thrown.type), message: Escaping.printable(thrown.message))
    }

    /// Whether it is the name of a type that stands for itself, in a module or in other types: `4demo5OuterO5InnerV`. Swift's runtime must
    /// not look up anything else that a peer sends: there are names that it never comes to an end with, and names that it crashes on.
    static func isPlain(_ name: String) -> Bool {
        var rest = name.utf8.prefix(257)
        guard name.utf8.count <= 256, takeIdentifier(from: &rest) else { return false }
        repeat {
            guard takeIdentifier(from: &rest), let kind = rest.popFirst(), "VCO".utf8.contains(kind) else {
                return false
            }
        } while !rest.isEmpty
        return true
    }

    /// A length and so many letters, digits and underscores. What begins with 0 repeats words of earlier ones; it is not plain.
    private static func takeIdentifier(from rest: inout Substring.UTF8View) -> Bool {
        let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard digits.first != UInt8(ascii: "0"), let length = Int(Substring(digits)) else { return false }
        rest = rest.dropFirst(digits.count)
        let identifier = rest.prefix(length)
        rest = rest.dropFirst(length)
        return identifier.count == length
            && identifier.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    private static func cut(_ text: String) -> String {
        var text = text
        while text.utf8.count > Limits.text { text.removeLast() }
        return text
    }
}
