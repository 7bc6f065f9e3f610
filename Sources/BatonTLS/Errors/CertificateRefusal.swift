internal import COpenSSL

/// Why OpenSSL refused the peer's certificate chain, noted during the verification.
///
/// It has to be noted then: after a failed handshake OpenSSL gives neither the certificate nor the place in the chain.
struct CertificateRefusal {
    /// An `X509_V_ERR_…` number.
    let reason: CInt
    /// The place in the chain: 0 is the peer's own certificate, those above are authorities.
    let depth: CInt
    /// The peer's own certificate, wherever the chain failed.
    let certificate: PeerCertificate?

    /// The failure as an error. `expectedName` is what a client dialled.
    func error(expectedName: String?) -> TLSError {
        let (code, why) = judgement(expectedName: expectedName)
        let whose = certificate.map { "the peer's certificate (\($0.summary))" } ?? "the peer's certificate"
        return TLSError(code, "\(whose) was refused: \(why)", refused: certificate)
    }

    private func judgement(expectedName: String?) -> (TLSError.Code, String) {
        let subject = depth == 0 ? "it" : "an authority above it"
        switch reason {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            let since = depth == 0 ? certificate.map { " at \($0.notAfter)" } ?? "" : ""
            return (.certificateExpired, "\(subject) has expired\(since); have it renewed, or compare the clocks")
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return (.certificateNotYetValid, "\(subject) is not valid yet; compare the clocks of both machines")
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
            X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_CERT_UNTRUSTED:
            return (
                .unknownAuthority,
                "it was not issued by an authority in our authorities file (\(text)); add its authority there if it is to be trusted"
            )
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            let expected = expectedName ?? "the name that was dialled"
            let names = certificate.map { $0.dnsNames + $0.ipAddresses }.flatMap { $0.isEmpty ? nil : $0 }
            let has = names?.prefix(8).map(\.printable).joined(separator: ", ") ?? "no host name"
            return (
                .wrongHost,
                "it does not name \(expected.printable); it names \(has). Dial one of its names, or have it issued anew"
            )
        case X509_V_ERR_INVALID_PURPOSE:
            return (.certificateUnfit, "\(subject) was not issued for this purpose (key usage or extended key usage)")
        default:
            return (.certificateUnfit, text)
        }
    }

    private var text: String {
        let reason =
            X509_verify_cert_error_string(Int(self.reason)).map { String(cString: $0) } ?? "error \(self.reason)"
        return depth == 0 ? reason : "\(reason), in the authority at depth \(depth)"
    }
}
