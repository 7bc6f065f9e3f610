internal import COpenSSL

/// A fatal alert that the peer sent (RFC 8446, section 6.2).
struct Alert {
    let number: UInt8

    /// OpenSSL reports the peer's alerts as reasons above this offset.
    private static let reasonOffset: CInt = 1000

    /// The alert behind a reason of OpenSSL's TLS library, if there is one.
    init?(reason: CInt) {
        guard reason >= Self.reasonOffset, let number = UInt8(exactly: reason - Self.reasonOffset) else { return nil }
        self.number = number
    }

    /// What the peer says by this alert, and what to do about it.
    var error: TLSError {
        switch CInt(number) {
        case SSL_AD_CERTIFICATE_REQUIRED, SSL_AD_NO_CERTIFICATE:
            TLSError(.noCertificate, "the peer requires a certificate and says that we sent none")
        case SSL_AD_NO_APPLICATION_PROTOCOL:
            TLSError(
                .noApplicationProtocol,
                "the peer does not speak our application protocol: check that address and port belong to the right service"
            )
        case SSL_AD_PROTOCOL_VERSION:
            TLSError(.noCommonVersion, "the peer does not speak TLS 1.3, the only version allowed here")
        default:
            TLSError(.refusedByPeer(alert: number), sentence)
        }
    }

    private var sentence: String {
        switch CInt(number) {
        case SSL_AD_UNKNOWN_CA:
            "the peer refused our certificate: unknown authority (the authority that issued it is not among the peer's)"
        case SSL_AD_CERTIFICATE_EXPIRED:
            "the peer refused our certificate: it has expired (if it has not, compare the clocks)"
        case SSL_AD_CERTIFICATE_REVOKED:
            "the peer refused our certificate: it has been revoked"
        case SSL_AD_BAD_CERTIFICATE:
            "the peer refused our certificate: bad certificate (a wrong name, not valid yet, or a broken signature)"
        case SSL_AD_UNSUPPORTED_CERTIFICATE:
            "the peer refused our certificate: unsupported certificate (for example, not issued for this purpose)"
        case SSL_AD_CERTIFICATE_UNKNOWN:
            "the peer refused our certificate, for a reason that it does not name"
        case SSL_AD_ACCESS_DENIED:
            "the peer refused our certificate: access denied"
        case SSL_AD_DECRYPT_ERROR:
            "the peer refused our certificate: the signature made with our key does not verify"
        case SSL_AD_HANDSHAKE_FAILURE:
            "the peer refused the handshake: nothing it accepts was offered"
        case SSL_AD_USER_CANCELLED:
            "the peer gave up the handshake"
        default:
            "the peer ended the connection with the alert \(number) (\(name))"
        }
    }

    private var name: String {
        SSL_alert_desc_string_long(CInt(number)).map { String(cString: $0) } ?? "unknown"
    }
}
