import BatonFiles
import BatonProtocol
public import SystemPackage

extension Path {
    /// What a get has brought.
    public struct Fetched: Hashable, Sendable {
        /// Where it lies on this machine now, absolute.
        public let place: FilePath
        public let kind: Kind
        /// Bytes of all its files.
        public let bytes: Int
        public let files: Int
        /// Bytes of these that an earlier attempt had brought.
        public let resumedBytes: Int
        public let source: Source
        /// Whether the destination changed in one step; `false` where its file system cannot do that.
        public let isAtomic: Bool
        /// How many sockets, FIFOs and devices stayed behind.
        public let skippedCount: Int
        /// The first of them: what each is, by its path below the one that was got. None of them is here.
        public let skipped: [Path: String]
    }

    /// How far a get is.
    public struct Progress: Hashable, Sendable {
        /// Data bytes that are written here. The last progress has those of the whole copy.
        public let bytes: Int
        /// Data bytes that have arrived.
        public let bytesReceived: Int
        /// Files, directories and links that have arrived.
        public let entries: Int
        /// What holds it up.
        public let waitingFor: Hop
        /// What a person should know now, such as why the transfer was interrupted; else empty.
        public let note: String
        /// What was got: set in the last progress, and only there.
        public let fetched: Fetched?
    }

    /// The way of the bytes of a get, in its order.
    public enum Hop: String, Hashable, Sendable, Codable, CaseIterable {
        /// The transfer moves.
        case nothing
        /// The path or the work that owns it, which is not there (yet, or any more).
        case origin
        case originDisk
        case originNetwork
        case relay
        case receiverNetwork
        case receiverDisk
    }
}

extension Path.Fetched {
    init(_ fetched: Fetched, of path: Path) {
        place = FilePath(bytes: fetched.destination.bytes)
        kind = Path.Kind(fetched.kind)
        bytes = Int(clamping: fetched.bytes)
        files = Int(clamping: fetched.files)
        resumedBytes = Int(clamping: fetched.resumed)
        source = Path.Source(fetched.source)
        isAtomic = fetched.isAtomic
        skippedCount = Int(clamping: fetched.skipped)
        skipped = fetched.listed.reduce(into: [:]) { skipped, entry in
            let whole = try? path.appending(bytes: entry.path.bytes)
            skipped[whole ?? path] = entry.reason.name
        }
    }
}

extension Path.Progress {
    init(_ progress: Progress) {
        bytes = Int(clamping: progress.bytesOut)
        bytesReceived = Int(clamping: progress.bytesIn)
        entries = Int(clamping: progress.entries)
        waitingFor = Path.Hop(progress.waiting)
        note = progress.note
        fetched = nil
    }

    /// The end.
    init(_ fetched: Path.Fetched, after last: Path.Progress?) {
        bytes = fetched.bytes
        bytesReceived = max(last?.bytesReceived ?? 0, fetched.bytes - fetched.resumedBytes)
        entries = max(last?.entries ?? 0, fetched.files)
        waitingFor = .nothing
        note = ""
        self.fetched = fetched
    }
}

extension Path.Hop {
    init(_ waiting: Progress.Waiting) {
        self =
            switch waiting {
            case .nothing: .nothing
            case .origin: .origin
            case .originDisk: .originDisk
            case .originNetwork: .originNetwork
            case .relay: .relay
            case .receiverNetwork: .receiverNetwork
            case .receiverDisk: .receiverDisk
            }
    }
}
