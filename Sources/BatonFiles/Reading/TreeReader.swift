public import BatonProtocol
import NIOCore
import SystemPackage

/// Reads what a reference leads to as lane frames (chapter 7), a burst at a time: nothing is read before it is asked for. Blocking, but
/// never for long, and never asleep; for one owner.
///
/// A tree is walked until it stays the same. The first walk sends everything. Each further walk only looks: what still has the version that
/// was sent is passed in silence, what differs is sent in a new pass. A walk without a difference proves that at its beginning the whole
/// tree was what the receiver has: END.
public final class TreeReader {
    public enum Step: Sendable {
        case burst(LaneBurst)
        /// There is nothing to send yet: ask again after so many milliseconds (0: at once, unless nobody wants it any more).
        case pause(milliseconds: Int)
    }

    enum Activity {
        /// A walk (of a single file: its reading) is about to begin.
        case beginning
        case walking
        /// A directory was found, and waits to be settled and listed.
        case entering(Descriptor, Settling)
        /// A file was found, and waits to be settled and announced.
        case opening(Descriptor, Settling)
        case reading(FileReading, hasSkippedAttributes: Bool)
        case done
    }

    /// What is read besides the tree itself.
    let order: Order
    let recorded: (any RecordedVersions)?
    let hidden: Hidden
    let clock: ReaderClock
    var top: TopOfTree
    var output: TreeOutput

    var activity = Activity.beginning
    var walk: TreeWalk?
    var walks = 0
    var sent: SentVersions
    var hardLinks = HardLinks()
    /// Of the directories on the way down: whether it was sent in this walk, so that all its children must be named.
    var announced: [Bool] = []
    /// Fingerprints of what the asker has of an earlier tree.
    let base: Set<UInt64>
    private var restarts = 0
    /// What differed first in this walk.
    var difference: [UInt8]?
    /// How many directories have been opened so far.
    var directoriesOpened = 0

    /// Steps without a frame after which the caller is asked whether anybody still wants it.
    private static let quietSteps = 512

    /// What a GET asks for besides a path.
    public struct Order: Sendable {
        /// With extended attributes and access control lists.
        public var attributes: Bool
        /// What the asker has of this tree already; it is sent again if it is of another version.
        public var resume: ResumePoint?
        /// What the asker has of an earlier tree: files that are the same still are sent as KEPT, without their data.
        public var base: KeptVersions?
        /// Of a tree that is kept, not live: the versions that its entries had at their origin, by path.
        var recorded: (@Sendable () throws(BatonError) -> sending any RecordedVersions)?

        public init(attributes: Bool = false, resume: ResumePoint? = nil, base: KeptVersions? = nil) {
            self.attributes = attributes
            self.resume = resume
            self.base = base
        }
    }

    init(
        stream: StreamID, order: Order, hidden: Hidden, clock: ReaderClock,
        resolve: @escaping @Sendable () throws(BatonError) -> Place
    ) throws(BatonError) {
        self.order = order
        recorded = try order.recorded?()
        self.hidden = hidden
        self.clock = clock
        base = Set(order.base?.fingerprints ?? [])
        sent = order.base.map { SentVersions(seed: $0.seed) } ?? SentVersions()
        output = TreeOutput(stream: stream, resume: order.resume)
        top = try TopOfTree(resolve, wall: clock.wall())
        let kind = top.place.status.entryKind
        guard kind == .file || kind == .directory else { throw top.place.unsupported("copies") }
    }

    /// What to do next; `nil` after the burst that holds END.
    ///
    /// - Throws: ``BatonError`` `permission` for what cannot be read, `changed` for what did not stay the same however often it was
    ///   begun again, `tooLarge` for a path that is too long for the wire; each names the entry. After that the reader is of no use.
    public func next() throws(BatonError) -> Step? {
        if case .done = activity { return nil }
        output.beginBurst()
        var pause: Int?
        do throws(FileFault) {
            var quiet = 0
            while !output.isFull, pause == nil {
                let filled = output.filled
                pause = try advance()
                quiet = output.filled == filled ? quiet + 1 : 0
                if quiet == TreeReader.quietSteps { pause = pause ?? 0 }
            }
        } catch {
            activity = .done
            throw .reading(top.place.path(of: difference ?? walk?.path ?? []), error)
        }
        return output.endBurst().map { .burst($0) } ?? .pause(milliseconds: pause ?? 0)
    }

    /// - Returns: the milliseconds after which it is worth to go on; `nil` for at once.
    private func advance() throws(FileFault) -> Int? {
        do throws(FileFault) {
            switch activity {
            case .beginning: return try begin()
            case .walking: try walkOn()
            case .entering(let directory, let settling): return try enter(directory, settling)
            case .opening(let file, let settling): return try announce(file, settling)
            case .reading(let file, let hasSkippedAttributes): try read(file, hasSkippedAttributes)
            case .done: break
            }
        } catch .changed {
            try startOver()
        }
        return nil
    }

    /// What the asker has once END has come.
    public var kept: KeptVersions { sent.kept }

    // MARK: Walks

    private func begin() throws(FileFault) -> Int? {
        walk = nil
        difference = nil
        if walks > 0 {
            switch try top.lookAgain(wall: clock.wall()) {
            case .held: break
            case .replaced: try countRestart()
            case .gone:
                try countRestart()
                return Limits.settleMilliseconds
            }
            output.beginPass()
        }
        hardLinks = recorded?.hasHardLinks ?? true ? HardLinks() : HardLinks(capacity: 0)
        announced = []
        sent.beginWalk()
        let opened = try top.open()
        if top.place.status.kind == .directory {
            walk = TreeWalk(hidden: hidden)
            activity = .entering(opened, Settling())
        } else {
            activity = .opening(opened, Settling())
        }
        return nil
    }

    private func walkOn() throws(FileFault) {
        // The first walk opens every file: its descriptor tells what it is.
        switch try walk?.next(looksAtFiles: walks > 0 || output.isComparing) {
        case .directory:
            guard let child = try walk?.openDirectory() else { return }
            activity = .entering(child, Settling())
        case .left: announced.removeLast()
        case .file(let status): try found(file: status)
        case .listedFile: try open()
        case .link(let status): try found(link: status)
        case .skipped(let reason, let status): try found(status, skippedFor: reason)
        case .vanished: break
        case nil: try endWalk()
        }
    }

    private func endWalk() throws(FileFault) {
        if top.place.status.kind == .directory { try recorded?.endWalk() }
        if output.isComparing { return beginAnew() }
        if top.place.status.kind != .directory || sent.endWalk() {
            output.sendEnd()
            activity = .done
        } else {
            if walks > 0 { try countRestart() }
            walks += 1
            activity = .beginning
        }
    }

    /// The walk has lost its way, or the file that is read has changed.
    private func startOver() throws(FileFault) {
        if output.isComparing { return beginAnew() }
        try countRestart()
        switch activity {
        case .opening(let file, _): activity = .opening(file, Settling())
        case .reading(let reading, _): activity = .opening(reading.file, Settling())
        default:
            sent.breakOff()
            walks += 1
            activity = .beginning
        }
    }

    /// What the asker has is of another version: it gets everything.
    func beginAnew() {
        output.stopComparing()
        sent.forget()
        walks = 0
        activity = .beginning
    }

    func countRestart() throws(FileFault) {
        restarts += 1
        if restarts > Limits.restarts { throw gaveUp }
    }

    var gaveUp: FileFault {
        .stopped(.reading(top.place.path(of: difference ?? walk?.path ?? []), .changed))
    }
}

extension SharedFiles {
    /// Begins to read what `path` leads to, for the stream of a GET.
    ///
    /// - Throws: ``BatonError`` `notShared`, `notFound`, `permission`; `unsupported` for a socket, a FIFO or a device.
    public func open(
        _ path: PathName, stream: StreamID, order: TreeReader.Order = TreeReader.Order()
    ) throws(BatonError) -> sending TreeReader {
        try open(path, stream: stream, order: order, clock: ReaderClock())
    }

    func open(
        _ path: PathName, stream: StreamID, order: TreeReader.Order, clock: ReaderClock
    ) throws(BatonError) -> sending TreeReader {
        try TreeReader(stream: stream, order: order, hidden: hidden, clock: clock) { () throws(BatonError) in
            try self.resolve(path)
        }
    }
}
