import NIOCore

/// Who answered for a path (chapter 5).
public enum AnswerSource: UInt8, Hashable, Sendable, CaseIterable {
    /// The work itself.
    case live = 0
    /// The relay's copy of what the work left behind.
    case stored = 1

    public var name: String { self == .live ? "live" : "stored" }
}

/// The one frame that ends a stream, except for a GET that went well: that ends with END on the lane (chapter 5).
public enum Reply: Hashable, Sendable {
    case exists(Bool, source: AnswerSource)
    case stat(PathStatus)
    case list(Listing)
    /// The work that answered; `nil`: the relay.
    case echo(by: WorkName?)
    case share(Shared)
    case fetch(Fetched)
    case error(BatonError)

    var type: FrameType {
        switch self {
        case .exists: .existsReply
        case .stat: .statReply
        case .list: .listReply
        case .echo: .echoReply
        case .share: .shareReply
        case .fetch: .fetchReply
        case .error: .error
        }
    }

    /// Whether this can be the answer to a request of this type. ERROR answers all; END, on the lane, a GET that went well.
    func answers(_ request: FrameType) -> Bool {
        switch self {
        case .exists: request == .exists
        case .stat: request == .stat
        case .list: request == .list
        case .echo: request == .echo
        case .share: request == .share
        case .fetch: request == .fetch
        case .error: true
        }
    }

    init(_ type: FrameType, _ fields: inout PayloadReader) throws(ProtocolViolation) {
        switch type {
        case .existsReply: self = .exists(try fields.flag("exists"), source: try fields.value("source"))
        case .statReply: self = .stat(try PathStatus(&fields))
        case .listReply: self = .list(try Listing(&fields))
        case .echoReply: self = .echo(by: try fields.name("answered_by"))
        case .shareReply: self = .share(try Shared(&fields))
        case .fetchReply: self = .fetch(try Fetched(&fields))
        case .error: self = .error(try BatonError(&fields))
        default: throw ProtocolViolation(.unexpectedFrame, "\(type) is no reply")
        }
    }

    func write(to buffer: inout ByteBuffer) {
        switch self {
        case .exists(let exists, let source):
            buffer.write(exists)
            buffer.writeInteger(source.rawValue)
        case .stat(let status): status.write(to: &buffer)
        case .list(let listing): listing.write(to: &buffer)
        case .echo(let work): buffer.write(work)
        case .share(let shared): shared.write(to: &buffer)
        case .fetch(let fetched): fetched.write(to: &buffer)
        case .error(let error): error.write(to: &buffer)
        }
    }
}

/// STAT_REPLY: kind u8, source u8, mode u16, size u64, files u64, mtime_s i64, mtime_ns u32, digest bytes8 (chapter 5).
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
        source = try fields.value("source")
        mode = try fields.mode("mode")
        size = try fields.integer("size")
        files = try fields.integer("files")
        modified = try fields.timestamp("mtime")
        digest = try fields.bytes("digest", length: UInt8.self, atMost: Limits.digest)
        guard digest.isEmpty || digest.count == Limits.digest else {
            throw fields.malformed("digest", "has a wrong length")
        }
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(kind.rawValue, source.rawValue, mode, size, files)
        buffer.write(modified)
        buffer.write(bytes: digest, length: UInt8.self)
    }
}

/// LIST_REPLY: source u8, more u8, count u16, then per entry kind u8, mode u16, size u64, mtime_s i64, mtime_ns u32,
/// name bytes16 (chapter 5).
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

    /// Bytes of items that fit one reply.
    public static let room = Limits.controlPayload - 4

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
        source = try fields.value("source")
        more = try fields.flag("more")
        let count: UInt16 = try fields.integer("count")
        guard count > 0 || !more else { throw fields.malformed("more", "is set, yet nothing is listed") }
        items = []
        for _ in 0..<count {
            let kind: EntryKind = try fields.value("kind")
            let mode = try fields.mode("mode")
            let size: UInt64 = try fields.integer("size")
            guard kind == .file || size == 0 else { throw fields.malformed("size", "is of no file") }
            let modified = try fields.timestamp("mtime")
            let name = try fields.bytes("name", length: UInt16.self, atMost: Limits.component)
            try Listing.judge(name, after: items.last?.name, isAll: count == 1 && !more, &fields)
            items.append(Item(kind: kind, mode: mode, size: size, modified: modified, name: name))
        }
    }

    private static func judge(
        _ name: [UInt8], after last: [UInt8]?, isAll: Bool, _ fields: inout PayloadReader
    ) throws(ProtocolViolation) {
        if name.isEmpty && isAll { return }
        try fields.judge(component: name, "name")
        if let last, !last.lexicographicallyPrecedes(name) { throw fields.malformed("name", "is out of order") }
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeInteger(source.rawValue)
        buffer.write(more)
        buffer.writeInteger(UInt16(clamping: items.count))
        for item in items.prefix(Int(UInt16.max)) {
            buffer.writeMultipleIntegers(item.kind.rawValue, item.mode, item.size)
            buffer.write(item.modified)
            buffer.write(bytes: item.name, length: UInt16.self)
        }
    }
}

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
/// listed u16, then per listed entry reason u16, path bytes16 (chapter 5).
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
        source = try fields.value("source")
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
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(kind.rawValue, source.rawValue)
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
    }
}

extension BatonError {
    /// ERROR: code u16, said_by u8, path bytes16, message text16 (chapter 8). An empty path stands for none.
    init(_ fields: inout PayloadReader) throws(ProtocolViolation) {
        let code = ErrorCode(rawValue: try fields.integer("code"))
        let source: Source = try fields.value("said_by")
        let path = try fields.path("path")
        let message = try fields.text("message", length: UInt16.self, atMost: Limits.text)
        self.init(code, message, path: path.isRoot ? nil : path, saidBy: source)
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(code.rawValue, saidBy.rawValue)
        buffer.write(path ?? .root)
        buffer.write(text: message, length: UInt16.self, atMost: Limits.text)
    }
}
