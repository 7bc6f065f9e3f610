import CXXHash

/// The checksum of a CHUNK's data: XXH3 with 64 bits and seed 0 (chapter 7). It guards the way from the reader's buffer to
/// the writer's against mistakes, not against an attacker: that is TLS's part.
public enum Checksum {
    public static func of(_ data: UnsafeRawBufferPointer) -> UInt64 {
        baton_xxh3_64(data.baseAddress, data.count)
    }

    /// The same with another seed.
    public static func of(_ data: [UInt8], seed: UInt64) -> UInt64 {
        data.withUnsafeBytes { baton_xxh3_64_seeded($0.baseAddress, $0.count, seed) }
    }
}
