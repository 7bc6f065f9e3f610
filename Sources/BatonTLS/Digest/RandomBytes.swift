internal import COpenSSL

/// `count` bytes that nobody can predict, from OpenSSL's generator: for tickets and other secrets.
///
/// - Throws: ``TLSError`` with the code `randomUnavailable` if the system has no entropy to give.
public func randomBytes(_ count: Int) throws(TLSError) -> [UInt8] {
    ERR_clear_error()
    var succeeded = true
    let bytes = [UInt8](unsafeUninitializedCapacity: max(0, count)) { buffer, filled in
        guard count > 0, let length = CInt(exactly: count) else {
            succeeded = count == 0
            return
        }
        succeeded = RAND_bytes(buffer.baseAddress, length) == 1
        filled = succeeded ? count : 0
    }
    guard succeeded else {
        throw TLSError(.randomUnavailable, "OpenSSL gave no \(count) random bytes: \(OpenSSLErrors.drain())")
    }
    return bytes
}
