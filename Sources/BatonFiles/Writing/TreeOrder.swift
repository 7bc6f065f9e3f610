import BatonProtocol
import NIOCore

/// Judges the messages of one tree in the order in which they come (chapter 7). A value without I/O.
///
/// The first pass: the top comes first; then names strictly rise in tree order; the directory of an entry was announced before
/// and is still open; chunks follow their file, rise, do not overlap, stay within its size and end exactly once. In a later
/// pass names rise anew, a directory is announced or lies in one that was not, and what is kept is named in its announced
/// directory. END counts what its stream sent.
struct TreeOrder {
    private struct OpenFile {
        let path: PathName
        let size: UInt64
        var position: UInt64 = 0
    }

    /// A directory all of whose children are being named.
    private struct Announced {
        let path: PathName
        /// The child that was named last, if it stays as it is: entries below it may come.
        var kept: PathName?
    }

    private let limits: TreeLimits
    private let takesAttributes: Bool
    private let takesKept: Bool
    private var top: EntryKind?
    /// What was named last in this pass.
    private var last: PathName?
    /// It is an entry: attributes of it may be skipped.
    private var lastIsEntry = false
    /// From the top down.
    private var directories: [Announced] = []
    private var file: OpenFile?
    /// Messages with a path, of all passes.
    private var named: UInt64 = 0

    /// 0 for the first.
    private(set) var pass: UInt16 = 0
    /// Whether a later stream may go on where this one stops: all that came is of the first pass, each file once.
    private(set) var isResumable = true
    /// What the stream has sent that is under way.
    private(set) var streamed = TreeEnd(entries: 0, bytes: 0, skipped: 0)
    /// What all streams have sent.
    private(set) var total = TreeEnd(entries: 0, bytes: 0, skipped: 0)
    private(set) var isComplete = false

    init(limits: TreeLimits, takesAttributes: Bool, takesKept: Bool = false) {
        self.limits = limits
        self.takesKept = takesKept
        self.takesAttributes = takesAttributes
    }

    /// How far the data of the open file has come; `nil` if none is open.
    var openPosition: UInt64? { file?.position }

    /// Another stream goes on with the tree: its END counts anew.
    mutating func beginStream() { streamed = TreeEnd(entries: 0, bytes: 0, skipped: 0) }

    mutating func admit(_ message: Message) throws(BatonError) {
        switch message {
        case .entry(let entry): try admit(entry)
        case .chunk(let chunk): try admit(chunk)
        case .skipped(let entry): try admit(entry)
        case .keep(let path): try admitKept(path)
        case .again(let pass): try admitAgain(pass)
        case .end(let end): try admit(end)
        default: throw .corrupt(.root, "came with a message that does not belong to trees")
        }
    }

    /// An entry with the path of the open file begins that file again.
    mutating func admit(_ entry: TreeEntry) throws(BatonError) {
        if let file, file.path == entry.path, entry.kind == .file {
            try countName(entry.path)
            self.file = nil
            isResumable = false
        } else {
            try name(entry.path, isEntry: true)
        }
        try entry.checkFields(takingAttributes: takesAttributes)
        guard takesKept || !entry.isKept else {
            throw .corrupt(entry.path, "is said to be kept, but nothing was kept")
        }
        lastIsEntry = true
        if entry.path.isRoot { top = entry.kind }
        switch entry.kind {
        case .file: if !entry.isLast { file = OpenFile(path: entry.path, size: entry.size) }
        case .directory: try announce(entry.path)
        case .hardLink:
            guard !entry.path.isRoot else { throw .corrupt(entry.path, "is a second name of nothing") }
        case .symbolicLink, .other: break
        }
        streamed.entries += 1
        total.entries += 1
    }

    mutating func admit(_ skipped: SkippedEntry) throws(BatonError) {
        if skipped.reason == .attributes {
            guard lastIsEntry, skipped.path == last, file?.position ?? 0 == 0, !isComplete else {
                throw .corrupt(skipped.path, "is said to lack attributes, but did not come just before")
            }
            try countName(skipped.path)
            // Told once.
            lastIsEntry = false
        } else {
            try name(skipped.path, isEntry: false)
        }
        streamed.skipped += 1
        total.skipped += 1
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
        guard checksum == chunk.checksum || Flaw.breaks("TRE-19") else {
            throw .corrupt(file.path, "came with a wrong checksum at byte \(chunk.offset): get it again")
        }
        try countData(count)
        streamed.bytes += count
        proceed(to: end, isLast: chunk.isLast)
    }

    /// A piece of the open file that an earlier process has checked and written.
    mutating func recall(_ mark: DataMark) throws(BatonError) {
        guard let file, mark.position >= file.position, mark.position <= file.size, mark.count <= mark.position,
            mark.isLast || mark.position < file.size
        else { throw .corrupt(last ?? .root, "was noted with data that it cannot have") }
        try countData(mark.count)
        proceed(to: mark.position, isLast: mark.isLast)
    }

    /// A further pass begins; the open file is void.
    mutating func admitAgain(_ next: UInt16) throws(BatonError) {
        guard !isComplete, let top, next == pass &+ 1 else {
            throw .corrupt(last ?? .root, "is followed by a pass that cannot come now")
        }
        guard next <= Limits.passes else {
            throw BatonError(.tooLarge, "the tree came in more than the \(Limits.passes) passes taken here")
        }
        if file?.path.isRoot ?? false { self.top = nil } else { self.top = top }
        pass = next
        isResumable = false
        file = nil
        last = nil
        lastIsEntry = false
        directories = []
    }

    /// - Parameter path: of what stays as it is in the announced directory.
    mutating func admitKept(_ path: PathName) throws(BatonError) {
        guard pass > 0 else { throw .corrupt(path, "is kept, but nothing came before") }
        try name(path, isEntry: false)
        guard let parent = directories.indices.last, directories[parent].path.isParent(of: path) else {
            throw .corrupt(path, "is kept in a directory that was not announced")
        }
        directories[parent].kept = path
    }

    mutating func admit(_ end: TreeEnd) throws(BatonError) {
        try admitAnything()
        guard top != nil else { throw .corrupt(.root, "ended before it began") }
        guard end == streamed else {
            throw .corrupt(
                .root,
                "ended with \(streamed.entries) entries, \(streamed.bytes) bytes and \(streamed.skipped) left out where "
                    + "\(end.entries), \(end.bytes) and \(end.skipped) were announced")
        }
        isComplete = true
    }
}

// MARK: Names

extension TreeOrder {
    private func admitAnything() throws(BatonError) {
        guard !isComplete else { throw .corrupt(last ?? .root, "is followed by more after its end") }
        if let file { throw .corrupt(file.path, "ended early: its last piece is missing") }
    }

    private mutating func countName(_ path: PathName) throws(BatonError) {
        guard named < limits.entries else {
            throw BatonError(.tooLarge, "the tree has more than the \(limits.entries) entries taken here", path: path)
        }
        named += 1
    }

    private mutating func countData(_ count: UInt64) throws(BatonError) {
        let (bytes, tooMany) = total.bytes.addingReportingOverflow(count)
        guard !tooMany, bytes <= limits.bytes else {
            throw BatonError(
                .tooLarge, "the tree has more than the \(limits.bytes) bytes taken here", path: file?.path)
        }
        total.bytes = bytes
    }

    private mutating func proceed(to position: UInt64, isLast: Bool) {
        if isLast { file = nil } else { file?.position = position }
    }

    /// Takes the next name of this pass.
    private mutating func name(_ path: PathName, isEntry: Bool) throws(BatonError) {
        try admitAnything()
        try countName(path)
        guard !path.isAbsolute else { throw .corrupt(path, "is absolute inside a tree") }
        guard top != nil || path.isRoot, isEntry || !path.isRoot else {
            throw .corrupt(path, "came before the top of its tree")
        }
        if let last, last >= path { throw .corrupt(path, "is out of order after '\(last)', or came twice") }
        last = path
        lastIsEntry = false
        if !path.isRoot { try enterDirectory(of: path) }
    }

    /// Leaves the announced directories that `path` does not lie in.
    private mutating func enterDirectory(of path: PathName) throws(BatonError) {
        while let directory = directories.last, !directory.path.isAbove(path) { directories.removeLast() }
        guard let lowest = directories.indices.last else {
            guard pass > 0, top == .directory else { throw .corrupt(path, "lies in no directory that came before it") }
            return
        }
        if directories[lowest].path.isParent(of: path) {
            directories[lowest].kept = nil
        } else {
            guard let kept = directories[lowest].kept, kept.isAbove(path) else {
                throw .corrupt(path, "lies in no directory that came before it")
            }
        }
    }

    private mutating func announce(_ path: PathName) throws(BatonError) {
        guard path.depth < limits.depth else {
            throw BatonError(.tooLarge, "the tree is deeper than the \(limits.depth) levels taken here", path: path)
        }
        directories.append(Announced(path: path))
    }
}
