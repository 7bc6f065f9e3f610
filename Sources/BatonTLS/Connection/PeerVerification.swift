internal import COpenSSL

/// What a connection remembers of the verification of its peer. OpenSSL's callback finds it through the `SSL`.
final class PeerVerification {
    /// Why the peer's certificate was refused, once it has been.
    fileprivate(set) var refusal: CertificateRefusal?

    /// Makes the callback of `ssl` find this object, which must outlive it.
    func attach(to ssl: OpaquePointer) -> Bool {
        SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(self).toOpaque()) == 1
    }

    /// Sets what the peer's certificate must name: a host name or an IP address, never a common name.
    static func require(_ name: String, on ssl: OpaquePointer) throws(TLSError) {
        guard let host = PeerName(name) else {
            throw TLSError(.wrongHost, "\"\(name.printable)\" is neither a host name nor an IP address")
        }
        let parameters = SSL_get0_param(ssl)
        X509_VERIFY_PARAM_set_hostflags(
            parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT))
        let set =
            switch host {
            case .address(let address): X509_VERIFY_PARAM_set1_ip_asc(parameters, address) == 1
            // Server name indication is for names alone (RFC 6066, section 3).
            case .name(let name): SSL_set1_host(ssl, name) == 1 && shim_SSL_set_tlsext_host_name(ssl, name) == 1
            }
        guard set else {
            throw TLSError(
                .wrongHost, "OpenSSL does not take \"\(name.printable)\" as a host name: \(OpenSSLErrors.drain())")
        }
    }
}

/// Called for each certificate of the peer's chain. It changes no verdict; it notes why one was refused.
let noteRefusal: SSL_verify_cb = { accepted, store in
    guard accepted != 1, let store,
        let ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
        let data = SSL_get_ex_data(OpaquePointer(ssl), 0)
    else { return accepted }
    let verification = Unmanaged<PeerVerification>.fromOpaque(data).takeUnretainedValue()
    verification.refusal = CertificateRefusal(
        reason: X509_STORE_CTX_get_error(store),
        depth: X509_STORE_CTX_get_error_depth(store),
        certificate: X509_STORE_CTX_get0_cert(store).map { PeerCertificate($0) })
    return accepted
}
