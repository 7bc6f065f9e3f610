public import BatonProtocol
import BatonTLS

/// Which files, in which versions, a receiver has kept of an earlier transfer: what of them is the same still need not travel again.
/// Written down by the sender, since the receiver cannot tell.
public struct KeptVersions: Hashable, Sendable {
    let seed: UInt64
    /// Of path and version, see ``SentVersions``.
    let fingerprints: [UInt64]
}

extension KeptVersions {
    /// First bytes of a note: its kind and version.
    private static let magic: UInt64 = 0x6261_746F_6E4B_5631

    /// As a note: magic, `stamp`, seed, the number of fingerprints, these, and a checksum of all that; little-endian.
    func encoded(stamp: UInt64) -> [UInt8] {
        var words = [KeptVersions.magic, stamp, seed, UInt64(fingerprints.count)] + fingerprints
        words.append(words.withUnsafeBytes { Checksum.of($0) })
        return words.map(\.littleEndian).withUnsafeBytes { Array($0) }
    }

    /// - Returns: `nil` for a note that is damaged, or about something else than `stamp`.
    init?(_ note: [UInt8], stamp: UInt64) {
        guard note.count >= 40, note.count % 8 == 0 else { return nil }
        var words = note.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: 8).map {
                UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt64.self))
            }
        }
        guard let checksum = words.popLast(), words.withUnsafeBytes({ Checksum.of($0) }) == checksum,
            words[0] == KeptVersions.magic, words[1] == stamp, words[3] == UInt64(words.count - 4)
        else { return nil }
        self.init(seed: words[2], fingerprints: Array(words[4...]))
    }
}

extension WorkFolder {
    /// Notes what the relay has kept of `path`: the generation with this stamp. A note that is lost costs a transfer, nothing else.
    public func note(_ kept: KeptVersions, of path: PathName, stamp: UInt64) {
        let name = KeptVersions.noteName(path)
        try? notes.removeFile(name)
        try? notes.writeNote(name, kept.encoded(stamp: stamp))
    }

    /// What the relay has kept of `path` if that is the generation with this stamp.
    public func kept(of path: PathName, stamp: UInt64) -> KeptVersions? {
        guard stamp != 0, let note = try? notes.readNote(KeptVersions.noteName(path), atMost: KeptVersions.largestNote)
        else { return nil }
        return KeptVersions(note, stamp: stamp)
    }
}

extension KeptVersions {
    /// Of more files than this nothing is noted.
    fileprivate static let largestNote = 128 << 20

    fileprivate static func noteName(_ path: PathName) -> FileName {
        var digest = SHA256()
        digest.update(path.bytes)
        return FileName(digest.finalize().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined().utf8)
    }
}
