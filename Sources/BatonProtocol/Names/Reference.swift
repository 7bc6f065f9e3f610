/// A path and the work it belongs to: `lit://trainer@outputs/checkpoints` (chapter 10).
///
/// Without an origin it is a path of the work that holds it (`lit://outputs/checkpoints`).
public struct Reference: Hashable, Sendable {
    public var origin: WorkName?
    public var path: PathName

    public init(origin: WorkName? = nil, path: PathName) {
        self.origin = origin
        self.path = path
    }

    public static let scheme = "lit://"

    /// Whether a text is a reference, if perhaps a wrong one, and no plain path: it begins with `lit://`.
    ///
    /// Names are bytes: by characters, a name that begins with a combining mark would be one with the slash before it.
    public static func isMeant(by text: some StringProtocol) -> Bool {
        text.utf8.starts(with: scheme.utf8)
    }

    /// Parses the text form.
    ///
    /// - Throws: ``NameError``: no `lit://`, a raw `?` or `#`, a bad percent escape, a name that cannot be.
    public init(_ text: some StringProtocol) throws(NameError) {
        guard Reference.isMeant(by: text) else {
            throw .invalidReference(
                Escaping.printable(String(text)), reason: "it does not begin with \(Reference.scheme)")
        }
        func refuse(_ reason: String) -> NameError {
            .invalidReference(Escaping.printable(String(text)), reason: reason)
        }
        let rest = text.utf8.dropFirst(Reference.scheme.utf8.count)
        if rest.contains(where: { "?#".utf8.contains($0) }) {
            throw refuse("write '?' as %3F and '#' as %23")
        }
        let firstComponent = rest.prefix { $0 != PathName.slash }
        var path = rest[...]
        if let at = firstComponent.firstIndex(of: UInt8(ascii: "@")) {
            guard let name = String(bytes: rest[..<at]) else { throw refuse("its work's name is not text") }
            origin = try WorkName(name)
            path = rest[rest.index(after: at)...]
        } else {
            origin = nil
        }
        guard !path.isEmpty else { throw refuse("it names no path; write '.' for the root directory of the work") }
        var decoded: [UInt8] = []
        for (index, component) in path.split(separator: PathName.slash, omittingEmptySubsequences: false).enumerated() {
            guard let bytes = Escaping.decode(component) else {
                throw refuse("'%' must be followed by two hexadecimal digits")
            }
            if bytes.contains(PathName.slash) { throw refuse("a name cannot hold '/' (%2F)") }
            if index > 0 { decoded.append(PathName.slash) }
            decoded += bytes
        }
        self.path = try PathName(resolving: decoded)
    }
}

extension Reference: CustomStringConvertible {
    /// The text form; parsing it gives the same reference.
    public var description: String {
        Reference.scheme + (origin.map { "\($0)@" } ?? "") + encodedPath
    }

    private var encodedPath: String {
        guard !path.isRoot else { return "." }
        let first = path.bytes.prefix { $0 != PathName.slash }
        return Escaping.encode(first, reserved: [UInt8(ascii: "@")])
            + Escaping.encode(path.bytes.dropFirst(first.count))
    }
}

extension String {
    fileprivate init?(bytes: some Collection<UInt8>) {
        self.init(validating: bytes, as: UTF8.self)
    }
}
