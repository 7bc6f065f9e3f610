internal import COpenSSL

/// A running SHA-256 digest.
///
/// It is a plain value: nothing is allocated, nothing can fail, and a copy goes on by itself.
public struct SHA256: Sendable {
    /// The length of a digest in bytes.
    public static let byteCount = 32

    private var state = SHA256_CTX()

    /// A digest of no bytes yet.
    public init() {
        shim_SHA256_Init(&state)
    }

    /// Adds `bytes` to what is digested.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        shim_SHA256_Update(&state, start, bytes.count)
    }

    /// Adds `bytes` to what is digested.
    public mutating func update(_ bytes: some Sequence<UInt8>) {
        if bytes.withContiguousStorageIfAvailable({ update(UnsafeRawBufferPointer($0)) }) == nil {
            Array(bytes).withUnsafeBytes { update($0) }
        }
    }

    /// The 32 bytes of the digest of what has been added so far.
    public func finalize() -> [UInt8] {
        var state = state
        return [UInt8](unsafeUninitializedCapacity: Self.byteCount) { digest, count in
            shim_SHA256_Final(digest.baseAddress, &state)
            count = Self.byteCount
        }
    }
}
