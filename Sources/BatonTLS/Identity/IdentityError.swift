/// Why a certificate, though its chain is good, names no work.
public enum IdentityError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The alternative names cannot be trusted; why not.
    case malformedNames(String)
    /// There is no URI among the alternative names.
    case noURI
    /// There are so many URIs; one is allowed.
    case severalURIs(Int)
    /// The URI has another scheme.
    case notSPIFFE(String)
    /// The URI's path is not `/app/<app>/work/<work>`.
    case wrongPath(String)
    /// A part of the URI is empty, too long, or holds characters that are not allowed.
    case badName(String, of: String)

    /// What is wrong, in a sentence.
    public var description: String {
        switch self {
        case .malformedNames(let why):
            "the certificate names no work: \(why)"
        case .noURI:
            "the certificate names no work: it has no URI among its subject alternative names; it needs \(Self.form)"
        case .severalURIs(let count):
            "the certificate names no work: it has \(count) URIs among its subject alternative names; exactly one is allowed"
        case .notSPIFFE(let uri):
            "the certificate names no work: its URI is \(uri); it must be \(Self.form)"
        case .wrongPath(let uri):
            "the certificate names no work: the path of its URI \(uri) is wrong; it must be \(Self.form)"
        case .badName(let uri, let part):
            "the certificate names no work: the \(part) in its URI \(uri) is empty, too long, or holds characters that are not allowed"
        }
    }

    private static let form = "spiffe://<trust-domain>/app/<app>/work/<work>"
}
