internal import COpenSSL
internal import NIOCore

/// One TLS connection without a socket: ciphertext and plaintext go in and out as buffers, ``TLSHandler`` drives it.
///
/// It belongs to one event loop at a time. To move it to another, take it from its handler with ``TLSHandler/detach()``, which
/// hands it over as `sending`: nothing refers to it any more, so the other loop may have it. OpenSSL does not mind, its objects
/// belong to no thread. In one turn of the old loop, so that the old channel reads nothing in between:
///
///     let connection = try handler.detach()
///     let box = NIOLoopBoundBox.makeBoxSendingValue(connection, eventLoop: other)
///     // … duplicate the socket, close the old channel; then, for the new channel, on the other loop:
///     TLSHandler(connection: box.value)
public final class TLSConnection {
    /// The peer's certificate, once the handshake is done.
    public private(set) var peer: PeerCertificate?

    /// Keeps the memory alive that OpenSSL's callbacks use.
    private let context: TLSContext
    private let peerName: String?
    private let ciphertext = CiphertextBIO()
    private let verification = PeerVerification()
    private let keyUpdates: KeyUpdateBudget
    /// The `SSL`.
    private let pointer: OpaquePointer
    /// After a fatal error the `SSL` must not be asked again, not even to shut down.
    private var hasFailed = false

    init(context: TLSContext, peerName: String?) throws(TLSError) {
        self.context = context
        self.peerName = peerName
        keyUpdates = KeyUpdateBudget(stopping: ciphertext)
        ERR_clear_error()
        guard let ssl = SSL_new(context.pointer) else {
            throw TLSError(.protocolFailure, "OpenSSL cannot make a connection: \(OpenSSLErrors.drain())")
        }
        // From here on `deinit` frees it, also if something below throws.
        pointer = ssl
        guard verification.attach(to: ssl), let bio = ciphertext.makeBIO() else {
            throw TLSError(.protocolFailure, "OpenSSL cannot make a connection: \(OpenSSLErrors.drain())")
        }
        // The SSL owns the one reference, for reading and writing.
        SSL_set_bio(ssl, bio, bio)
        keyUpdates.attach(to: ssl)
        switch context.role {
        case .server:
            SSL_set_accept_state(ssl)
        case .client:
            guard let peerName else {
                throw TLSError(
                    .wrongHost, "a client has to say which host it dials, so that the certificate can be compared")
            }
            try PeerVerification.require(peerName, on: ssl)
            SSL_set_connect_state(ssl)
        }
    }

    deinit {
        SSL_free(pointer)
    }

    /// Whether the handshake is done.
    public var isEstablished: Bool { peer != nil && !hasFailed }

    /// Whether the handshake begins with this side.
    var speaksFirst: Bool { context.role == .client }

    /// Whether something has come that has not been taken out as plaintext, perhaps a part of a record only.
    var holdsInput: Bool { ciphertext.inputCount > 0 || SSL_has_pending(pointer) == 1 }

    // MARK: Ciphertext

    /// Takes ciphertext from the network.
    func receive(_ buffer: ByteBuffer) {
        ciphertext.append(buffer)
    }

    /// Ciphertext for the network, in order, or nil if there is no more.
    func takeCiphertext() -> ByteBuffer? {
        ciphertext.takeOutput()
    }

    /// Bytes for the network that have not been taken.
    var ciphertextCount: Int { ciphertext.outputCount }

    // MARK: Handshake and end

    /// Takes the handshake as far as the ciphertext received allows; true when it is done.
    func handshake() throws(TLSError) -> Bool {
        ERR_clear_error()
        let result = SSL_do_handshake(pointer)
        guard result == 1 else {
            switch SSL_get_error(pointer, result) {
            case SSL_ERROR_WANT_READ:
                return false
            case SSL_ERROR_ZERO_RETURN:
                throw TLSError(.truncated, "the peer closed the connection during the TLS handshake")
            default:
                throw failure()
            }
        }
        guard context.applicationProtocol.isAgreed(on: pointer) else {
            throw TLSError.noCommonProtocol
        }
        guard let certificate = SSL_get0_peer_certificate(pointer) else {
            hasFailed = true
            throw TLSError(
                .noCertificate, "the peer sent no certificate, which is required here; give it one of its own")
        }
        peer = PeerCertificate(certificate)
        return true
    }

    /// Writes close_notify, unless the connection has failed or the handshake is not done.
    func shutDown() {
        guard !hasFailed, SSL_is_init_finished(pointer) == 1 else { return }
        ERR_clear_error()
        _ = SSL_shutdown(pointer)
        ERR_clear_error()
    }

    // MARK: Plaintext

    /// Says how much plaintext is about to be encrypted, so that the ciphertext gets buffers of a fitting size.
    func expectPlaintext(_ count: Int) {
        ciphertext.expectOutput(plaintext: count)
    }

    /// Encrypts what is readable in `plaintext`, in records of 16 KiB and a last, shorter one.
    func encrypt(_ plaintext: ByteBuffer) throws(TLSError) {
        let succeeded = plaintext.withUnsafeReadableBytes { bytes in
            guard let start = bytes.baseAddress, !bytes.isEmpty else { return true }
            OpenSSLErrors.clear()
            var written = 0
            return SSL_write_ex(pointer, start, bytes.count, &written) == 1 && written == bytes.count
        }
        guard succeeded else {
            throw failure()
        }
    }

    /// What ``decrypt(into:)`` came to.
    enum Decryption {
        /// All complete records are decrypted.
        case needsCiphertext
        /// There may be more: ask again.
        case filled
        /// The peer has sent close_notify: this was all.
        case ended
        case failed(TLSError)
    }

    /// Decrypts into one new buffer of a size that fits what has been received, at most 1 MiB.
    ///
    /// The buffer counts also if the connection ended or failed after it.
    func decrypt(allocator: ByteBufferAllocator) -> (plaintext: ByteBuffer, outcome: Decryption) {
        let begun = SSL_has_pending(pointer) == 1 ? CiphertextBIO.recordLimit : 0
        let capacity = min(Self.largestPlaintext, ciphertext.inputCount + begun)
        var plaintext = allocator.buffer(capacity: max(capacity, 1))
        var outcome = Decryption.filled
        plaintext.writeWithUnsafeMutableBytes(minimumWritableBytes: 1) { target in
            var filled = 0
            // Each turn but the last consumes a record or fills the buffer.
            while filled < target.count {
                if ciphertext.inputCount == 0, SSL_has_pending(pointer) == 0 {
                    outcome = .needsCiphertext
                    break
                }
                var count = 0
                OpenSSLErrors.clear()
                let result = SSL_read_ex(
                    pointer, target.baseAddress?.advanced(by: filled), target.count - filled, &count)
                guard result == 1 else {
                    outcome = readOutcome(result)
                    break
                }
                filled += count
            }
            return filled
        }
        if ciphertext.isStopped {
            outcome = .failed(TLSError(.protocolFailure, "the peer changes its keys again and again, which is a flood"))
        }
        return (plaintext, outcome)
    }

    private static let largestPlaintext = 1 << 20

    private func readOutcome(_ result: CInt) -> Decryption {
        switch SSL_get_error(pointer, result) {
        case SSL_ERROR_WANT_READ: .needsCiphertext
        case SSL_ERROR_ZERO_RETURN: .ended
        default: .failed(failure())
        }
    }

    /// The error of the call that has just failed for good.
    private func failure() -> TLSError {
        let errors = OpenSSLErrors.drain()
        hasFailed = true
        return .failure(
            errors, refusal: verification.refusal, expectedName: peerName, looksLikeTLS: ciphertext.looksLikeTLS)
    }
}
