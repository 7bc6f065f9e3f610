internal import COpenSSL

/// The side of a handshake.
public enum TLSRole: Sendable, Hashable {
    /// Dials, and verifies that the peer's certificate names the host it dialled.
    case client
    /// Accepts, and requires a certificate of the peer.
    case server
}

/// Credentials and rules that many connections share: TLS 1.3 alone, certificates on both sides, one application protocol,
/// no tickets, no resumption, no renegotiation (`Protocol/`, chapter Identity).
///
/// The files are read once, here. To take up renewed ones, make another context; connections keep the one they began with.
public final class TLSContext: Sendable {
    /// The side that its connections take.
    public let role: TLSRole

    let applicationProtocol: ApplicationProtocol

    /// The `SSL_CTX`. OpenSSL counts its references atomically and locks what changes in it; we change nothing after `init`.
    nonisolated(unsafe) let pointer: OpaquePointer

    /// Reads the credentials.
    ///
    /// - Parameter applicationProtocol: the ALPN name both sides must agree on, 1 to 255 bytes.
    /// - Throws: ``TLSError`` that names the file and what is wrong with it.
    public init(role: TLSRole, credentials: TLSCredentials, applicationProtocol: String) throws(TLSError) {
        self.role = role
        self.applicationProtocol = try ApplicationProtocol(name: applicationProtocol)
        ERR_clear_error()
        guard let context = SSL_CTX_new(role == .server ? TLS_server_method() : TLS_client_method()) else {
            throw TLSError(.protocolFailure, "OpenSSL cannot make a context: \(OpenSSLErrors.drain())")
        }
        // From here on `deinit` frees it, also if something below throws.
        pointer = context
        try setRules()
        try setApplicationProtocol()
        try load(credentials)
    }

    deinit {
        SSL_CTX_free(pointer)
    }

    /// Makes a connection on which nothing has been said yet.
    ///
    /// - Parameter peerName: what a client dialled, a host name or an IP address: the peer's certificate must name it. A server
    ///   passes nil.
    public func makeConnection(peerName: String?) throws(TLSError) -> TLSConnection {
        try TLSConnection(context: self, peerName: peerName)
    }

    private func setRules() throws(TLSError) {
        // The suites in the order of the wire chapter; the groups leave out finite fields, whose cost a stranger could choose.
        guard shim_SSL_CTX_set_min_proto_version(pointer, TLS1_3_VERSION) == 1,
            shim_SSL_CTX_set_max_proto_version(pointer, TLS1_3_VERSION) == 1,
            SSL_CTX_set_ciphersuites(
                pointer, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1,
            shim_SSL_CTX_set1_groups_list(pointer, "X25519:P-256:P-384") == 1,
            SSL_CTX_set_num_tickets(pointer, 0) == 1
        else {
            throw TLSError(
                .protocolFailure, "this OpenSSL cannot do what Baton needs of TLS 1.3: \(OpenSSLErrors.drain())")
        }
        SSL_CTX_set_options(
            pointer,
            shim_SSL_OP_NO_TICKET | shim_SSL_OP_NO_RENEGOTIATION | shim_SSL_OP_CIPHER_SERVER_PREFERENCE)
        shim_SSL_CTX_set_session_cache_mode(pointer, Int(SSL_SESS_CACHE_OFF))
        // An idle connection keeps no record buffers (2 x 17 KiB).
        shim_SSL_CTX_set_mode(pointer, Int(SSL_MODE_RELEASE_BUFFERS))
        // A chain of certificates is a few KiB; this is what a stranger can make us buffer.
        shim_SSL_CTX_set_max_cert_list(pointer, 32 << 10)
        SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, noteRefusal)
    }

    private func setApplicationProtocol() throws(TLSError) {
        switch role {
        case .client:
            // Unlike the rest of OpenSSL, this function answers 0 for success.
            guard SSL_CTX_set_alpn_protos(pointer, applicationProtocol.bytes, applicationProtocol.count) == 0 else {
                throw TLSError(.protocolFailure, "OpenSSL cannot offer a protocol: \(OpenSSLErrors.drain())")
            }
        case .server:
            // The connections keep their context, and so the protocol, alive for as long as OpenSSL can call back.
            SSL_CTX_set_alpn_select_cb(
                pointer, selectProtocol, Unmanaged.passUnretained(applicationProtocol).toOpaque())
            SSL_CTX_set_client_hello_cb(pointer, requireProtocol, nil)
        }
    }

    private func load(_ credentials: TLSCredentials) throws(TLSError) {
        let authorities = try CredentialFile(path: credentials.authorities, kind: .authorities).certificates()
        let store = SSL_CTX_get_cert_store(pointer)
        for authority in authorities where X509_STORE_add_cert(store, authority.pointer) != 1 {
            throw TLSError(
                .credentialsInvalid,
                "the authorities file \(credentials.authorities) cannot be used: \(OpenSSLErrors.drain())")
        }

        let chain = try CredentialFile(path: credentials.certificate, kind: .certificate).certificates()
        for (index, certificate) in chain.enumerated() {
            let added =
                index == 0
                ? SSL_CTX_use_certificate(pointer, certificate.pointer)
                : shim_SSL_CTX_add1_chain_cert(pointer, certificate.pointer)
            guard added == 1 else {
                throw TLSError(
                    .credentialsInvalid,
                    "the certificate file \(credentials.certificate) cannot be used: \(OpenSSLErrors.drain())")
            }
            try checkValidity(of: certificate, isFirst: index == 0, path: credentials.certificate)
        }

        try CredentialFile(path: credentials.key, kind: .key).withPrivateKey { key throws(TLSError) in
            guard let first = chain.first, X509_check_private_key(first.pointer, key) == 1 else {
                ERR_clear_error()
                throw TLSError(
                    .credentialsInvalid,
                    "the key in \(credentials.key) does not belong to the certificate in \(credentials.certificate)")
            }
            guard SSL_CTX_use_PrivateKey(pointer, key) == 1 else {
                throw TLSError(
                    .credentialsInvalid, "the key file \(credentials.key) cannot be used: \(OpenSSLErrors.drain())")
            }
        }
    }

    private func checkValidity(of certificate: Certificate, isFirst: Bool, path: String) throws(TLSError) {
        let subject = isFirst ? "our certificate" : "an intermediate certificate"
        if let end = X509_get0_notAfter(certificate.pointer), X509_cmp_current_time(end) < 0 {
            let when = PeerCertificate.text(of: end) ?? "an unreadable date"
            throw TLSError(.certificateExpired, "\(subject) in \(path) expired at \(when); have it renewed")
        }
        if let start = X509_get0_notBefore(certificate.pointer), X509_cmp_current_time(start) > 0 {
            let when = PeerCertificate.text(of: start) ?? "an unreadable date"
            throw TLSError(
                .certificateNotYetValid, "\(subject) in \(path) is valid only from \(when); check this machine's clock")
        }
    }
}
