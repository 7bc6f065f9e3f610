import BatonProtocol
import NIOCore

/// What chapter 7 says of the order of a tree's messages, in the fewest words. It is told what was taken, and objects to what
/// must not be.
struct TreeModel {
    private let takesKept: Bool
    private let takesAttributes: Bool
    private var hasTop = false
    private var pass: UInt16 = 0
    private var last: PathName?
    private var announced: Set<PathName> = []
    private var kept: Set<PathName> = []
    private var file: (path: PathName, size: UInt64, position: UInt64)?
    private var isComplete = false
    private var stream = TreeEnd(entries: 0, bytes: 0, skipped: 0)
    private(set) var total = TreeEnd(entries: 0, bytes: 0, skipped: 0)

    init(takesAttributes: Bool, takesKept: Bool) {
        self.takesAttributes = takesAttributes
        self.takesKept = takesKept
    }

    mutating func beginStream() { stream = TreeEnd(entries: 0, bytes: 0, skipped: 0) }

    mutating func take(_ message: Message) throws(Finding) {
        try expect(!isComplete, "\(message.type) is taken after the end")
        switch message {
        case .entry(let entry): try take(entry)
        case .chunk(let chunk): try take(chunk)
        case .skipped(let entry):
            if entry.reason == .attributes {
                try expect(entry.path == last, "'\(entry.path)' lacks attributes after '\(last ?? .root)'")
            } else {
                try name(entry.path)
            }
            stream.skipped += 1
            total.skipped += 1
        case .keep(let path):
            try expect(pass > 0 && path.parent.map(announced.contains) == true, "'\(path)' is kept")
            try name(path)
            kept.insert(path)
        case .again(let next):
            try expect(next == pass + 1 && next <= Limits.passes && hasTop, "pass \(next) after \(pass)")
            if file?.path.isRoot == true { hasTop = false }
            (pass, last, file, announced, kept) = (next, nil, nil, [], [])
        case .end(let end):
            try expect(end == stream && file == nil && hasTop, "\(end) ends \(stream)")
            isComplete = true
        default: throw Finding(description: "\(message.type) is taken in a tree")
        }
    }

    private mutating func take(_ entry: TreeEntry) throws(Finding) {
        if file?.path != entry.path || entry.kind != .file { try name(entry.path) }
        try expect(takesKept || !entry.isKept, "'\(entry.path)' is kept, and nothing is there")
        try expect(takesAttributes || entry.attributes.isEmpty, "'\(entry.path)' has attributes")
        try expect(entry.mode <= 0o777 && entry.kind != .other, "'\(entry.path)' has the mode \(entry.mode)")
        if entry.kind == .directory { announced.insert(entry.path) }
        if entry.kind == .hardLink {
            let target = try? PathName(entry.target)
            try expect(target.map { $0 < entry.path } ?? false, "'\(entry.path)' is linked to what comes later")
        }
        if entry.path.isRoot { hasTop = true }
        file = entry.kind == .file && !entry.isLast ? (entry.path, entry.size, 0) : nil
        stream.entries += 1
        total.entries += 1
    }

    private mutating func take(_ chunk: Chunk) throws(Finding) {
        guard let file else { throw Finding(description: "data of no file is taken") }
        let count = UInt64(chunk.data.readableBytes)
        let (end, overflow) = chunk.offset.addingReportingOverflow(count)
        let isInside = chunk.offset >= file.position && !overflow && end <= file.size
        try expect(isInside, "\(count) bytes at \(chunk.offset) of '\(file.path)', which has \(file.size)")
        try expect(chunk.isLast || end < file.size, "'\(file.path)' is whole, and goes on")
        let checksum = chunk.data.withUnsafeReadableBytes { Checksum.of($0) }
        try expect(checksum == chunk.checksum, "a wrong checksum is taken")
        self.file = chunk.isLast ? nil : (file.path, file.size, end)
        stream.bytes += count
        total.bytes += count
    }

    private mutating func name(_ path: PathName) throws(Finding) {
        try expect(file == nil, "'\(path)' comes before the end of '\(file?.path ?? .root)'")
        try expect(last.map { $0 < path } ?? true, "'\(path)' comes after '\(last ?? .root)'")
        try expect(hasTop || path.isRoot, "'\(path)' comes before the top")
        last = path
        if let parent = path.parent, pass == 0 {
            try expect(announced.contains(parent), "'\(path)' lies in no directory")
        }
    }
}
