import BatonProtocol

/// The `version` that each entry of a tree came with (chapter 7), by path: 16 bytes an entry. What is named again counts as it came last.
struct VersionTable: Sendable {
    /// By a hash of the path, so that a million paths need not be held. Nobody else knows the seed.
    private var versions: [UInt64: UInt64] = [:]
    private let seed = UInt64.random(in: .min ... .max)

    /// Some entry was a further name of a file.
    private(set) var hasHardLinks = false

    mutating func note(_ entry: TreeEntry) {
        versions[Checksum.of(entry.path.bytes, seed: seed)] = entry.version
        if entry.kind == .hardLink { hasHardLinks = true }
    }

    /// - Parameter path: relative to the top of the tree.
    subscript(_ path: [UInt8]) -> UInt64? { versions[Checksum.of(path, seed: seed)] }
}
