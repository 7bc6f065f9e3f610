import BatonProtocol
import SystemPackage

/// What the requested path leads to, held; and whether the path still leads there.
///
/// A tree that was replaced as a whole goes on to be read under its old directory. It may then be removed file by file, which looks like
/// a tree that changes. What is delivered must be what the path led to: either it still does, or nothing in the tree is younger than
/// the moment in which it did.
struct TopOfTree {
    private let resolve: @Sendable () throws(BatonError) -> Place
    private(set) var place: Place
    /// It did not lead there when it was looked up last.
    private(set) var isMoved = false
    /// The path led to ``place`` after this time.
    private var foundAfter: Timestamp
    /// The youngest stamp in the tree.
    private var youngest: Timestamp?
    /// As it was sent.
    private var sent: FileStatus?

    init(_ resolve: @escaping @Sendable () throws(BatonError) -> Place, wall: Timestamp) throws(BatonError) {
        self.resolve = resolve
        foundAfter = wall
        place = try resolve()
    }

    /// Opens it for reading.
    func open() throws(FileFault) -> Descriptor {
        try faulting { () throws(Errno) in
            place.status.kind == .directory
                ? try place.descriptor.directory(.current) : try place.descriptor.reopenedFile()
        }
    }

    /// An entry with this status belongs to the tree; `path` is empty for the top itself.
    mutating func note(_ status: FileStatus, path: [UInt8]) {
        if path.isEmpty { sent = status }
        // The ctime of the top itself is changed by the renaming that replaces it.
        let stamp = path.isEmpty ? status.modified : status.changed
        if let youngest, stamp.milliseconds(until: youngest) >= 0 { return }
        youngest = stamp
    }

    /// The top's status as it was sent if `now` differs from it only in what renaming changes.
    func withoutRenaming(_ now: FileStatus) -> FileStatus {
        guard isMoved, let sent, now.identity == sent.identity, now.mode == sent.mode, now.size == sent.size,
            now.modified == sent.modified
        else { return now }
        return sent
    }

    enum Whereabouts {
        /// The held directory still counts.
        case held
        /// The path leads to another directory, which is held from now on.
        case replaced
        /// There is nothing at the path now.
        case gone
    }

    /// Looks the path up again.
    mutating func lookAgain(wall: Timestamp) throws(FileFault) -> Whereabouts {
        var found: Place?
        do throws(BatonError) {
            found = try resolve()
        } catch {
            guard error.code == .notFound || error.code == .changed else { throw .stopped(error) }
        }
        isMoved = found?.status.identity != place.status.identity
        if !isMoved || wasQuiet { return .held }
        guard let found else { return .gone }
        guard found.status.kind == .directory else { throw .stopped(.reading(place.path, .changed)) }
        place = found
        foundAfter = wall
        youngest = nil
        sent = nil
        isMoved = false
        return .replaced
    }

    private var wasQuiet: Bool {
        youngest.map { $0.milliseconds(until: foundAfter) >= Limits.settleMilliseconds } ?? false
    }
}
