import NIOCore

/// SHARE_REPLY: origin text8, path bytes16, exists u8 (chapter 5).
public struct Shared: Hashable, Sendable {
    public var origin: WorkName
    public var path: PathName
    /// Whether there is something at the path now.
    public var exists: Bool

    public init(origin: WorkName, path: PathName, exists: Bool) {
        self.origin = origin
        self.path = path
        self.exists = exists
    }

    init(_ fields: inout PayloadReader) throws(ProtocolViolation) {
        origin = try fields.requiredName("origin")
        path = try fields.path("path")
        exists = try fields.flag("exists")
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.write(origin)
        buffer.write(path)
        buffer.write(exists)
    }
}

/// FETCH_REPLY: kind u8, source u8, atomic u8, bytes u64, files u64, resumed u64, destination bytes16, skipped u64,
/// listed u16, then per listed entry reason u16, path bytes16; generation u64 if stored (chapter 5).
public struct Fetched: Hashable, Sendable {
    public var kind: EntryKind
    public var source = AnswerSource.live
    /// Whether the destination changed in one step.
    public var isAtomic: Bool
    /// Data bytes that are now in place.
    public var bytes: UInt64
    public var files: UInt64
    /// Bytes of an earlier attempt that were not sent again.
    public var resumed: UInt64 = 0
    public var destination: PathName
    /// How many entries were left out in all.
    public var skipped: UInt64
    /// The first of them, as many as fit.
    public var listed: [SkippedEntry]

    public init(
        kind: EntryKind, isAtomic: Bool, bytes: UInt64, files: UInt64, destination: PathName, skipped: UInt64,
        listed: [SkippedEntry]
    ) {
        self.kind = kind
        self.isAtomic = isAtomic
        self.bytes = bytes
        self.files = files
        self.destination = destination
        self.skipped = skipped
        self.listed = listed
    }

    init(_ fields: inout PayloadReader) throws(ProtocolViolation) {
        kind = try fields.treeKind("kind")
        let isStored = try fields.isStored()
        isAtomic = try fields.flag("atomic")
        bytes = try fields.integer("bytes")
        files = try fields.integer("files")
        resumed = try fields.integer("resumed")
        destination = try fields.path("destination")
        guard destination.isAbsolute else { throw fields.malformed("destination", "is not absolute") }
        skipped = try fields.integer("skipped")
        let count: UInt16 = try fields.integer("listed")
        guard count <= skipped else { throw fields.malformed("listed", "is more than were skipped") }
        listed = []
        for _ in 0..<count { listed.append(try SkippedEntry(&fields)) }
        source = try fields.source(isStored: isStored)
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(kind.rawValue, source.wireValue)
        buffer.write(isAtomic)
        buffer.writeMultipleIntegers(bytes, files, resumed)
        buffer.write(destination)
        buffer.writeInteger(skipped)
        var room = Limits.controlPayload - 64 - destination.bytes.count
        let fitting = listed.prefix { entry in
            room -= 4 + entry.path.bytes.count
            return room >= 0
        }
        buffer.writeInteger(UInt16(clamping: fitting.count))
        fitting.forEach { $0.write(to: &buffer) }
        buffer.write(generationOf: source)
    }
}
