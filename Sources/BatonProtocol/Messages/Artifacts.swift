import NIOCore

/// What an ARTIFACTS request wants beyond whose path it means: action u8, generation u64, after_path bytes16,
/// after_generation u64 (chapters 5 and 12).
public struct ArtifactsQuery: Hashable, Sendable {
    public enum Action: UInt8, Hashable, Sendable, CaseIterable {
        case list = 1
        case remove = 2
        /// Keep it until it is unpinned.
        case pin = 3
        case unpin = 4
        /// Read it, and compare it with its digest.
        case verify = 5

        /// Whether the answer may come in pages.
        var isPaged: Bool { self == .list || self == .verify }
    }

    public var action: Action
    /// Which generation; 0: all, for ``Action/pin`` and ``Action/unpin`` the newest.
    public var generation: UInt64
    /// With ``afterGeneration`` the last item of the page before; the root and 0 for the first page.
    public var afterPath: PathName
    public var afterGeneration: UInt64

    public init(
        _ action: Action, generation: UInt64 = 0, afterPath: PathName = .root, afterGeneration: UInt64 = 0
    ) {
        self.action = action
        self.generation = generation
        self.afterPath = afterPath
        self.afterGeneration = afterGeneration
    }

    init(_ fields: inout PayloadReader) throws(ProtocolViolation) {
        action = try fields.value("action")
        generation = try fields.integer("generation")
        afterPath = try fields.path("after_path")
        afterGeneration = try fields.integer("after_generation")
        guard action.isPaged || (afterPath.isRoot && afterGeneration == 0) else {
            throw fields.malformed("after_path", "does not fit the action")
        }
        guard afterGeneration > 0 || afterPath.isRoot else { throw fields.malformed("after_generation", "is 0") }
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(action.rawValue, generation)
        buffer.write(afterPath)
        buffer.writeInteger(afterGeneration)
    }
}

/// One generation in the store: path bytes16, generation u64, created_s i64, created_ns u32, files u64, bytes u64,
/// digest bytes8, state u8 (chapters 5 and 12).
public struct ArtifactItem: Hashable, Sendable {
    /// As it was declared.
    public var path: PathName
    /// From 1, per work and declared path; never used again.
    public var generation: UInt64
    /// When it was published, by the relay's clock.
    public var created: Timestamp
    /// Regular files, hard links once.
    public var files: UInt64
    /// Apparent bytes of these files.
    public var bytes: UInt64
    /// Of the tree or file (chapter 11).
    public var digest: [UInt8]
    public var isPinned: Bool
    /// Does not have its digest any more; it answers nothing.
    public var isDamaged: Bool
    /// Nothing newer is stored of its path.
    public var isNewest: Bool

    public init(
        path: PathName, generation: UInt64, created: Timestamp, files: UInt64, bytes: UInt64, digest: [UInt8],
        isPinned: Bool = false, isDamaged: Bool = false, isNewest: Bool = false
    ) {
        self.path = path
        self.generation = generation
        self.created = created
        self.files = files
        self.bytes = bytes
        self.digest = digest
        self.isPinned = isPinned
        self.isDamaged = isDamaged
        self.isNewest = isNewest
    }

    /// Bytes of the item on the wire.
    public var encodedSize: Int { 40 + path.bytes.count + digest.count }

    private enum State {
        static let pinned: UInt8 = 1
        static let damaged: UInt8 = 2
        static let newest: UInt8 = 4
    }

    init(_ fields: inout PayloadReader) throws(ProtocolViolation) {
        path = try fields.path("path")
        generation = try fields.generation()
        created = try fields.timestamp("created")
        files = try fields.integer("files")
        bytes = try fields.integer("bytes")
        digest = try fields.bytes("digest", length: UInt8.self, atMost: Limits.digest)
        guard digest.count == Limits.digest else { throw fields.malformed("digest", "has a wrong length") }
        let state = try fields.options("state", known: State.pinned | State.damaged | State.newest)
        isPinned = state & State.pinned != 0
        isDamaged = state & State.damaged != 0
        isNewest = state & State.newest != 0
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.write(path)
        buffer.writeInteger(generation)
        buffer.write(created)
        buffer.writeMultipleIntegers(files, bytes)
        buffer.write(bytes: digest, length: UInt8.self)
        let state = (isPinned ? State.pinned : 0) | (isDamaged ? State.damaged : 0) | (isNewest ? State.newest : 0)
        buffer.writeInteger(state)
    }

    /// Comes before `other` in listings: by the bytes of the path, then by the generation.
    public func precedes(_ other: ArtifactItem) -> Bool {
        if path == other.path { return generation < other.generation }
        return path.bytes.lexicographicallyPrecedes(other.path.bytes)
    }
}

/// ARTIFACTS_REPLY: more u8, count u16, then as many items (chapters 5 and 12).
public struct ArtifactsListing: Hashable, Sendable {
    /// Bytes of items that fit one reply.
    public static let room = Limits.controlPayload - 3

    /// They rise by the bytes of the path, then by the generation.
    public var items: [ArtifactItem]
    /// There are further ones: ask again, with the last item as what to go on after.
    public var more: Bool

    public init(items: [ArtifactItem], more: Bool = false) {
        self.items = items
        self.more = more
    }

    init(_ fields: inout PayloadReader) throws(ProtocolViolation) {
        more = try fields.flag("more")
        let count: UInt16 = try fields.integer("count")
        guard count > 0 || !more else { throw fields.malformed("more", "is set, yet nothing is listed") }
        items = []
        for _ in 0..<count {
            let item = try ArtifactItem(&fields)
            guard items.last?.precedes(item) ?? true else {
                throw fields.malformed("path", "is out of order, or came twice")
            }
            items.append(item)
        }
    }

    /// Items that do not fit are left for the next page.
    func write(to buffer: inout ByteBuffer) {
        var room = ArtifactsListing.room
        let fitting = items.prefix { item in
            room -= item.encodedSize
            return room >= 0
        }
        buffer.write(more || fitting.count < items.count)
        buffer.writeInteger(UInt16(clamping: fitting.count))
        fitting.forEach { $0.write(to: &buffer) }
    }
}
