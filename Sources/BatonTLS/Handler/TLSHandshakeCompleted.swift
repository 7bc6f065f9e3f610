/// The user inbound event that ``TLSHandler`` fires when its handshake is done.
///
/// A client cannot conclude that it has been accepted: the server judges the client's certificate after it (RFC 8446, section
/// 4.4.2), so only the server's first bytes say so.
public struct TLSHandshakeCompleted: Sendable, Equatable {
    /// The peer's certificate, its chain verified.
    public var peer: PeerCertificate

    /// Names the certificate.
    public init(peer: PeerCertificate) {
        self.peer = peer
    }
}
