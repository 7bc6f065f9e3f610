internal import COpenSSL

/// A P-256 key pair with one owner: an `EVP_PKEY`.
final class PrivateKey: Sendable {
    /// OpenSSL locks what it caches in it; nothing changes it after `init`.
    nonisolated(unsafe) let pointer: OpaquePointer

    /// Makes a new one.
    init() throws(TLSError) {
        ERR_clear_error()
        guard let key = shim_EVP_EC_gen("P-256") else {
            throw .madeNothing("a P-256 key")
        }
        pointer = key
    }

    deinit {
        EVP_PKEY_free(pointer)
    }

    /// The first four bytes of the SHA-256 of the public key (SubjectPublicKeyInfo), in hexadecimal digits.
    func fingerprint() throws(TLSError) -> String {
        let encoded = try TLSError.bytesWritten("a public key") { i2d_PUBKEY_bio($0, pointer) }
        var digest = SHA256()
        digest.update(encoded)
        return digest.finalize().prefix(4).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// The private key in PEM (PKCS #8), without a passphrase.
    func pem() throws(TLSError) -> [UInt8] {
        try TLSError.bytesWritten("a private key") { PEM_write_bio_PrivateKey($0, pointer, nil, nil, 0, nil, nil) }
    }
}

extension TLSError {
    /// OpenSSL has failed to make something; why is still in its queue.
    static func madeNothing(_ what: String) -> TLSError {
        TLSError(.protocolFailure, "OpenSSL cannot make \(what): \(OpenSSLErrors.drain())")
    }

    /// What `body` writes to a BIO. It answers 1 for success, as OpenSSL does.
    static func bytesWritten(_ what: String, by body: (OpaquePointer) -> CInt) throws(TLSError) -> [UInt8] {
        ERR_clear_error()
        guard let output = BIO_new(BIO_s_mem()) else {
            throw .madeNothing(what)
        }
        defer { BIO_free(output) }
        guard body(output) == 1, let count = CInt(exactly: BIO_ctrl_pending(output)) else {
            throw .madeNothing(what)
        }
        return [UInt8](unsafeUninitializedCapacity: Int(count)) { buffer, filled in
            filled = max(0, Int(BIO_read(output, buffer.baseAddress, count)))
        }
    }
}
