import NIOCore

/// STAT_REPLY: kind u8, source u8, mode u16, size u64, files u64, mtime_s i64, mtime_ns u32, digest bytes8; generation u64 if
/// stored (chapter 5).
public struct PathStatus: Hashable, Sendable {
    public var kind: EntryKind
    public var source = AnswerSource.live
    public var mode: UInt16
    /// Of a tree: the apparent bytes of its regular files, hard links once.
    public var size: UInt64
    /// Regular files, hard links once.
    public var files: UInt64
    public var modified: Timestamp
    /// Empty unless it was asked for; chapter 11.
    public var digest: [UInt8]

    public init(kind: EntryKind, mode: UInt16, size: UInt64, files: UInt64, modified: Timestamp, digest: [UInt8] = []) {
        self.kind = kind
        self.mode = mode
        self.size = size
        self.files = files
        self.modified = modified
        self.digest = digest
    }

    init(_ fields: inout PayloadReader) throws(ProtocolViolation) {
        kind = try fields.treeKind("kind")
        let isStored = try fields.isStored()
        mode = try fields.mode("mode")
        size = try fields.integer("size")
        files = try fields.integer("files")
        modified = try fields.timestamp("mtime")
        digest = try fields.bytes("digest", length: UInt8.self, atMost: Limits.digest)
        guard digest.isEmpty || digest.count == Limits.digest else {
            throw fields.malformed("digest", "has a wrong length")
        }
        source = try fields.source(isStored: isStored)
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(kind.rawValue, source.wireValue, mode, size, files)
        buffer.write(modified)
        buffer.write(bytes: digest, length: UInt8.self)
        buffer.write(generationOf: source)
    }
}
