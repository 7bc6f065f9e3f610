internal import COpenSSL
internal import Glibc

/// One PEM file of the credentials, read whole.
///
/// The permissions are those of the descriptor that is read, so nobody can exchange the file in between.
struct CredentialFile {
    enum Kind: String {
        case authorities, certificate, key
    }

    let path: String
    let kind: Kind
    private let contents: [UInt8]

    /// More than any bundle of authorities in use; a wrong path must not fill the memory.
    private static let largest = 4 << 20

    init(path: String, kind: Kind) throws(TLSError) {
        self.path = path
        self.kind = kind
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw TLSError(.credentialsUnreadable, "the path of the \(kind) file is empty or holds NUL")
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw Self.unreadable(path, kind, errno)
        }
        defer { close(descriptor) }

        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw Self.unreadable(path, kind, errno)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw TLSError(.credentialsUnreadable, "the \(kind) file \(path) is not a regular file")
        }
        guard status.st_size <= Self.largest else {
            throw TLSError(.credentialsInvalid, "the \(kind) file \(path) is larger than \(Self.largest) bytes")
        }
        guard kind != .key || status.st_mode & 0o077 == 0 else {
            let mode = String(status.st_mode & 0o777, radix: 8)
            throw TLSError(
                .keyPermissions, "the key file \(path) is open to other users (mode \(mode)); run: chmod 600 \(path)")
        }
        contents = try Self.read(descriptor, path, kind)
    }

    private static func read(_ descriptor: CInt, _ path: String, _ kind: Kind) throws(TLSError) -> [UInt8] {
        var contents: [UInt8] = []
        while contents.count <= largest {
            var failure: CInt = 0
            let piece = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, filled in
                let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                failure = count < 0 ? errno : 0
                filled = max(0, count)
            }
            if failure == EINTR { continue }
            guard failure == 0 else { throw unreadable(path, kind, failure) }
            if piece.isEmpty { break }
            contents += piece
        }
        return contents
    }

    private static func unreadable(_ path: String, _ kind: Kind, _ error: CInt) -> TLSError {
        TLSError(.credentialsUnreadable, "cannot read the \(kind) file \(path): \(String(cString: strerror(error)))")
    }

    /// The certificates in the file, in its order; at least one.
    func certificates() throws(TLSError) -> [Certificate] {
        ERR_clear_error()
        let input = try source()
        defer { BIO_free(input) }
        var certificates: [Certificate] = []
        // Each turn consumes a PEM block, so the file's size bounds the loop.
        while let certificate = PEM_read_bio_X509(input, nil, nil, nil) {
            certificates.append(Certificate(owning: certificate))
        }
        let errors = OpenSSLErrors.drain()
        guard errors.contains(library: ERR_LIB_PEM, reason: PEM_R_NO_START_LINE) else {
            throw TLSError(
                .credentialsInvalid, "the \(kind) file \(path) holds a certificate that cannot be read: \(errors)")
        }
        guard !certificates.isEmpty else {
            throw TLSError(.credentialsInvalid, "the \(kind) file \(path) holds no certificate in PEM form")
        }
        return certificates
    }

    /// The private key in the file: an `EVP_PKEY`, which is handed to `body` and freed after it.
    func withPrivateKey<Result>(_ body: (OpaquePointer) throws(TLSError) -> Result) throws(TLSError) -> Result {
        ERR_clear_error()
        let input = try source()
        defer { BIO_free(input) }
        // Without a callback of ours, OpenSSL would ask for the passphrase on the terminal.
        guard let key = PEM_read_bio_PrivateKey(input, nil, { _, _, _, _ in -1 }, nil) else {
            let errors = OpenSSLErrors.drain()
            if errors.contains(library: ERR_LIB_PEM, reason: PEM_R_BAD_PASSWORD_READ) {
                throw TLSError(
                    .credentialsInvalid,
                    "the key file \(path) is protected by a passphrase; make one without: openssl pkey -in \(path) -out FILE"
                )
            }
            throw TLSError(.credentialsInvalid, "the key file \(path) holds no private key in PEM form: \(errors)")
        }
        defer { EVP_PKEY_free(key) }
        return try body(key)
    }

    /// A BIO with a copy of the contents, which the caller frees.
    private func source() throws(TLSError) -> OpaquePointer {
        guard let bio = BIO_new(BIO_s_mem()) else {
            throw TLSError(.protocolFailure, "OpenSSL has no memory to read \(path)")
        }
        let written = contents.withUnsafeBytes { BIO_write(bio, $0.baseAddress, CInt(clamping: $0.count)) }
        guard written == contents.count || contents.isEmpty else {
            BIO_free(bio)
            throw TLSError(.protocolFailure, "OpenSSL has no memory to read \(path)")
        }
        return bio
    }
}
