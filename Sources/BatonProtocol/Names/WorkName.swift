/// The name of a work or an app: 1 to 128 of `A-Z a-z 0-9 . _ -`, and neither `.` nor `..` (chapter 10).
public struct WorkName: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let description: String

    /// - Throws: ``NameError/invalidWorkName(_:)``
    public init(_ text: some StringProtocol) throws(NameError) {
        guard WorkName.isValid(text.utf8) else { throw .invalidWorkName(Escaping.printable(Array(text.utf8))) }
        description = String(text)
    }

    static func isValid(_ bytes: some Collection<UInt8>) -> Bool {
        guard (1...Limits.name).contains(bytes.count) else { return false }
        guard bytes.allSatisfy(isAllowed) else { return false }
        return !bytes.allSatisfy { $0 == UInt8(ascii: ".") } || bytes.count > 2
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    public static func < (a: WorkName, b: WorkName) -> Bool { a.description < b.description }
}

/// Why a name, a path or a reference was refused.
public enum NameError: Error, Hashable, Sendable, CustomStringConvertible {
    case invalidWorkName(String)
    case invalidPath(String, reason: String)
    case invalidReference(String, reason: String)

    public var description: String {
        switch self {
        case .invalidWorkName(let name):
            "'\(name)' is no name of a work: use 1 to \(Limits.name) of A-Z a-z 0-9 . _ - (and not '.' or '..')"
        case .invalidPath(let path, let reason): "'\(path)' is no path: \(reason)"
        case .invalidReference(let text, let reason): "'\(text)' is no reference: \(reason)"
        }
    }
}
