internal import COpenSSL
internal import Glibc

/// How a connection ended.
enum End: Equatable, CustomStringConvertible {
    /// close_notify, and on what has no TLS the end of the stream.
    case proper
    /// The end of TCP without close_notify.
    case truncated
    case reset
    /// An alert, a handshake that failed.
    case refused(String)

    var description: String {
        switch self {
        case .proper: "ended properly"
        case .truncated: "ended without close_notify"
        case .reset: "was reset"
        case .refused(let reason): "was refused: \(reason)"
        }
    }
}

/// The bytes of one connection, with TLS or without, on a socket that never blocks.
final class Link {
    enum Progress: Equatable {
        case done(Int)
        case later
        case ended(End)
    }

    let descriptor: Int32
    private let ssl: OpaquePointer?
    /// Keeps what OpenSSL points into.
    private let context: TLSContext?
    private(set) var isReady: Bool
    private var isClosed = false
    /// TLS has to write before it can go on reading.
    private(set) var wantsToWrite = false

    /// Takes the socket over.
    ///
    /// - Parameter host: what was dialled; nil for the side that accepted.
    init(_ descriptor: Int32, _ context: TLSContext?, host: String?) throws {
        self.descriptor = descriptor
        self.context = context
        guard let context else {
            ssl = nil
            isReady = true
            return
        }
        isReady = false
        ERR_clear_error()
        ssl = SSL_new(context.pointer)
        guard let ssl, SSL_set_fd(ssl, descriptor) == 1 else { throw CaseError("OpenSSL: \(TLSErrors.drain())") }
        guard let host else {
            SSL_set_accept_state(ssl)
            return
        }
        SSL_set_connect_state(ssl)
        SSL_set_hostflags(ssl, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        if X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) != 1 {
            ERR_clear_error()
            guard SSL_set1_host(ssl, host) == 1, shim_SSL_set_tlsext_host_name(ssl, host) == 1 else {
                throw CaseError("OpenSSL does not take the host name \(host)")
            }
        }
    }

    deinit {
        if let ssl { SSL_free(ssl) }
        if !isClosed { close(descriptor) }
    }

    /// Goes on with the handshake.
    func shakeHands() -> End? {
        guard let ssl, !isReady else { return nil }
        ERR_clear_error()
        let result = SSL_do_handshake(ssl)
        if result == 1 {
            isReady = true
            wantsToWrite = false
            return nil
        }
        if case .ended(let end) = judge(result) { return end }
        return nil
    }

    /// The peer has given a ticket for another session (TLS-4).
    var hasSessionTicket: Bool { ssl.map { SSL_get_ex_data($0, 0) != nil } ?? false }

    /// The protocol that was agreed on.
    var applicationProtocol: String {
        guard let ssl else { return "" }
        var name: UnsafePointer<UInt8>?
        var length: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &name, &length)
        return String(decoding: UnsafeBufferPointer(start: name, count: Int(length)), as: UTF8.self)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> Progress {
        guard let ssl else {
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count > 0 { return .done(count) }
            if count == 0 { return .ended(.proper) }
            return errno == EAGAIN || errno == EINTR ? .later : .ended(.reset)
        }
        ERR_clear_error()
        let count = SSL_read(ssl, buffer.baseAddress, Int32(clamping: buffer.count))
        return count > 0 ? .done(Int(count)) : judge(count)
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> Progress {
        guard let ssl else {
            let count = Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            if count >= 0 { return .done(count) }
            return errno == EAGAIN || errno == EINTR ? .later : .ended(.reset)
        }
        ERR_clear_error()
        let count = SSL_write(ssl, bytes.baseAddress, Int32(clamping: bytes.count))
        return count > 0 ? .done(Int(count)) : judge(count)
    }

    /// Sends a KeyUpdate; false if that cannot be done now.
    func updateKeys() -> Bool {
        guard let ssl, isReady else { return false }
        ERR_clear_error()
        return SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 && SSL_do_handshake(ssl) == 1
    }

    private func judge(_ result: Int32) -> Progress {
        guard let ssl else { return .ended(.reset) }
        let cause = errno
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ:
            wantsToWrite = false
            return .later
        case SSL_ERROR_WANT_WRITE:
            wantsToWrite = true
            return .later
        case SSL_ERROR_ZERO_RETURN: return .ended(.proper)
        case SSL_ERROR_SYSCALL:
            ERR_clear_error()
            return .ended(cause == 0 ? .truncated : .reset)
        default:
            let isTruncated = ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING
            let reason = TLSErrors.drain()
            return .ended(isTruncated ? .truncated : .refused(reason))
        }
    }

    /// close_notify, if TLS can still say it.
    func notify() {
        guard let ssl, isReady else { return }
        ERR_clear_error()
        SSL_shutdown(ssl)
        ERR_clear_error()
    }

    /// FIN: nothing more is sent.
    func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// RST, at once. The descriptor must not be used any more.
    func reset() {
        guard !isClosed else { return }
        isClosed = true
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
        close(descriptor)
    }
}
