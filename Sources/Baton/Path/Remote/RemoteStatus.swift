import BatonProtocol
public import FoundationEssentials
public import SystemPackage

extension Path {
    /// Who answered for a path of another work.
    public enum Source: Hashable, Sendable {
        /// The work itself.
        case live
        /// The relay, from what the work left behind: its number of that, from 1.
        case stored(generation: UInt64)
    }

    /// What the origin says about a path.
    public struct RemoteStatus: Hashable, Sendable {
        public let kind: Kind
        /// Bytes of the file; of a directory the bytes of all files below it, hard links once.
        public let size: Int
        /// Files, hard links once: 1 for a file.
        public let files: Int
        /// Who may read, write and execute it there.
        public let permissions: FilePermissions
        /// When its content was last changed, by the clock of that machine: time since 1970-01-01 00:00 UTC, in nanoseconds.
        public let modifiedSince1970: Duration
        public let source: Source
        /// 32 bytes, if they were asked for: the SHA-256 of a file, the digest of a tree (chapter 11 of `Protocol/`).
        public let digest: [UInt8]?

        /// When its content was last changed, to about a microsecond.
        public var modified: Date { Date(timeIntervalSince1970: modifiedSince1970 / .seconds(1)) }
    }
}

extension Path.RemoteStatus {
    init(_ status: PathStatus) {
        kind = Path.Kind(status.kind)
        size = Int(clamping: status.size)
        files = Int(clamping: status.files)
        permissions = FilePermissions(rawValue: CInterop.Mode(status.mode))
        modifiedSince1970 = .seconds(status.modified.seconds) + .nanoseconds(Int64(status.modified.nanoseconds))
        source = Path.Source(status.source)
        digest = status.digest.isEmpty ? nil : status.digest
    }
}

extension Path.Kind {
    init(_ kind: EntryKind) {
        self =
            switch kind {
            case .file, .hardLink: .file
            case .directory: .directory
            case .symbolicLink: .symlink
            case .other: .other
            }
    }
}

extension Path.Source {
    init(_ source: AnswerSource) {
        self =
            switch source {
            case .live: .live
            case .stored(let generation): .stored(generation: generation)
            }
    }
}
