import BatonTLS
import COpenSSL
import NIOCore
import NIOEmbedded
import Testing

/// The other end as another implementation might be: OpenSSL on memory BIOs, with what Baton insists on left out at will.
final class ForeignPeer {
    struct Options {
        var credentials: TLSCredentials?
        var applicationProtocol: String? = testProtocol
        var newestVersion = TLS1_3_VERSION
    }

    private let ssl: OpaquePointer
    private let input: OpaquePointer
    private let output: OpaquePointer
    private(set) var received = ""
    /// The number of the fatal alert that ended the connection, if one did.
    private(set) var alert: CInt?
    private(set) var sawCloseNotify = false

    init(_ role: TLSRole, _ options: Options) throws {
        let context = try #require(SSL_CTX_new(role == .client ? TLS_client_method() : TLS_server_method()))
        defer { SSL_CTX_free(context) }
        _ = shim_SSL_CTX_set_max_proto_version(context, options.newestVersion)
        if let credentials = options.credentials {
            try #require(SSL_CTX_use_certificate_chain_file(context, credentials.certificate) == 1)
            try #require(SSL_CTX_use_PrivateKey_file(context, credentials.key, SSL_FILETYPE_PEM) == 1)
        }
        if let name = options.applicationProtocol {
            let list = [UInt8(name.utf8.count)] + name.utf8
            _ = SSL_CTX_set_alpn_protos(context, list, UInt32(list.count))
        }
        ssl = try #require(SSL_new(context))
        input = try #require(BIO_new(BIO_s_mem()))
        output = try #require(BIO_new(BIO_s_mem()))
        SSL_set_bio(ssl, input, output)
        role == .client ? SSL_set_connect_state(ssl) : SSL_set_accept_state(ssl)
    }

    deinit {
        SSL_free(ssl)
    }

    func write(_ text: String) {
        ERR_clear_error()
        _ = SSL_write(ssl, text, CInt(text.utf8.count))
    }

    /// Changes its keys and asks the other side to do the same.
    func updateKeys() {
        _ = SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED)
    }

    /// Takes the handshake on, then reads what there is.
    private func proceed() {
        ERR_clear_error()
        _ = SSL_do_handshake(ssl)
        noteAlert()
        var buffer = [CChar](repeating: 0, count: 16_384)
        while SSL_is_init_finished(ssl) == 1 {
            ERR_clear_error()
            let count = SSL_read(ssl, &buffer, CInt(buffer.count))
            noteAlert()
            guard count > 0 else {
                sawCloseNotify = sawCloseNotify || SSL_get_error(ssl, count) == SSL_ERROR_ZERO_RETURN
                break
            }
            received += String(decoding: buffer.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    private func noteAlert() {
        let reason = ERR_GET_REASON(ERR_peek_error())
        if reason >= 1_000, alert == nil { alert = reason - 1_000 }
    }

    /// Ciphertext for the other side.
    private func takeCiphertext() -> ByteBuffer? {
        let count = Int(BIO_ctrl_pending(output))
        guard count > 0 else { return nil }
        var buffer = ByteBuffer()
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) {
            max(0, Int(BIO_read(output, $0.baseAddress, CInt(count))))
        }
        return buffer
    }

    /// Exchanges ciphertext with a side under test until neither has any.
    func exchange(with side: EmbeddedSide) throws {
        var isMoving = true
        while isMoving {
            isMoving = false
            proceed()
            while let ciphertext = takeCiphertext() {
                isMoving = true
                guard side.channel.isActive else { continue }
                side.channel.pipeline.fireChannelRead(ciphertext)
                side.channel.pipeline.fireChannelReadComplete()
            }
            while let ciphertext = try side.takeCiphertext() {
                isMoving = true
                _ = ciphertext.withUnsafeReadableBytes { BIO_write(input, $0.baseAddress, CInt($0.count)) }
            }
        }
    }
}
