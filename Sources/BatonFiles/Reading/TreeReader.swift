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

    private enum Activity {
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

    private let wantsAttributes: Bool
    private let hidden: Hidden
    private let clock: ReaderClock
    private var top: TopOfTree
    private var output: TreeOutput

    private var activity = Activity.beginning
    private var walk: TreeWalk?
    private var walks = 0
    private var sent = SentVersions()
    private var hardLinks = HardLinks()
    /// Of the directories on the way down: whether it was sent in this walk, so that all its children must be named.
    private var announced: [Bool] = []
    private var restarts = 0
    /// What differed first in this walk.
    private var difference: [UInt8]?
    /// How many directories have been opened so far.
    private(set) var directoriesOpened = 0

    /// Steps without a frame after which the caller is asked whether anybody still wants it.
    private static let quietSteps = 512

    init(
        stream: StreamID, attributes: Bool, resume: ResumePoint?, hidden: Hidden, clock: ReaderClock,
        resolve: @escaping @Sendable () throws(BatonError) -> Place
    ) throws(BatonError) {
        wantsAttributes = attributes
        self.hidden = hidden
        self.clock = clock
        output = TreeOutput(stream: stream, resume: resume)
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
        hardLinks = HardLinks()
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
    private func beginAnew() {
        output.stopComparing()
        sent = SentVersions()
        walks = 0
        activity = .beginning
    }

    private func countRestart() throws(FileFault) {
        restarts += 1
        if restarts > Limits.restarts { throw gaveUp }
    }

    private var gaveUp: FileFault {
        .stopped(.reading(top.place.path(of: difference ?? walk?.path ?? []), .changed))
    }

    // MARK: Entries

    /// Passes an entry of the walk: keeps it if the receiver has it, sends `message` otherwise.
    ///
    /// - Returns: whether it was sent and the walk goes on.
    private func pass(
        _ status: FileStatus, target: [UInt8] = [], version: UInt64? = nil,
        _ message: () throws(FileFault) -> Message?
    ) throws(FileFault) -> Bool {
        let print = SentVersions.fingerprint(currentPath, version: version ?? status.version, target: target)
        if sent.holds(print) {
            if announced.last == true { output.keep(try path) }
        } else {
            guard let message = try message() else { return false }
            guard try send(message) else { return false }
        }
        sent.pass(print)
        top.note(status, path: currentPath)
        return true
    }

    /// - Returns: whether the walk goes on; not if the asker turns out to have something else.
    private func send(_ message: Message) throws(FileFault) -> Bool {
        if walks > 0 { difference = difference ?? currentPath }
        guard output.send(message) else { return true }
        beginAnew()
        return false
    }

    private func found(link status: FileStatus) throws(FileFault) {
        _ = try pass(status) { () throws(FileFault) in
            guard let target = try walk?.linkTarget() else { return nil }
            var entry = try entry(.symbolicLink, status)
            entry.target = target
            return .entry(entry)
        }
    }

    private func found(_ status: FileStatus, skippedFor reason: SkipReason) throws(FileFault) {
        let print = SentVersions.fingerprint(currentPath, version: status.version)
        // The receiver has nothing of it that could be kept: it is named each time.
        if !sent.holds(print) || announced.last == true {
            guard try send(.skipped(SkippedEntry(reason: reason, path: try path))) else { return }
        }
        sent.pass(print)
        top.note(status, path: currentPath)
    }

    private func found(file status: FileStatus) throws(FileFault) {
        if try passAsHardLink(status) { return }
        let isWhole = output.isComparing && output.resumeOffset == nil && !wantsAttributes
        guard isWhole || sent.holds(SentVersions.fingerprint(currentPath, version: status.version)) else {
            return try open()
        }
        let goesOn = try pass(status) { () throws(FileFault) in
            var entry = try entry(.file, status)
            entry.size = status.size
            return .entry(entry)
        }
        if goesOn { hardLinks.remember(status, path: currentPath) }
    }

    /// - Returns: `false` if this is the first name of the file.
    private func passAsHardLink(_ status: FileStatus) throws(FileFault) -> Bool {
        guard let first = hardLinks.first(of: status) else { return false }
        activity = .walking
        _ = try pass(status, target: first.path, version: first.version) { () throws(FileFault) in
            var entry = try entry(.hardLink, status)
            entry.version = first.version
            entry.target = first.path
            return .entry(entry)
        }
        return true
    }

    private func open() throws(FileFault) {
        guard let file = try walk?.openFile() else { return }
        activity = .opening(file, Settling())
    }

    private func entry(_ kind: EntryKind, _ status: FileStatus) throws(FileFault) -> TreeEntry {
        TreeEntry(
            kind: kind, mode: status.mode, modified: status.modified, version: status.version, path: try path)
    }

    private var currentPath: [UInt8] { walk?.path ?? [] }

    private var path: PathName {
        get throws(FileFault) {
            do { return try PathName(currentPath) } catch { throw .tooLong }
        }
    }

    // MARK: Directories

    private func enter(_ directory: Descriptor, _ settling: Settling) throws(FileFault) -> Int? {
        var status = try faulting { () throws(Errno) in try directory.status() }
        if currentPath.isEmpty, !wantsAttributes { status = top.withoutRenaming(status) }
        let print = SentVersions.fingerprint(currentPath, version: status.version)
        let isKnown = sent.holds(print)
        if !isKnown, let wait = try wait(for: status, settling, { .entering(directory, $0) }) { return wait }

        directoriesOpened += 1
        let names = try present { () throws(Errno) in try DirectoryNames(of: directory) }
        guard let names else {
            if currentPath.isEmpty { throw .changed }
            activity = .walking
            return nil
        }
        let attributes = try wantsAttributes && !isKnown ? EntryAttributes(of: directory) : nil
        var after = try faulting { () throws(Errno) in try directory.status() }
        if currentPath.isEmpty, !wantsAttributes { after = top.withoutRenaming(after) }
        // Changed in between: it is looked at, and waited for, once more.
        guard after.isSameVersion(as: status) else { return nil }

        activity = .walking
        let goesOn = try pass(status) { () throws(FileFault) in
            var entry = try entry(.directory, status)
            entry.attributes = attributes?.attributes ?? []
            return .entry(entry)
        }
        guard goesOn else { return nil }
        if attributes?.isIncomplete == true, try !sendSkippedAttributes() { return nil }
        try walk?.enter(directory, names)
        announced.append(!isKnown)
        return nil
    }

    /// - Returns: the milliseconds until `status` may be settled; `nil` if it is.
    private func wait(
        for status: FileStatus, _ settling: Settling, _ activity: (Settling) -> Activity
    ) throws(FileFault) -> Int? {
        var settling = settling
        switch settling.look(at: status, wall: clock.wall(), steady: clock.steady()) {
        case .settled: return nil
        case .wait(let milliseconds):
            self.activity = activity(settling)
            return milliseconds
        case .never: throw gaveUp
        }
    }

    private func sendSkippedAttributes() throws(FileFault) -> Bool {
        try send(.skipped(SkippedEntry(reason: .attributes, path: try path)))
    }

    // MARK: Files

    private func announce(_ file: Descriptor, _ settling: Settling) throws(FileFault) -> Int? {
        let status = try faulting { () throws(Errno) in try file.status() }
        guard status.kind == .file else {
            // Something else has taken its name: the directory has changed since it was listed.
            activity = .walking
            return nil
        }
        if try passAsHardLink(status) { return nil }
        if let wait = try wait(for: status, settling, { .opening(file, $0) }) { return wait }

        let attributes = try wantsAttributes ? EntryAttributes(of: file) : nil
        let isWhole = output.isComparing && output.resumeOffset == nil
        let offset = output.resumeOffset
        var reading = try FileReading(file, status: status, from: offset ?? (isWhole ? status.size : 0))
        var entry = try entry(.file, status)
        entry.size = status.size
        entry.attributes = attributes?.attributes ?? []
        entry.isLast = reading.isDone
        guard try send(.entry(entry)) else { return nil }
        if offset != nil, reading.isDone {
            // It came to its end without its last piece: it is announced, and read, again.
            reading = try FileReading(file, status: status)
            entry.isLast = reading.isDone
            guard try send(.entry(entry)) else { return nil }
        }
        activity = .reading(reading, hasSkippedAttributes: attributes?.isIncomplete == true)
        return nil
    }

    private func read(_ reading: FileReading, _ hasSkippedAttributes: Bool) throws(FileFault) {
        guard reading.isDone else {
            var file = reading
            try output.sendChunk(of: &file)
            activity = .reading(file, hasSkippedAttributes: hasSkippedAttributes)
            return
        }
        sent.pass(SentVersions.fingerprint(currentPath, version: reading.status.version))
        hardLinks.remember(reading.status, path: currentPath)
        top.note(reading.status, path: currentPath)
        activity = .walking
        if hasSkippedAttributes { _ = try sendSkippedAttributes() }
    }
}

extension SharedFiles {
    /// Begins to read what `path` leads to, for the stream of a GET.
    ///
    /// - Parameters:
    ///   - attributes: with extended attributes and access control lists.
    ///   - resume: what the asker has already; it is sent again if it is of another version.
    /// - Throws: ``BatonError`` `notShared`, `notFound`, `permission`; `unsupported` for a socket, a FIFO or a device.
    public func open(
        _ path: PathName, stream: StreamID, attributes: Bool = false, resume: ResumePoint? = nil
    ) throws(BatonError) -> sending TreeReader {
        try open(path, stream: stream, attributes: attributes, resume: resume, clock: ReaderClock())
    }

    func open(
        _ path: PathName, stream: StreamID, attributes: Bool = false, resume: ResumePoint? = nil, clock: ReaderClock
    ) throws(BatonError) -> sending TreeReader {
        try TreeReader(stream: stream, attributes: attributes, resume: resume, hidden: hidden, clock: clock) {
            () throws(BatonError) in try self.resolve(path)
        }
    }
}
