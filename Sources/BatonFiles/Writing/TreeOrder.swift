import BatonProtocol
import NIOCore

/// How large a tree a receiver takes. None of the numbers is unlimited.
public struct TreeLimits: Sendable {
    /// ENTRY and SKIPPED messages together.
    public var entries: UInt64 = 10_000_000
    /// Directories inside one another, the top included.
    public var depth = 2048
    /// Data bytes of all files together, holes not counted.
    public var bytes: UInt64 = 1 << 60

    /// The defaults.
    public init() {}
}

/// Judges the messages of one tree in the order in which they come (chapter 7). A value without I/O.
///
/// The top comes first; then names strictly rise in tree order; the directory of an entry was announced before and is still
/// open; chunks follow their file, rise, do not overlap, stay within its size and end exactly once; END counts what came.
struct TreeOrder {
    private let limits: TreeLimits
    private var last: PathName?
    /// The paths of the open directories, the top's first.
    private var directories: [PathName] = []
    private var file: (path: PathName, size: UInt64, position: UInt64)?
    private(set) var counts = TreeEnd(entries: 0, bytes: 0, skipped: 0)
    private(set) var isComplete = false

    init(limits: TreeLimits) { self.limits = limits }

    /// - Returns: how many directories are left before the entry.
    mutating func admit(_ entry: TreeEntry) throws(BatonError) -> Int {
        let left = try admit(path: entry.path, isEntry: true)
        guard entry.mode <= 0o777 else { throw .corrupt(entry.path, "has more than permission bits") }
        guard entry.modified.nanoseconds < 1_000_000_000 else {
            throw .corrupt(entry.path, "has a time with a second's worth of nanoseconds or more")
        }
        guard (entry.kind == .symbolicLink) == !entry.target.isEmpty, entry.target.count <= Limits.linkTarget,
            !entry.target.contains(0)
        else { throw .corrupt(entry.path, "has a link target that does not fit its kind") }
        switch entry.kind {
        case .file:
            guard entry.size > 0 || entry.isLast else { throw .corrupt(entry.path, "is empty, yet data is to follow") }
            if !entry.isLast { file = (entry.path, entry.size, 0) }
        case .directory, .symbolicLink:
            guard entry.size == 0, !entry.isLast else { throw .corrupt(entry.path, "has a size, but is no file") }
            if entry.kind == .directory { try open(entry.path) }
        case .other, .hardLink: throw .corrupt(entry.path, "is of a kind that cannot be in a tree")
        }
        counts.entries += 1
        return left
    }

    mutating func admit(_ skipped: SkippedEntry) throws(BatonError) -> Int {
        let left = try admit(path: skipped.path, isEntry: false)
        counts.skipped += 1
        return left
    }

    mutating func admit(_ chunk: Chunk) throws(BatonError) {
        guard let file else { throw .corrupt(last ?? .root, "is followed by data that belongs to no file") }
        let count = UInt64(chunk.data.readableBytes)
        guard count >= (chunk.isLast ? 1 : UInt64(Limits.smallestOpenChunk)), count <= UInt64(Limits.chunkData) else {
            throw .corrupt(file.path, "comes in a piece of \(count) bytes")
        }
        guard chunk.offset >= file.position else { throw .corrupt(file.path, "comes with pieces that overlap") }
        let (end, overflow) = chunk.offset.addingReportingOverflow(count)
        guard !overflow, end <= file.size else { throw .corrupt(file.path, "has more data than its size says") }
        guard chunk.isLast || end < file.size else {
            throw .corrupt(file.path, "is not ended by the piece that completes it")
        }
        let checksum = chunk.data.withUnsafeReadableBytes { Checksum.of($0) }
        guard checksum == chunk.checksum else {
            throw .corrupt(file.path, "came with a wrong checksum at byte \(chunk.offset): get it again")
        }
        let (bytes, tooMany) = counts.bytes.addingReportingOverflow(count)
        guard !tooMany, bytes <= limits.bytes else {
            throw BatonError(.tooLarge, "the tree has more than the \(limits.bytes) bytes taken here", path: file.path)
        }
        counts.bytes = bytes
        self.file = chunk.isLast ? nil : (file.path, file.size, end)
    }

    mutating func admit(_ end: TreeEnd) throws(BatonError) {
        try admitAnything()
        guard last != nil else { throw .corrupt(.root, "ended before it began") }
        guard end == counts else {
            throw .corrupt(
                .root,
                "ended with \(counts.entries) entries, \(counts.bytes) bytes and \(counts.skipped) left out where "
                    + "\(end.entries), \(end.bytes) and \(end.skipped) were announced")
        }
        isComplete = true
    }

    private func admitAnything() throws(BatonError) {
        guard !isComplete else { throw .corrupt(last ?? .root, "is followed by more after its end") }
        if let file { throw .corrupt(file.path, "ended early: its last piece is missing") }
    }

    private mutating func admit(path: PathName, isEntry: Bool) throws(BatonError) -> Int {
        try admitAnything()
        guard counts.entries + counts.skipped < limits.entries else {
            throw BatonError(.tooLarge, "the tree has more than the \(limits.entries) entries taken here", path: path)
        }
        guard !path.isAbsolute else { throw .corrupt(path, "is absolute inside a tree") }
        defer { last = path }
        guard let last else {
            guard path.isRoot, isEntry else { throw .corrupt(path, "came before the top of its tree") }
            return 0
        }
        guard last < path else { throw .corrupt(path, "is out of order after '\(last)', or came twice") }
        let parent = path.parent
        var left = 0
        while let directory = directories.last, directory != parent {
            directories.removeLast()
            left += 1
        }
        guard !directories.isEmpty else { throw .corrupt(path, "lies in no directory that came before it") }
        return left
    }

    private mutating func open(_ path: PathName) throws(BatonError) {
        guard directories.count < limits.depth else {
            throw BatonError(.tooLarge, "the tree is deeper than the \(limits.depth) levels taken here", path: path)
        }
        directories.append(path)
    }
}
