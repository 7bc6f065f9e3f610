internal import COpenSSL
internal import Glibc

/// A certificate authority that lives and ends with this process: for programs that run all their parts on one machine.
///
/// It issues what the scripts in `certs/` issue (`Protocol/`, chapter Identity): P-256 keys, host names for a relay, one URI
/// for a work. Its own key never touches the disk, so nobody can add a certificate once it is gone. Threads may share it.
public final class LocalAuthority: Sendable {
    /// The host names of a relay that is dialled on its own machine.
    public static let loopback = ["localhost", "127.0.0.1", "::1"]

    private let key: PrivateKey
    private let certificate: Certificate
    private let validity: Validity

    /// Makes an authority with a key and a name of its own.
    ///
    /// - Parameter lifetime: how long it and all that it issues are valid, counted from now: at least a second, at most 36,500
    ///   days. Certificates are judged when a connection begins, and nothing renews these.
    /// - Throws: ``TLSError`` with the code `credentialsInvalid` for an impossible lifetime; `protocolFailure` if OpenSSL fails.
    public init(lifetime: Duration = .seconds(24 * 60 * 60)) throws(TLSError) {
        validity = try Validity(lifetime: lifetime)
        key = try PrivateKey()
        certificate = try Certificate(
            name: "Baton authority \(key.fingerprint())",
            extensions: [
                (NID_basic_constraints, "critical,CA:TRUE,pathlen:0"),
                (NID_key_usage, "critical,keyCertSign,cRLSign"),
                (NID_subject_key_identifier, "hash"),
            ],
            validity: validity, key: key, issuer: nil)
    }

    /// Issues a relay's certificate with a new key, and writes `ca.pem`, `cert.pem` and `key.pem` into a directory.
    ///
    /// - Parameters:
    ///   - hosts: the names and addresses by which agents dial the relay; at least one.
    ///   - directory: made with mode 0700 in a directory that exists. If it exists it must be open to nobody else; files of
    ///     those names are replaced.
    /// - Returns: the three files.
    /// - Throws: ``TLSError`` with the code `credentialsInvalid` for an impossible host, `credentialsUnwritable` for a failure
    ///   to write, `keyPermissions` for a directory that others can enter.
    @discardableResult
    public func issueRelay(hosts: [String] = loopback, into directory: String) throws(TLSError) -> TLSCredentials {
        var names: [String] = []
        for host in hosts {
            names.append(try Self.alternativeName(host))
        }
        guard !names.isEmpty else {
            throw TLSError(.credentialsInvalid, "a relay's certificate needs at least one host name or IP address")
        }
        return try issue(names: names.joined(separator: ","), usage: "serverAuth", into: directory)
    }

    /// Issues a work's certificate with a new key, and writes `ca.pem`, `cert.pem` and `key.pem` into a directory.
    ///
    /// - Parameters:
    ///   - identity: who the work will be.
    ///   - directory: as for ``issueRelay(hosts:into:)``.
    /// - Returns: the three files.
    /// - Throws: ``TLSError``, as ``issueRelay(hosts:into:)``.
    @discardableResult
    public func issueWork(_ identity: WorkIdentity, into directory: String) throws(TLSError) -> TLSCredentials {
        // Its alphabet holds nothing that OpenSSL would take for syntax.
        try issue(names: "URI:\(identity)", usage: "clientAuth", into: directory)
    }

    private func issue(names: String, usage: String, into path: String) throws(TLSError) -> TLSCredentials {
        let directory = try CredentialsDirectory(path: path)
        let newKey = try PrivateKey()
        let issued = try Certificate(
            name: nil,
            extensions: [
                (NID_basic_constraints, "critical,CA:FALSE"),
                (NID_key_usage, "critical,digitalSignature"),
                (NID_ext_key_usage, usage),
                (NID_subject_key_identifier, "hash"),
                (NID_authority_key_identifier, "keyid"),
                (NID_subject_alt_name, names),
            ],
            validity: validity, key: newKey, issuer: (certificate, key))
        try directory.write(newKey.pem(), as: "key.pem", mode: 0o600)
        try directory.write(certificate.pem(), as: "ca.pem", mode: 0o644)
        // The last one: whoever finds it finds all three.
        try directory.write(issued.pem(), as: "cert.pem", mode: 0o644)
        return TLSCredentials(directory: path)
    }

    private static func alternativeName(_ host: String) throws(TLSError) -> String {
        switch PeerName(host) {
        case .address(let address): return "IP:\(address)"
        case .name(let name): return "DNS:\(name)"
        case nil:
            throw TLSError(.credentialsInvalid, "\"\(host.printable)\" is neither a host name nor an IP address")
        }
    }
}

/// From when until when certificates are valid, in seconds since 1970.
struct Validity: Sendable {
    let start: time_t
    let end: time_t

    private static let longest: Int64 = 36_500 * 24 * 60 * 60
    /// How far this machine's clock may be put back without making a new certificate invalid.
    private static let slack = 60

    init(lifetime: Duration) throws(TLSError) {
        let seconds = lifetime.components.seconds
        guard (1...Self.longest).contains(seconds) else {
            throw TLSError(
                .credentialsInvalid, "an authority can be valid for a second to 36500 days, not for \(lifetime)")
        }
        let now = time(nil)
        start = now - Self.slack
        end = now + time_t(seconds)
    }
}
