import BatonProtocol
import BatonTLS

/// Adds up the digest of chapter 11, the files and the bytes from entries in tree order, of a whole tree or of what lies at one path
/// of it. A value without I/O.
struct ManifestDigest {
    private struct Open {
        let path: PathName
        let mode: UInt16
        let digest: DirectoryDigest
    }

    private var open: [Open] = []
    private var top: PathName?
    private var whole: [UInt8] = []
    /// Files outside of the top of which further names were met.
    private var outside: Set<[UInt8]> = []

    /// Regular files, hard links once.
    private(set) var files: UInt64 = 0
    /// Apparent bytes of these.
    private(set) var bytes: UInt64 = 0

    /// - Parameter entry: the first is the top; all others lie below it.
    mutating func add(_ entry: Manifest.Entry) {
        if top == nil { top = entry.path }
        leave { !$0.isAbove(entry.path) }
        switch entry.kind {
        case .directory:
            return open.append(Open(path: entry.path, mode: entry.mode, digest: DirectoryDigest()))
        case .symbolicLink:
            var digest = SHA256()
            digest.update(entry.target)
            add("l", 0o777, digest.finalize(), entry.path)
        case .file, .hardLink, .other:
            if isNew(entry) {
                files += 1
                bytes = bytes.addingReportingOverflow(entry.size).partialValue
            }
            add("f", entry.mode, entry.digest, entry.path)
        }
    }

    /// Whether no other name of the file has been counted.
    private mutating func isNew(_ entry: Manifest.Entry) -> Bool {
        guard let target = entry.hardLinkTarget, let top else { return true }
        return target.relative(to: top) == nil && outside.insert(target.bytes).inserted
    }

    /// The digest of what was added.
    mutating func finish() -> [UInt8] {
        leave { _ in true }
        return whole
    }

    private mutating func leave(_ isLeft: (PathName) -> Bool) {
        while let last = open.last, isLeft(last.path) {
            open.removeLast()
            add("d", last.mode, last.digest.finish(), last.path)
        }
    }

    private mutating func add(_ kind: String, _ mode: UInt16, _ digest: [UInt8], _ path: PathName) {
        guard let directory = open.last else { return whole = digest }
        directory.digest.add(kind, mode, digest, Array(path.name))
    }
}
