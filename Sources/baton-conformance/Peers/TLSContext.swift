internal import COpenSSL
internal import Glibc

/// What a connection proposes other than the rules say.
struct TLSProposal: Hashable {
    var protocols = ["baton/1"]
    /// `1.2` or `1.3`.
    var version = "1.3"
    var ciphers: String?
    /// Agents: another certificate than the relay's.
    var certificate: String?
    /// Agents: whether the peer is asked for its certificate.
    var asks = true

    init() {}

    init(_ members: [String: JSON], _ layouts: Layouts) throws {
        var keys = try Keys(.object(members), layouts)
        if let protocols = try keys.strings("alpn") { self.protocols = protocols }
        if let version = try keys.stringIfThere("version") { self.version = version }
        ciphers = try keys.strings("ciphers")?.joined(separator: ":")
        certificate = try keys.stringIfThere("certificate")
        asks = try keys.flagIfThere("ask") ?? true
        try keys.end()
        guard ["1.2", "1.3"].contains(version) else { throw CaseError("\"version\" takes 1.2 or 1.3") }
        guard protocols.allSatisfy({ (1...255).contains($0.utf8.count) }) else {
            throw CaseError("names of \"alpn\" have 1 to 255 bytes")
        }
    }
}

/// The credentials of one peer, with what it proposes.
final class TLSContext {
    enum Role: Hashable { case dialer, acceptor }

    let pointer: OpaquePointer
    /// In the form that OpenSSL takes; it keeps pointers into it.
    private let protocols: UnsafeMutableBufferPointer<UInt8>

    /// - Parameter directory: with ca.pem, cert.pem and key.pem; without the latter two no certificate is shown.
    init(_ role: Role, directory: String, proposal: TLSProposal) throws {
        ERR_clear_error()
        guard let context = SSL_CTX_new(role == .dialer ? TLS_client_method() : TLS_server_method()) else {
            throw CaseError("OpenSSL cannot make a context: \(TLSErrors.drain())")
        }
        pointer = context
        let names = proposal.protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        protocols = .allocate(capacity: names.count)
        _ = protocols.initialize(from: names)
        let version = proposal.version == "1.2" ? TLS1_2_VERSION : TLS1_3_VERSION
        guard shim_SSL_CTX_set_min_proto_version(context, version) == 1,
            shim_SSL_CTX_set_max_proto_version(context, version) == 1
        else { throw CaseError("this OpenSSL has no TLS \(proposal.version)") }
        // A dialer takes tickets, to find out that there are none.
        SSL_CTX_set_options(context, (role == .acceptor ? shim_SSL_OP_NO_TICKET : 0) | shim_SSL_OP_NO_RENEGOTIATION)
        SSL_CTX_set_num_tickets(context, 0)
        shim_SSL_CTX_set_session_cache_mode(context, Int(SSL_SESS_CACHE_OFF))
        shim_SSL_CTX_set_mode(
            context, Int(SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS)
        )
        if let ciphers = proposal.ciphers {
            let taken =
                proposal.version == "1.2"
                ? SSL_CTX_set_cipher_list(context, ciphers) : SSL_CTX_set_ciphersuites(context, ciphers)
            guard taken == 1 else { throw CaseError("OpenSSL does not know the ciphers \(ciphers)") }
        }
        setProtocols(role)
        // Tickets are for sessions that could be resumed (TLS-4).
        let noteSession: @convention(c) (OpaquePointer?, OpaquePointer?) -> Int32 = { ssl, _ in
            if let ssl { SSL_set_ex_data(ssl, 0, UnsafeMutableRawPointer(bitPattern: 1)) }
            return 0
        }
        if role == .dialer {
            shim_SSL_CTX_set_session_cache_mode(context, Int(SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL))
            SSL_CTX_sess_set_new_cb(context, noteSession)
        }
        let verifying = proposal.asks ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE
        SSL_CTX_set_verify(context, verifying, nil)
        try load(directory)
    }

    deinit {
        SSL_CTX_free(pointer)
        protocols.deallocate()
    }

    private func setProtocols(_ role: Role) {
        guard !protocols.isEmpty else { return }
        switch role {
        case .dialer: SSL_CTX_set_alpn_protos(pointer, protocols.baseAddress, UInt32(protocols.count))
        case .acceptor:
            // Answers with its first protocol whatever was offered: a peer has to look.
            let answer: SSL_CTX_alpn_select_cb_func = { _, out, outLength, _, _, argument in
                guard let names = argument?.assumingMemoryBound(to: UInt8.self), let out, let outLength else {
                    return SSL_TLSEXT_ERR_ALERT_FATAL
                }
                out.pointee = UnsafePointer(names + 1)
                outLength.pointee = names.pointee
                return SSL_TLSEXT_ERR_OK
            }
            SSL_CTX_set_alpn_select_cb(pointer, answer, protocols.baseAddress)
        }
    }

    private func load(_ directory: String) throws {
        guard SSL_CTX_load_verify_locations(pointer, directory + "/ca.pem", nil) == 1 else {
            throw CaseError("cannot use \(directory)/ca.pem: \(TLSErrors.drain())")
        }
        guard access(directory + "/cert.pem", F_OK) == 0 else { return }
        guard SSL_CTX_use_certificate_chain_file(pointer, directory + "/cert.pem") == 1,
            SSL_CTX_use_PrivateKey_file(pointer, directory + "/key.pem", SSL_FILETYPE_PEM) == 1
        else { throw CaseError("cannot use the certificate in \(directory): \(TLSErrors.drain())") }
    }
}

/// OpenSSL's queue of errors, which belongs to the thread.
enum TLSErrors {
    /// Takes all of them off the queue.
    static func drain() -> String {
        var texts: [String] = []
        while texts.count < 16 {
            let error = ERR_get_error()
            guard error != 0 else { break }
            texts.append(ERR_reason_error_string(error).map { String(cString: $0) } ?? "error \(error)")
        }
        ERR_clear_error()
        return texts.isEmpty ? "no reason given" : texts.joined(separator: "; ")
    }
}
