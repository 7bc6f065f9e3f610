internal import COpenSSL

/// The entries of OpenSSL's error queue, taken off it.
///
/// The queue belongs to the thread, so it is cleared before and drained right after the call that fails. A stale entry would
/// make `SSL_get_error` misjudge a later call, even one on another connection.
struct OpenSSLErrors: CustomStringConvertible {
    struct Entry {
        let library: CInt
        let reason: CInt
        let text: String
    }

    /// Oldest first: the first one is the cause.
    let entries: [Entry]

    /// The queue holds at most 16 entries (`ERR_NUM_ERRORS`).
    private static let limit = 16

    /// Makes sure that the queue is empty. It nearly always is, and `ERR_clear_error` goes over all its places even then.
    static func clear() {
        if ERR_peek_error() != 0 { ERR_clear_error() }
    }

    static func drain() -> OpenSSLErrors {
        var entries: [Entry] = []
        while entries.count < limit {
            var data: UnsafePointer<CChar>?
            var flags: CInt = 0
            let packed = ERR_get_error_all(nil, nil, nil, &data, &flags)
            guard packed != 0 else { break }
            var text =
                ERR_reason_error_string(packed).map { String(cString: $0) } ?? "error \(String(packed, radix: 16))"
            if flags & ERR_TXT_STRING != 0, let data, data.pointee != 0 {
                text += " (\(String(cString: data)))"
            }
            entries.append(Entry(library: ERR_GET_LIB(packed), reason: ERR_GET_REASON(packed), text: text))
        }
        ERR_clear_error()
        return OpenSSLErrors(entries: entries)
    }

    /// The reason of the first entry that the TLS library itself made, else nil.
    var tlsReason: CInt? {
        entries.first { $0.library == ERR_LIB_SSL }?.reason
    }

    func contains(library: CInt, reason: CInt) -> Bool {
        entries.contains { $0.library == library && $0.reason == reason }
    }

    var description: String {
        entries.isEmpty ? "OpenSSL gave no reason" : entries.map(\.text).joined(separator: "; ")
    }
}
