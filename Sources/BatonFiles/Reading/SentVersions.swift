import BatonProtocol

/// What the receiver has: a fingerprint of path and version of each entry, in tree order. A value without I/O.
///
/// Each walk through the tree passes all entries again. As long as they come just as they were sent, this is one comparison per
/// entry; from the first difference on the fingerprints are looked up, and the list is made anew.
struct SentVersions {
    private var list: [UInt64] = []
    /// How much of the list the current walk has passed.
    private var passed = 0
    /// What the receiver has from the first difference on.
    private var rest: Set<UInt64>?

    /// Nobody else knows it, so nobody can make names whose fingerprints collide.
    private let seed: UInt64

    /// - Parameter seed: of fingerprints that are to be compared with this one's.
    init(seed: UInt64 = .random(in: 1 ... .max)) { self.seed = seed }

    /// Of an entry: its path, its version, and for a hard link its file's path.
    func fingerprint(_ path: [UInt8], version: UInt64, target: [UInt8] = []) -> UInt64 {
        var print = Checksum.of(path, seed: seed ^ version)
        if !target.isEmpty { print = Checksum.of(target, seed: print) }
        return print
    }

    /// What the last walk has passed, to be written down.
    var kept: KeptVersions { KeptVersions(seed: seed, fingerprints: list) }

    /// The receiver has nothing.
    mutating func forget() { self = SentVersions(seed: seed) }

    /// A walk begins at the top.
    mutating func beginWalk() {
        passed = 0
        rest = nil
    }

    /// Whether the receiver has what the walk passes next.
    mutating func holds(_ fingerprint: UInt64) -> Bool {
        if let rest { return rest.contains(fingerprint) }
        if passed < list.count, list[passed] == fingerprint { return true }
        let rest = Set(list[passed...])
        list.removeSubrange(passed...)
        self.rest = rest
        return rest.contains(fingerprint)
    }

    /// The walk passes the entry: the receiver has it, or has just been sent it.
    mutating func pass(_ fingerprint: UInt64) {
        if rest == nil, holds(fingerprint) {
            passed += 1
        } else {
            list.append(fingerprint)
        }
    }

    /// The walk was broken off: another begins at the top.
    mutating func breakOff() {
        // What it had announced but not yet named, the receiver may or may not have dropped: all of it is sent again.
        if rest?.isEmpty == false { list = [] }
        beginWalk()
    }

    /// The walk has come to its end.
    ///
    /// - Returns: whether it passed what the receiver has, and nothing else.
    mutating func endWalk() -> Bool {
        if rest == nil, passed == list.count { return true }
        if rest == nil { list.removeSubrange(passed...) }
        return false
    }
}
