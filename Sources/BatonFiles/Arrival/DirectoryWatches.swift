public import BatonProtocol
public import NIOCore
import Synchronization
import SystemPackage

/// Every directory that anybody in this agent waits in: one inotify descriptor for all of them.
///
/// Whoever owns an event loop takes ``descriptor()``, reads from it what comes, in pieces of at least ``pieceSize`` bytes, and
/// hands it to ``receive(_:)``.
public final class DirectoryWatches: Sendable {
    /// The kernel refuses to read a notice into less than its own size and the longest name.
    public static let pieceSize = 16_384

    /// What is to be told of a directory.
    struct Interest {
        var names: Set<FileName> = []
        /// Whatever is written or moved into it under any name.
        var everything = false

        mutating func formUnion(_ other: Interest) {
            names.formUnion(other.names)
            everything = everything || other.everything
        }

        func covers(_ name: FileName) -> Bool { everything || name.bytes.isEmpty || names.contains(name) }
    }

    private let inotify: Inotify
    /// Held while the kernel's watches change, so that they and `watchers` agree. An event loop never waits for it.
    private let changing = Mutex(())
    private let watchers = Mutex<[CInt: [ObjectIdentifier: (Mailbox, Interest)]]>([:])

    /// - Throws: ``BatonError`` `busy` if this user has as many inotify descriptors as the system grants.
    public init() throws(BatonError) {
        do { inotify = try Inotify() } catch { throw .watching(nil, error) }
    }

    /// A descriptor to read from, to be closed by the caller.
    public func descriptor() throws(BatonError) -> CInt {
        do { return try inotify.descriptor.duplicate().release() } catch { throw .watching(nil, error) }
    }

    /// Passes on what was read from the descriptor. Never blocks.
    public func receive(_ bytes: inout ByteBuffer) {
        for notice in Inotify.notices(in: &bytes) {
            let told = watchers.withLock { watchers -> [Mailbox] in
                if notice.isOverflow { return watchers.values.flatMap { $0.values.map(\.0) } }
                let concerned = watchers[notice.watch]?.values.filter { $0.1.covers(notice.name) }.map(\.0) ?? []
                if notice.isEnd { watchers[notice.watch] = nil }
                return concerned
            }
            for mailbox in told { mailbox.note(notice) }
        }
    }

    /// Directories that are watched now.
    public var count: Int { watchers.withLock { $0.count } }

    /// Tells `mailbox` what is of interest in the directory from now on, besides what was before.
    ///
    /// - Returns: the directory's number, and whether nothing of this was told before.
    func watch(
        _ directory: Descriptor, _ interest: Interest, for mailbox: Mailbox
    ) throws(Errno) -> (watch: CInt, isNew: Bool) {
        try changing.withLock { _ throws(Errno) in
            let watch = try inotify.watch(directory)
            let isNew = watchers.withLock { watchers in
                var (_, all) = watchers[watch]?[ObjectIdentifier(mailbox)] ?? (mailbox, Interest())
                let isNew = !interest.names.isSubset(of: all.names) || interest.everything && !all.everything
                all.formUnion(interest)
                watchers[watch, default: [:]][ObjectIdentifier(mailbox)] = (mailbox, all)
                return isNew
            }
            return (watch, isNew)
        }
    }

    /// Leaves of what `mailbox` is told only `interests`.
    func restrict(_ mailbox: Mailbox, to interests: [CInt: Interest]) {
        changing.withLock { _ in
            let unused = watchers.withLock { watchers -> [CInt] in
                let id = ObjectIdentifier(mailbox)
                for (watch, all) in watchers where all[id] != nil {
                    watchers[watch]?[id] = interests[watch].map { (mailbox, $0) }
                }
                let unused = watchers.filter { $0.value.isEmpty }.map(\.key)
                for watch in unused { watchers[watch] = nil }
                return unused
            }
            for watch in unused { inotify.forget(watch) }
        }
    }
}

/// What has happened in watched directories since somebody last looked.
struct Happenings {
    struct Happening: Hashable {
        let watch: CInt
        let name: FileName
        let kind: Inotify.Kind
    }

    private(set) var all: Set<Happening> = []
    /// There may have been others.
    private(set) var isIncomplete = false

    private static let most = 256

    mutating func add(_ notice: Inotify.Notice) {
        if notice.isOverflow || all.count >= Happenings.most {
            isIncomplete = true
        } else {
            all.insert(Happening(watch: notice.watch, name: notice.name, kind: notice.kind))
        }
    }

    func contain(_ kind: Inotify.Kind, _ name: FileName, in watch: CInt?) -> Bool {
        guard let watch else { return false }
        return all.contains(Happening(watch: watch, name: name, kind: kind))
    }
}

/// Collects for one who waits what happens while they do not look, and calls them.
final class Mailbox: Sendable {
    private let happenings = Mutex<Happenings?>(nil)
    private let onMail: @Sendable () -> Void

    init(onMail: @escaping @Sendable () -> Void) { self.onMail = onMail }

    fileprivate func note(_ notice: Inotify.Notice) {
        let isFirst = happenings.withLock { happenings in
            let isFirst = happenings == nil
            happenings = happenings ?? Happenings()
            happenings?.add(notice)
            return isFirst
        }
        if isFirst { onMail() }
    }

    func take() -> Happenings {
        happenings.withLock { happenings in
            defer { happenings = nil }
            return happenings ?? Happenings()
        }
    }
}

extension BatonError {
    static func watching(_ path: PathName?, _ reason: Errno) -> BatonError {
        let what = path.map { "'\($0)'" } ?? "a path"
        let (code, text): (ErrorCode, String) =
            switch reason {
            case .noSpace:
                (
                    .busy,
                    "this machine grants no more inotify watches: end other waits, or raise fs.inotify.max_user_watches"
                )
            case .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory:
                (
                    .busy,
                    "this machine grants no more inotify instances or open files (\(reason)): end other waits, or raise fs.inotify.max_user_instances"
                )
            case .permissionDenied, .notPermitted:
                (.permission, "a directory on the way to it, or in it, may not be read by the user its work runs as")
            default: (.internal, "\(reason)")
            }
        return BatonError(code, "\(what) cannot be waited for: \(text)", path: path)
    }
}
