internal import COpenSSL

/// The one application protocol (ALPN, RFC 7301) both sides must name, in the form that OpenSSL takes: a length byte, the name.
///
/// Its memory does not move, because OpenSSL keeps pointers into it.
final class ApplicationProtocol: Sendable {
    let name: String
    let count: UInt32
    /// Written in `init` alone.
    nonisolated(unsafe) let bytes: UnsafeMutablePointer<UInt8>

    init(name: String) throws(TLSError) {
        guard let length = UInt8(exactly: name.utf8.count), length > 0 else {
            throw TLSError(
                .protocolFailure, "the name of an application protocol has 1 to 255 bytes, not \(name.utf8.count)")
        }
        self.name = name
        count = UInt32(length) + 1
        bytes = .allocate(capacity: Int(count))
        bytes[0] = length
        for (index, byte) in name.utf8.enumerated() {
            bytes[index + 1] = byte
        }
    }

    deinit {
        bytes.deallocate()
    }

    /// Whether a handshake has agreed on this protocol.
    func isAgreed(on ssl: OpaquePointer) -> Bool {
        var selected: UnsafePointer<UInt8>?
        var length: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &selected, &length)
        guard let selected, length > 0 else { return false }
        return UnsafeBufferPointer(start: selected, count: Int(length)).elementsEqual(name.utf8)
    }
}

/// Takes our protocol from the client's list, or ends the handshake with the alert no_application_protocol.
let selectProtocol: SSL_CTX_alpn_select_cb_func = { _, out, outLength, offered, offeredLength, argument in
    guard let argument, let out, let outLength else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    let ours = Unmanaged<ApplicationProtocol>.fromOpaque(argument).takeUnretainedValue()
    var selected: UnsafeMutablePointer<UInt8>?
    let outcome = SSL_select_next_proto(&selected, outLength, ours.bytes, ours.count, offered, offeredLength)
    out.pointee = UnsafePointer(selected)
    return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL
}

/// Refuses a client that offers no protocol at all: OpenSSL would not even ask ``selectProtocol``.
let requireProtocol: SSL_client_hello_cb_fn = { ssl, alert, _ in
    var list: UnsafePointer<UInt8>?
    var length = 0
    let kind = UInt32(TLSEXT_TYPE_application_layer_protocol_negotiation)
    guard SSL_client_hello_get0_ext(ssl, kind, &list, &length) == 1 else {
        alert?.pointee = SSL_AD_NO_APPLICATION_PROTOCOL
        return SSL_CLIENT_HELLO_ERROR
    }
    return SSL_CLIENT_HELLO_SUCCESS
}
