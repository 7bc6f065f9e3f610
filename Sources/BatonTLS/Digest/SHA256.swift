internal import COpenSSL

/// A running SHA-256 digest.
///
/// It holds its state itself: nothing is allocated, nothing can fail.
public struct SHA256: ~Copyable {
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

    /// Ends the digest and returns its 32 bytes.
    public consuming func finalize() -> [UInt8] {
        var state = state
        return [UInt8](unsafeUninitializedCapacity: Self.byteCount) { digest, count in
            shim_SHA256_Final(digest.baseAddress, &state)
            count = Self.byteCount
        }
    }
}
