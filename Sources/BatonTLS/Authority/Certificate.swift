internal import COpenSSL
internal import Glibc

/// An `X509` with one owner.
final class Certificate: Sendable {
    /// OpenSSL locks what it caches in it; nothing else changes it once it has an owner.
    nonisolated(unsafe) let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        X509_free(pointer)
    }

    /// The certificate in PEM.
    func pem() throws(TLSError) -> [UInt8] {
        try TLSError.bytesWritten("a certificate") { PEM_write_bio_X509($0, pointer) }
    }
}

extension Certificate {
    /// Makes a certificate of version 3 with a random serial number, and signs it with SHA-256.
    ///
    /// - Parameters:
    ///   - name: the common name beside the organization "Baton": for people.
    ///   - extensions: their numbers and their values as in OpenSSL's configuration, in the order of the certificate.
    ///   - key: whose public half the certificate carries.
    ///   - issuer: who signs it; nil: itself.
    convenience init(
        name: String?, extensions: [(kind: CInt, value: String)], validity: Validity, key: PrivateKey,
        issuer: (certificate: Certificate, key: PrivateKey)?
    ) throws(TLSError) {
        ERR_clear_error()
        guard let draft = X509_new() else {
            throw .madeNothing("a certificate")
        }
        // From here on `deinit` frees it, also if something below throws.
        self.init(owning: draft)
        guard X509_set_version(draft, Int(X509_VERSION_3)) == 1,
            Self.setSerial(of: draft),
            ASN1_TIME_set(X509_getm_notBefore(draft), validity.start) != nil,
            ASN1_TIME_set(X509_getm_notAfter(draft), validity.end) != nil,
            X509_set_pubkey(draft, key.pointer) == 1,
            Self.setSubject(of: draft, name),
            X509_set_issuer_name(draft, X509_get_subject_name(issuer?.certificate.pointer ?? draft)) == 1
        else {
            throw .madeNothing("a certificate")
        }
        for (kind, value) in extensions {
            guard Self.add(kind, value, to: draft, issuer: issuer?.certificate.pointer ?? draft) else {
                throw .madeNothing("a certificate with the extension \(value)")
            }
        }
        // It answers with the length of the signature.
        guard X509_sign(draft, issuer?.key.pointer ?? key.pointer, EVP_sha256()) > 0 else {
            throw .madeNothing("a signature")
        }
    }

    /// 119 random bits behind a one: positive, and less than 20 bytes in DER (RFC 5280, section 4.1.2.2).
    private static func setSerial(of draft: OpaquePointer) -> Bool {
        guard let number = BN_new() else { return false }
        defer { BN_free(number) }
        return BN_rand(number, 120, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1
            && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(draft)) != nil
    }

    private static func setSubject(of draft: OpaquePointer, _ name: String?) -> Bool {
        let subject = X509_get_subject_name(draft)
        func add(_ field: String, _ value: String) -> Bool {
            X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8, value, -1, -1, 0) == 1
        }
        return add("O", "Baton") && (name.map { add("CN", $0) } ?? true)
    }

    private static func add(
        _ kind: CInt, _ value: String, to draft: OpaquePointer, issuer: OpaquePointer
    ) -> Bool {
        var context = X509V3_CTX()
        X509V3_set_ctx(&context, issuer, draft, nil, nil, 0)
        guard let made = X509V3_EXT_conf_nid(nil, &context, kind, value) else { return false }
        defer { X509_EXTENSION_free(made) }
        return X509_add_ext(draft, made, -1) == 1
    }
}
