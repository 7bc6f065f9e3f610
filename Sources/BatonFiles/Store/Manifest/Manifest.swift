import BatonProtocol

/// What a generation holds, as text beside it: `manifest`.
///
/// ```text
/// baton-manifest 1
/// work example.org demo trainer
/// reference lit://trainer@outputs/checkpoints
/// generation 3
/// stamp 9f86d081884c7d65
/// created 1763834000.123456789
/// epoch 12
/// d 0755 0 1763833990.000000000 6d1c5b1f00c1a0de - - 3 .
/// f 0644 1048576 1763833990.120000000 53aa0f19e2f1d6b4 <SHA-256> - 2 epoch=9.ckpt
/// l 0777 0 1763833990.130000000 02b1c0de77aa0f19 - - 3 last.ckpt epoch=9.ckpt
/// entries 3
/// files 1
/// bytes 1048576
/// hardlinks 0
/// digest <chapter 11, of the whole>
/// checksum <SHA-256 of everything above>
/// ```
///
/// One line for each entry, in tree order: kind (`d`, `f`, `l`; `h` for a further name of a file that came before), mode, size,
/// mtime, the version that it had at its origin, SHA-256 of a file's content, SHA-256 of its extended attributes, the generation
/// since which the content lies in the store, path, and target of a link or the path of an `h`'s file. Names are
/// percent-encoded as in references, spaces too; `.` is the top. The last line tells a manifest that was cut from a whole one.
enum Manifest {
    struct Header: Hashable {
        var owner: OwnerKey
        /// As it was declared.
        var reference: Reference
        var generation: UInt64
        /// Random and not 0.
        var stamp: UInt64
        var created: Timestamp
        /// Of the session that published it.
        var epoch: UInt64
    }

    struct Totals: Hashable {
        var entries: UInt64 = 0
        /// Regular files, hard links once.
        var files: UInt64 = 0
        /// Apparent bytes of these.
        var bytes: UInt64 = 0
        /// Further names of files.
        var hardLinks: UInt64 = 0
        /// Of the tree or file (chapter 11).
        var digest: [UInt8] = []
    }

    struct Entry: Hashable {
        /// Not ``EntryKind/other``.
        var kind: EntryKind
        var mode: UInt16
        /// Of a file, also by a further name.
        var size: UInt64 = 0
        var modified: Timestamp
        var version: UInt64
        /// SHA-256 of a file's content, also by a further name; otherwise empty.
        var digest: [UInt8] = []
        /// SHA-256 of the extended attributes that travel; empty if there are none.
        var attributes: [UInt8] = []
        /// The generation since which this very file is in the store: later ones share it by hard links.
        var since: UInt64
        var path: PathName
        var target: [UInt8] = []
    }

    static let version: UInt64 = 1
    /// No line is longer, in bytes: each byte of a name and a target may take three.
    static let longestLine = 32_768
    static let largestTrailer = 512
    /// Bytes before the digits of the checksum line.
    static let checksumKey = Array("checksum ".utf8)

    /// What is wrong with a manifest.
    static func flaw(_ what: String) -> FileFault {
        .stopped(BatonError(.corrupt, "its manifest \(what)"))
    }
}

// MARK: Lines

extension Manifest.Entry {
    private var letter: UInt8 {
        switch kind {
        case .directory: UInt8(ascii: "d")
        case .symbolicLink: UInt8(ascii: "l")
        case .hardLink: UInt8(ascii: "h")
        case .file, .other: UInt8(ascii: "f")
        }
    }

    func write(to text: inout [UInt8]) {
        text += [letter, UInt8(ascii: " ")]
        text.write(String(mode, radix: 8), digits: 4)
        text.append(UInt8(ascii: " "))
        text.write(String(size))
        text.append(UInt8(ascii: " "))
        text.write(modified)
        text.append(UInt8(ascii: " "))
        text.write(hexadecimal: version.bigEndianBytes)
        for field in [digest, attributes] {
            text.append(UInt8(ascii: " "))
            if field.isEmpty { text.append(UInt8(ascii: "-")) } else { text.write(hexadecimal: field) }
        }
        text.append(UInt8(ascii: " "))
        text.write(String(since))
        text.append(UInt8(ascii: " "))
        text.write(name: path.isRoot ? Array(".".utf8) : path.bytes)
        if !target.isEmpty {
            text.append(UInt8(ascii: " "))
            text.write(name: target)
        }
        text.append(UInt8(ascii: "\n"))
    }

    /// - Parameter line: without its line feed.
    init?(_ line: ArraySlice<UInt8>) {
        let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 9, omittingEmptySubsequences: false)
        guard fields.count >= 9, fields[0].count == 1, let letter = fields[0].first,
            let kind = Manifest.Entry.kind(letter), let mode = ManifestText.mode(fields[1]),
            let size = ManifestText.decimal(fields[2]), let modified = ManifestText.timestamp(fields[3]),
            let version = ManifestText.word(fields[4]), let digest = ManifestText.digest(fields[5]),
            let attributes = ManifestText.digest(fields[6]), let since = ManifestText.decimal(fields[7]),
            let path = ManifestText.path(fields[8])
        else { return nil }
        var target: [UInt8] = []
        if fields.count == 10 {
            guard let decoded = ManifestText.name(fields[9]), !decoded.isEmpty else { return nil }
            target = decoded
        }
        self.init(
            kind: kind, mode: mode, size: size, modified: modified, version: version, digest: digest,
            attributes: attributes, since: since, path: path, target: target)
        guard isConsistent else { return nil }
    }

    private static func kind(_ letter: UInt8) -> EntryKind? {
        switch letter {
        case UInt8(ascii: "d"): .directory
        case UInt8(ascii: "f"): .file
        case UInt8(ascii: "l"): .symbolicLink
        case UInt8(ascii: "h"): .hardLink
        default: nil
        }
    }

    private var isConsistent: Bool {
        let isFile = kind == .file || kind == .hardLink
        guard since > 0, !path.isAbsolute, digest.isEmpty != isFile, isFile || size == 0 else { return false }
        switch kind {
        case .symbolicLink: return !path.isRoot && attributes.isEmpty && (1...Limits.linkTarget).contains(target.count)
        case .hardLink: return hardLinkTarget.map { !$0.isRoot && !$0.isAbsolute && $0 < path } ?? false
        default: return target.isEmpty
        }
    }

    /// The path of the file that this is a further name of.
    var hardLinkTarget: PathName? { kind == .hardLink ? try? PathName(target) : nil }
}
