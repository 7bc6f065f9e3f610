import BatonProtocol

/// What does not come with a tree: how much, and the first of it by name.
struct SkippedList {
    private(set) var entries: [SkippedEntry] = []
    private(set) var count: UInt64 = 0

    mutating func add(_ entry: SkippedEntry) {
        // The origin and the receiver may both leave out attributes of one entry.
        if entry.reason == .attributes, entries.contains(entry) { return }
        count += 1
        if entries.count < Publication.listed { entries.append(entry) }
    }

    /// An entry comes anew, and tells of its attributes again; a directory also of what cannot travel in it.
    mutating func forget(_ entry: TreeEntry) {
        if entries.isEmpty { return }
        remove {
            $0.path == entry.path || (entry.kind != .directory && entry.path.isAbove($0.path))
                || ($0.reason != .attributes && entry.path.isParent(of: $0.path))
        }
    }

    /// Something can no longer travel, or is no longer there, and neither is what lies in it.
    mutating func forget(_ path: PathName) {
        if entries.isEmpty { return }
        remove { $0.path == path || path.isAbove($0.path) }
    }

    /// The tree is whole: what was listed in an earlier pass may have gone since, with a directory or by not being named.
    ///
    /// - Parameter kind: of what is at a path now; `nil`: nothing.
    mutating func forgetWhatHasGone(_ kind: (PathName) throws(FileFault) -> EntryKind?) throws(FileFault) {
        var gone: Set<PathName> = []
        for entry in entries {
            let isThere =
                entry.reason == .attributes
                ? try kind(entry.path) != nil : try kind(entry.path.parent ?? .root) == .directory
            if !isThere { gone.insert(entry.path) }
        }
        remove { gone.contains($0.path) }
    }

    private mutating func remove(where isGone: (SkippedEntry) -> Bool) {
        let before = entries.count
        entries.removeAll(where: isGone)
        count -= UInt64(before - entries.count)
    }
}
