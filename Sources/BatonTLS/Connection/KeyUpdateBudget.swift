internal import COpenSSL
internal import NIOCore

/// How often the peer may change its keys (chapter 1, TLS-22). OpenSSL takes a KeyUpdate up by itself, at the price of several
/// requests, as often as one comes; no frame is counted for it.
final class KeyUpdateBudget {
    private static let most = 64

    private let ciphertext: CiphertextBIO
    private var count = 0
    private var end = NIODeadline.uptimeNanoseconds(0)

    /// - Parameter ciphertext: is stopped when the budget is spent: OpenSSL gets no more to read.
    init(stopping ciphertext: CiphertextBIO) {
        self.ciphertext = ciphertext
    }

    /// Makes the callback of `ssl` find this object, which must outlive it.
    func attach(to ssl: OpaquePointer) {
        SSL_set_msg_callback(ssl) { isWritten, _, type, bytes, count, _, argument in
            guard isWritten == 0, type == SSL3_RT_HANDSHAKE, count > 0,
                bytes?.load(as: UInt8.self) == UInt8(SSL3_MT_KEY_UPDATE), let argument
            else { return }
            Unmanaged<KeyUpdateBudget>.fromOpaque(argument).takeUnretainedValue().spend()
        }
        shim_SSL_set_msg_callback_arg(ssl, Unmanaged.passUnretained(self).toOpaque())
    }

    private func spend() {
        let now = NIODeadline.now()
        if now >= end { (count, end) = (0, now + .seconds(1)) }
        count += 1
        if count > Self.most { ciphertext.isStopped = true }
    }
}
