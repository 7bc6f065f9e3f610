import BatonTLS
import Testing

@Suite struct DigestTests {
    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Known answers of FIPS 180-4.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (String(repeating: "a", count: 1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ])
    func `a digest is SHA-256`(text: String, expected: String) {
        var digest = SHA256()
        digest.update(text.utf8)
        #expect(hex(digest.finalize()) == expected)
    }

    @Test func `a digest does not depend on how its bytes are divided`() {
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        var whole = SHA256()
        bytes.withUnsafeBytes { whole.update($0) }
        var pieces = SHA256()
        for start in stride(from: 0, to: bytes.count, by: 777) {
            pieces.update(bytes[start...].prefix(777))
            pieces.update(EmptyCollection<UInt8>())
        }
        var lazily = SHA256()
        lazily.update(bytes.lazy.map { $0 })
        let expected = whole.finalize()
        #expect(expected.count == SHA256.byteCount)
        #expect(pieces.finalize() == expected)
        #expect(lazily.finalize() == expected)
    }

    @Test func `random bytes have the length asked for and differ`() throws {
        #expect(try randomBytes(0).isEmpty)
        let first = try randomBytes(32)
        let second = try randomBytes(32)
        #expect(first.count == 32 && second.count == 32)
        #expect(first != second)
        #expect(throws: TLSError.self) { try randomBytes(-1) }
    }
}
