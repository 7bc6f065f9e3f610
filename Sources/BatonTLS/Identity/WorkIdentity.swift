/// Who a work is, by its certificate: the trust domain, the app and the work named in its one URI,
/// `spiffe://<trust-domain>/app/<app>/work/<work>` (an X.509-SVID; `Protocol/`, chapter Identity).
public struct WorkIdentity: Sendable, Hashable, CustomStringConvertible {
    /// The trust domain: 1 to 255 of `a-z`, `0-9`, `.`, `_`, `-`.
    public let trustDomain: String
    /// The app: 1 to 128 of `A-Z`, `a-z`, `0-9`, `.`, `_`, `-`, but not `.` or `..`.
    public let app: String
    /// The work: as for the app.
    public let work: String

    /// The identity in a certificate whose chain has been verified.
    public init(_ certificate: PeerCertificate) throws(IdentityError) {
        if let malformation = certificate.malformation {
            throw .malformedNames(malformation)
        }
        guard let uri = certificate.uriNames.first else {
            throw .noURI
        }
        guard certificate.uriNames.count == 1 else {
            throw .severalURIs(certificate.uriNames.count)
        }
        try self.init(uri: uri)
    }

    /// The identity that a URI names.
    public init(uri: String) throws(IdentityError) {
        let scheme = "spiffe://"
        guard uri.utf8.starts(with: scheme.utf8) else {
            throw .notSPIFFE(uri.printable)
        }
        let parts = uri.utf8.dropFirst(scheme.utf8.count).split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count == 5, parts[1].elementsEqual("app".utf8), parts[3].elementsEqual("work".utf8) else {
            throw .wrongPath(uri.printable)
        }
        guard Self.isTrustDomain(parts[0]) else {
            throw .badName(uri.printable, of: "trust domain")
        }
        guard Self.isName(parts[2]) else {
            throw .badName(uri.printable, of: "app")
        }
        guard Self.isName(parts[4]) else {
            throw .badName(uri.printable, of: "work")
        }
        trustDomain = String(decoding: parts[0], as: UTF8.self)
        app = String(decoding: parts[2], as: UTF8.self)
        work = String(decoding: parts[4], as: UTF8.self)
    }

    /// The identity of a work by its names; "baton" is the trust domain of the scripts in `certs/`.
    public init(trustDomain: String = "baton", app: String, work: String) throws(IdentityError) {
        try self.init(uri: "spiffe://\(trustDomain)/app/\(app)/work/\(work)")
    }

    /// The identity in the first certificate of a PEM file: one's own.
    ///
    /// - Throws: ``TLSError`` if the file cannot be read or holds no certificate, ``IdentityError`` if the certificate names
    ///   no work.
    public init(certificateFile path: String) throws {
        let chain = try CredentialFile(path: path, kind: .certificate).certificates()
        guard let first = chain.first else {
            throw IdentityError.noURI
        }
        try self.init(PeerCertificate(first.pointer))
    }

    /// The URI that names this identity.
    public var description: String { "spiffe://\(trustDomain)/app/\(app)/work/\(work)" }

    private static func isTrustDomain(_ name: Substring.UTF8View) -> Bool {
        (1...255).contains(name.count)
            && name.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
                default: "._-".utf8.contains(byte)
                }
            }
    }

    private static func isName(_ name: Substring.UTF8View) -> Bool {
        guard (1...128).contains(name.count), !name.elementsEqual(".".utf8), !name.elementsEqual("..".utf8) else {
            return false
        }
        return name.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "._-".utf8.contains(byte)
            }
        }
    }
}
