/// What went wrong in a TLS connection or with the credentials for one: a code for programs, sentences for people.
public struct TLSError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kinds of failure. Expect more of them in later versions: switch with a `default`.
    public enum Code: Sendable, Hashable {
        // Our own credentials

        /// A credentials file is missing or cannot be read.
        case credentialsUnreadable
        /// A credentials file does not hold what it should, or key and certificate do not belong together.
        case credentialsInvalid
        /// The key file is open to other users, or the directory that is to receive it.
        case keyPermissions
        /// Credentials cannot be written.
        case credentialsUnwritable

        // A certificate: ours, when a context is made; the peer's, during a handshake

        /// A certificate has expired.
        case certificateExpired
        /// A certificate is not valid yet.
        case certificateNotYetValid
        /// The peer's certificate was not issued by one of our authorities.
        case unknownAuthority
        /// The peer's certificate does not name the host that was dialled, or no host was named when dialling.
        case wrongHost
        /// The peer's certificate is unfit for another reason, for example its purpose or its signature.
        case certificateUnfit
        /// The peer sent no certificate, or says that we sent none.
        case noCertificate

        // The protocol

        /// The peer ended the connection with a fatal alert of this number (RFC 8446, section 6.2).
        case refusedByPeer(alert: UInt8)
        /// The two sides have no application protocol (ALPN) in common.
        case noApplicationProtocol
        /// The two sides have no version of TLS in common.
        case noCommonVersion
        /// What the peer sends is not TLS.
        case notTLS
        /// The connection ended without close_notify: what was received may be cut short.
        case truncated
        /// The peer broke the rules of TLS, or OpenSSL failed.
        case protocolFailure

        // Our own use of the connection

        /// The connection has been closed on this side.
        case closed
        /// A connection cannot be moved in its present state.
        case notDetachable
        /// OpenSSL has no random bytes to give.
        case randomUnavailable
    }

    /// The kind of failure.
    public let code: Code

    /// What was wrong, and what to do about it.
    public let message: String

    /// The certificate that was refused, if the failure is that the peer's certificate was refused and it could be read.
    public let refusedCertificate: PeerCertificate?

    init(_ code: Code, _ message: String, refused certificate: PeerCertificate? = nil) {
        self.code = code
        self.message = message
        self.refusedCertificate = certificate
    }

    /// The message.
    public var description: String { message }
}
