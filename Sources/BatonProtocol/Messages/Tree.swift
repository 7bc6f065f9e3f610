/// What an entry of a tree is (chapter 7).
public enum EntryKind: UInt8, Hashable, Sendable, CaseIterable {
    case file = 1
    case directory = 2
    case symbolicLink = 3
    /// Socket, FIFO or device: appears in listings, never in a tree.
    case other = 4
    /// Another name of a file that came earlier in the same tree: appears in trees only.
    case hardLink = 5

    public var name: String {
        switch self {
        case .file: "file"
        case .directory: "directory"
        case .symbolicLink: "symlink"
        case .other: "other"
        case .hardLink: "hardlink"
        }
    }
}

/// A modification time, as a file system has it.
public struct Timestamp: Hashable, Sendable {
    /// Since 1970-01-01 00:00 UTC; may be negative.
    public var seconds: Int64
    /// 0 to 999,999,999.
    public var nanoseconds: UInt32

    public init(seconds: Int64, nanoseconds: UInt32) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }
}

/// One file, directory or symbolic link of a tree: the ENTRY message (chapter 7).
public struct TreeEntry: Hashable, Sendable {
    public var kind: EntryKind
    /// Permission bits only, at most 0o777.
    public var mode: UInt16
    /// Bytes of a file; 0 for everything else.
    public var size: UInt64
    public var modified: Timestamp
    /// Names one version of what is at the path: it is another after each change. Opaque to the receiver.
    public var version: UInt64
    /// Relative to the top of the tree; empty for the top itself.
    public var path: PathName
    /// Where a symbolic link points, verbatim; the tree path of a hard link's file; empty for everything else.
    public var target: [UInt8]
    /// Sorted by name; none unless the GET asked for them.
    public var attributes: [ExtendedAttribute]
    /// A file without chunks: empty, or nothing but a hole. False for everything else.
    public var isLast: Bool
    /// A file whose content the receiver has, in the generation that its GET named as base. Only with ``isLast``.
    public var isKept: Bool

    public init(
        kind: EntryKind, mode: UInt16, size: UInt64 = 0, modified: Timestamp, version: UInt64 = 0, path: PathName,
        target: [UInt8] = [], attributes: [ExtendedAttribute] = [], isLast: Bool = false, isKept: Bool = false
    ) {
        self.kind = kind
        self.mode = mode
        self.size = size
        self.modified = modified
        self.version = version
        self.path = path
        self.target = target
        self.attributes = attributes
        self.isLast = isLast
        self.isKept = isKept
    }
}

/// Why an entry of a tree was left out (open set, chapter 7).
public struct SkipReason: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let socket = SkipReason(rawValue: 1)
    public static let fifo = SkipReason(rawValue: 2)
    public static let characterDevice = SkipReason(rawValue: 3)
    public static let blockDevice = SkipReason(rawValue: 4)
    /// Of an entry that did travel: extended attributes or access control lists that did not.
    public static let attributes = SkipReason(rawValue: 5)

    public var name: String {
        switch self {
        case .socket: "socket"
        case .fifo: "fifo"
        case .characterDevice: "character device"
        case .blockDevice: "block device"
        case .attributes: "extended attributes"
        default: "reason \(rawValue)"
        }
    }
}

/// An entry that was left out: the SKIPPED message (chapter 7).
public struct SkippedEntry: Hashable, Sendable {
    public var reason: SkipReason
    public var path: PathName

    public init(reason: SkipReason, path: PathName) {
        self.reason = reason
        self.path = path
    }
}

/// The counts that close a tree: the END message (chapter 7).
public struct TreeEnd: Hashable, Sendable {
    /// ENTRY messages.
    public var entries: UInt64
    /// Data bytes of all CHUNK messages.
    public var bytes: UInt64
    /// SKIPPED messages.
    public var skipped: UInt64

    public init(entries: UInt64, bytes: UInt64, skipped: UInt64) {
        self.entries = entries
        self.bytes = bytes
        self.skipped = skipped
    }
}
