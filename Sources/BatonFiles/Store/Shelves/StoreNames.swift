import BatonProtocol
import BatonTLS

/// How names become names of directories in the store: readable, one component each, and each its own.
enum StoreNames {
    /// Longer ones become digests.
    private static let longest = 200
    /// No name is encoded like this: a `%` is followed by two hexadecimal digits.
    private static let digestPrefix = "%sha256-"

    /// Percent-encodes `/`, spaces, a leading dot, and what references encode. The empty path, which is the work's root
    /// directory, becomes `%2E`.
    static func token(_ name: some Collection<UInt8>) -> String {
        var token = Escaping.encode(name, reserved: [UInt8(ascii: "/"), UInt8(ascii: " ")])
        if token.isEmpty { token = "%2E" }
        if name.first == UInt8(ascii: ".") { token = "%2E" + String(decoding: token.utf8.dropFirst(), as: UTF8.self) }
        guard token.utf8.count > longest else { return token }
        var digest = SHA256()
        digest.update(Array(name))
        return digestPrefix + digest.finalize().hexadecimal
    }

    /// Whether it could be the name of a directory in the store.
    static func isToken(_ name: String) -> Bool {
        if name == "%2E" || name.hasPrefix(digestPrefix) { return true }
        return Escaping.decode(name.utf8).map { token($0) == name } ?? false
    }

    /// The path with this token; `nil` for a digest, and for what is no token.
    static func path(_ token: String) -> PathName? {
        if token == "%2E" { return .root }
        guard !token.hasPrefix(digestPrefix), isToken(token) else { return nil }
        return Escaping.decode(token.utf8).flatMap { try? PathName($0) }
    }

    /// No generation has a higher number: there is always a next one.
    static let largestNumber: UInt64 = 1 << 62

    /// The number of a generation as its directory's name.
    static func number(_ name: [UInt8]) -> UInt64? {
        ManifestText.decimal(name[...]).flatMap { (1...largestNumber).contains($0) ? $0 : nil }
    }
}

/// A work by the names of its directories in the store.
struct OwnerKey: Hashable, CustomStringConvertible {
    let trustDomain: String
    let app: String
    let work: String

    init(_ owner: ArtifactOwner) {
        trustDomain = StoreNames.token(owner.trustDomain.utf8)
        app = StoreNames.token(owner.app.description.utf8)
        work = StoreNames.token(owner.work.description.utf8)
    }

    init(trustDomain: String, app: String, work: String) {
        self.trustDomain = trustDomain
        self.app = app
        self.work = work
    }

    /// As ``description`` writes it.
    init?(_ text: ArraySlice<UInt8>) {
        let names = text.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard names.count == 3, names.allSatisfy({ !$0.isEmpty }) else { return nil }
        let text = names.map { String(decoding: $0, as: UTF8.self) }
        self.init(trustDomain: text[0], app: text[1], work: text[2])
    }

    /// The app whose quota counts.
    var appKey: AppKey { AppKey(trustDomain: trustDomain, app: app) }

    var description: String { "\(trustDomain) \(app) \(work)" }
}

/// An app by the names of its directories in the store.
struct AppKey: Hashable {
    let trustDomain: String
    let app: String
}

/// A declared path of a work: where its generations stand.
struct ShelfKey: Hashable, CustomStringConvertible {
    let owner: OwnerKey
    let path: PathName

    /// The names of its directory, from the top of the store's artifacts down.
    var names: [FileName] {
        [owner.trustDomain, owner.app, owner.work, StoreNames.token(path.bytes)].map { FileName($0.utf8) }
    }

    /// The name of the directory in which its next generation is received: the same each time, so that a later put finds what
    /// came before.
    var incomingName: String {
        var digest = SHA256()
        for name in names { digest.update(name.bytes + [0]) }
        return Array(digest.finalize().prefix(16)).hexadecimal
    }

    /// For logs.
    var description: String {
        "\(owner.trustDomain)/\(owner.app)/\(owner.work) \(Reference(path: path))"
    }
}
