internal import COpenSSL

extension TLSError {
    /// The error behind a failed call on a connection.
    ///
    /// - Parameters:
    ///   - errors: what the call left in the error queue.
    ///   - refusal: why the peer's certificate was refused, if it was.
    ///   - expectedName: what a client dialled.
    ///   - looksLikeTLS: whether the peer's first bytes could start a TLS record.
    static func failure(
        _ errors: OpenSSLErrors, refusal: CertificateRefusal?, expectedName: String?, looksLikeTLS: Bool
    ) -> TLSError {
        if let refusal {
            return refusal.error(expectedName: expectedName)
        }
        guard let reason = errors.tlsReason else {
            return TLSError(.protocolFailure, "TLS failed: \(errors)")
        }
        if let alert = Alert(reason: reason) {
            return alert.error
        }
        switch reason {
        case _ where !looksLikeTLS, SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST:
            return TLSError(
                .notTLS,
                "the peer does not speak TLS: check that address and port are right and that both sides use TLS")
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
            return TLSError(
                .noCertificate, "the peer sent no certificate, which is required here; give it one of its own")
        case SSL_R_NO_APPLICATION_PROTOCOL, SSL_R_CALLBACK_FAILED:
            return noCommonProtocol
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_WRONG_SSL_VERSION, SSL_R_UNKNOWN_PROTOCOL:
            return TLSError(
                .noCommonVersion, "the peer speaks only versions of TLS before 1.3, which is the only one allowed here")
        default:
            return TLSError(.protocolFailure, "TLS failed: \(errors)")
        }
    }

    /// The peer offered no application protocol, or another one.
    static let noCommonProtocol = TLSError(
        .noApplicationProtocol,
        "the peer does not speak our application protocol (ALPN): check that address and port belong to the right service"
    )
}
