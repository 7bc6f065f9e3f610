/// The files that say who we are and whom we trust. All hold PEM.
public struct TLSCredentials: Sendable, Hashable {
    /// The certificates of the authorities whose certificates we accept.
    public var authorities: String
    /// Our own certificate, followed by the intermediate certificates up to its authority, if there are any.
    public var certificate: String
    /// The private key of our certificate, without a passphrase, readable by its owner alone.
    public var key: String

    /// Names each file by its path.
    public init(authorities: String, certificate: String, key: String) {
        self.authorities = authorities
        self.certificate = certificate
        self.key = key
    }

    /// The files `ca.pem`, `cert.pem` and `key.pem` of a directory.
    public init(directory: String) {
        let prefix = directory.hasSuffix("/") ? directory : directory + "/"
        self.init(authorities: prefix + "ca.pem", certificate: prefix + "cert.pem", key: prefix + "key.pem")
    }
}
