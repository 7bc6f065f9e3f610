import NIOCore

/// LIST_REPLY: source u8, more u8, count u16, then per entry kind u8, mode u16, size u64, mtime_s i64, mtime_ns u32,
/// name bytes16; generation u64 if stored (chapter 5).
public struct Listing: Hashable, Sendable {
    public struct Item: Hashable, Sendable {
        public var kind: EntryKind
        public var mode: UInt16
        public var size: UInt64
        public var modified: Timestamp
        /// Empty if the path itself is no directory: then it is the only item.
        public var name: [UInt8]

        public init(kind: EntryKind, mode: UInt16, size: UInt64, modified: Timestamp, name: [UInt8]) {
            self.kind = kind
            self.mode = mode
            self.size = size
            self.modified = modified
            self.name = name
        }

        /// Bytes of the item on the wire.
        public var encodedSize: Int { 25 + name.count }
    }

    /// What a LIST asks for.
    struct Page: Sendable {
        /// Only names behind this one; empty: from the start.
        let after: [UInt8]
        /// At most so many items.
        let limit: UInt16
    }

    /// Bytes of items that fit one reply.
    public static let room = Limits.controlPayload - 12

    public var source = AnswerSource.live
    /// There are further entries: ask again with the last name as `after`.
    public var more: Bool
    /// Names rise bytewise.
    public var items: [Item]

    public init(items: [Item], more: Bool) {
        self.items = items
        self.more = more
    }

    init(_ fields: inout PayloadReader) throws(ProtocolViolation) {
        let isStored = try fields.isStored()
        more = try fields.flag("more")
        let count: UInt16 = try fields.integer("count")
        guard count > 0 || !more else { throw fields.malformed("more", "is set, yet nothing is listed") }
        items = []
        for _ in 0..<count {
            let kind: EntryKind = try fields.value("kind")
            guard kind != .hardLink else { throw fields.malformed("kind", "does not belong to listings") }
            let mode = try fields.mode("mode")
            let size: UInt64 = try fields.integer("size")
            guard kind == .file || size == 0 else { throw fields.malformed("size", "is of no file") }
            let modified = try fields.timestamp("mtime")
            let name = try fields.bytes("name", length: UInt16.self, atMost: Limits.component)
            try Listing.judge(name, after: items.last?.name, isAll: count == 1 && !more, &fields)
            items.append(Item(kind: kind, mode: mode, size: size, modified: modified, name: name))
        }
        source = try fields.source(isStored: isStored)
    }

    private static func judge(
        _ name: [UInt8], after last: [UInt8]?, isAll: Bool, _ fields: inout PayloadReader
    ) throws(ProtocolViolation) {
        if name.isEmpty && isAll { return }
        try fields.judge(component: name, "name")
        if let last, !last.lexicographicallyPrecedes(name) { throw fields.malformed("name", "is out of order") }
    }

    /// - Throws: `malformed` if it brings more than was asked for (OPS-13).
    func check(fits page: Page) throws(ProtocolViolation) {
        guard items.count <= Int(page.limit) else {
            throw ProtocolViolation(.malformed, "\(items.count) entries are listed, \(page.limit) were asked for")
        }
        // Names rise, and an empty one is the path itself, which is no directory.
        if let first = items.first?.name, !first.isEmpty, !page.after.lexicographicallyPrecedes(first) {
            throw ProtocolViolation(.malformed, "a name is listed that is not behind the one that was asked")
        }
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeInteger(source.wireValue)
        buffer.write(more)
        buffer.writeInteger(UInt16(clamping: items.count))
        for item in items.prefix(Int(UInt16.max)) {
            buffer.writeMultipleIntegers(item.kind.rawValue, item.mode, item.size)
            buffer.write(item.modified)
            buffer.write(bytes: item.name, length: UInt16.self)
        }
        buffer.write(generationOf: source)
    }
}
