public import BatonProtocol
import NIOCore
public import SystemPackage

/// Receives one tree, in one stream or in several that go on with one another: judges every message, builds the tree in a
/// stage beside the destination, and publishes it whole. Blocking; for one owner. Whoever drops it without ``keepPartial(partialBytes:)``
/// leaves nothing behind.
public final class TreeWriter {
    /// What is wanted besides the place.
    public struct Order: Sendable {
        /// What the tree is a copy of: a later order for the same copy of it goes on with partial data.
        public var source: Reference
        /// Take extended attributes and access control lists, and remove others.
        public var attributes: Bool
        /// Fail, rather than publish, if anything was left out.
        public var strict: Bool
        /// Have everything on the disk before it is published.
        public var durable: Bool
        /// Where files are that the sender may announce as KEPT; `nil`: it may not.
        var base: BaseTree?
        /// Tell the entries' versions in the end.
        var notesVersions = false
        /// Asked before data is written, with how much there is then, also of earlier streams; what it throws ends the tree.
        var admits: (@Sendable (_ bytes: UInt64) throws(BatonError) -> Void)?

        public init(source: Reference, attributes: Bool = false, strict: Bool = false, durable: Bool = false) {
            self.source = source
            self.attributes = attributes
            self.strict = strict
            self.durable = durable
        }

        /// Names the order in journals.
        func key(_ destination: FilePath) -> [UInt8] {
            Array("\(source)".utf8) + [0, attributes ? 1 : 0] + destination.bytes
        }
    }

    private enum State {
        case receiving
        /// A message was refused or could not be written: this writer cannot make the tree whole.
        case failed
        /// Published, given up, or left to another.
        case over
    }

    private var destination: Destination
    private let overwrite: Bool
    private let folder: WorkFolder
    private let order: Order
    private let limits: TreeLimits
    private let calls: FileSystemCalls

    private var tree: IncomingTree?
    private var state = State.receiving
    /// Nothing of the stream has come yet.
    private var isStreamFresh = true
    /// Who sends the stream that came last.
    public private(set) var source = AnswerSource.live

    /// Judges the destination before anything is moved, and makes the directories above it that are missing. Takes up the
    /// partial data of an earlier order with the same source, destination and attributes, if there is any.
    ///
    /// - Parameters:
    ///   - destination: absolute; names the copy itself. A link there is replaced, not followed.
    ///   - overwrite: replace what is there.
    /// - Throws: ``BatonError`` `alreadyExists` (without `overwrite`), `cannotCreate`, `permission`, `noSpace`, `usage`
    public convenience init(
        destination: FilePath, overwrite: Bool, folder: WorkFolder, order: Order, limits: TreeLimits = TreeLimits()
    ) throws(BatonError) {
        try self.init(
            destination: destination, overwrite: overwrite, folder: folder, order: order, limits: limits,
            calls: FileSystemCalls())
    }

    init(
        destination: FilePath, overwrite: Bool, folder: WorkFolder, order: Order, limits: TreeLimits,
        calls: FileSystemCalls
    ) throws(BatonError) {
        self.destination = try Destination(destination, overwrite: overwrite, folder: folder)
        self.overwrite = overwrite
        self.folder = folder
        self.order = order
        self.limits = limits
        self.calls = calls
        tree = adopted()
    }

    deinit { discard() }

    /// Messages taken so far, also those of earlier streams, and the data bytes in them.
    public var progress: TreeEnd { tree?.order.total ?? TreeEnd(entries: 0, bytes: 0, skipped: 0) }

    /// Where the next stream can go on; `nil`: from the start.
    public var resumePoint: ResumePoint? { state == .receiving ? tree?.resumePoint : nil }

    /// The answer to another GET comes. It goes on at ``resumePoint``, or begins anew with the top.
    public func beginStream() {
        tree?.beginStream()
        isStreamFresh = true
        source = .live
    }

    /// Takes the next frame of the tree: ENTRY, CHUNK, SKIPPED, KEEP, AGAIN or END; before the first of a stream SOURCE.
    ///
    /// - Throws: ``BatonError`` `corrupt` for what the protocol does not allow, `tooLarge` for what is over the limits,
    ///   `noSpace`, `permission` or `cannotCreate` for what the disk refuses. After that only ``discard()`` and
    ///   ``keepPartial(partialBytes:)`` are of use. An ERROR in the frame is thrown as it is, and harms nothing.
    public func receive(_ frame: Frame) throws(BatonError) {
        let message: Message
        do { message = try Message(frame) } catch {
            state = state == .over ? .over : .failed
            throw BatonError(.corrupt, "the origin sent something that cannot be: \(error.message)")
        }
        if case .reply(.error(let error)) = message { throw error }
        try receive(message, in: frame)
    }

    func receive(_ message: Message, in frame: Frame) throws(BatonError) {
        guard state == .receiving else { throw TreeWriter.misuse("a message came for a tree that is over") }
        state = .failed
        do throws(FileFault) {
            try take(message, frame)
        } catch {
            throw .writing(destination.path, error)
        }
        state = .receiving
    }

    private static func misuse(_ what: String) -> BatonError {
        BatonError(.internal, "\(what): this is a mistake in Baton")
    }
}

// MARK: Taking

extension TreeWriter {
    private func take(_ message: Message, _ frame: Frame) throws(FileFault) {
        if isStreamFresh {
            if case .source(let generation) = message, source == .live {
                return source = .stored(generation: generation)
            }
            isStreamFresh = false
            // The first message of a stream tells whether it goes on with what is there.
            if case .entry(let top) = message, top.path.isRoot { return try begin(message, frame) }
            if tree != nil {
                guard tree?.resumePoint != nil else {
                    throw .stopped(.corrupt(.root, "goes on where nothing can be gone on with"))
                }
                tree?.resume()
            }
        }
        if tree == nil {
            var order = newOrder
            do { try order.admit(message) } catch { throw .stopped(error) }
            throw .stopped(.corrupt(.root, "does not begin with its top"))
        }
        try admit(message)
        try tree?.take(message, frame)
    }

    private func admit(_ message: Message) throws(FileFault) {
        guard let admits = order.admits, case .chunk(let chunk) = message else { return }
        let bytes = progress.bytes.addingReportingOverflow(UInt64(chunk.data.readableBytes)).partialValue
        do { try admits(bytes) } catch { throw .stopped(error) }
    }

    /// The top of the tree is the stage itself.
    private func begin(_ message: Message, _ frame: Frame) throws(FileFault) {
        tree?.abandonJournal()
        if let stage = tree?.stage {
            tree = nil
            try stage.remove()
        }
        for _ in 0..<8 {
            let stage = try faulting { () throws(Errno) in try Stage(beside: destination, folder: folder) }
            tree = newTree(in: stage)
            do throws(FileFault) {
                return try tree?.take(message, frame) ?? ()
            } catch  where error.isMissingFile {
                // A get that failed took away the directory that it had made and that this one wanted to use, too.
                tree = nil
                stage.forget()
                try faulting { () throws(Errno) in try destination.reopen() }
            }
        }
        throw .system(.noSuchFileOrDirectory)
    }

    private var newOrder: TreeOrder {
        TreeOrder(limits: limits, takesAttributes: order.attributes, takesKept: order.base != nil)
    }

    private func newTree(in stage: Stage) -> IncomingTree {
        let builder = StageBuilder(in: stage, base: order.base, calls: calls, setsAttributes: order.attributes)
        let journal = Journal(of: stage.name, folder: folder)
        let versions = order.notesVersions ? VersionTable() : nil
        return IncomingTree(newOrder, builder, journal, key: order.key(destination.path), versions: versions)
    }

    /// The tree of an identical order that did not end, brought to what its journal says. What does not hold goes.
    private func adopted() -> IncomingTree? {
        let key = order.key(destination.path)
        for partial in folder.partialStages() where partial.header.order == key {
            guard let stage = Stage(partial, beside: destination, folder: folder) else { continue }
            var tree = newTree(in: stage)
            do throws(FileFault) {
                var reader = JournalReader(
                    try faulting { () throws(Errno) in try folder.stages.file(Journal.name(of: partial.stage.token)) })
                // The header has been read already: it is what names the order.
                _ = try faulting { () throws(Errno) in try reader.next() }
                try tree.recall(&reader, noted: partial.changed)
                return tree
            } catch {
                // What cannot be removed now stays recorded for the next sweep.
                try? stage.remove()
            }
        }
        return nil
    }
}

// MARK: Ending

extension TreeWriter {
    /// A tree that has come whole, in its stage.
    struct WholeTree {
        let directory: Descriptor
        let name: FileName
        let files: UInt64
        let bytes: UInt64
        let versions: VersionTable
    }

    /// What ``publish()`` would put in place; `nil` as long as it is not whole, or if versions were not to be noted.
    var wholeTree: WholeTree? {
        guard state == .receiving, let tree, tree.order.isComplete, let versions = tree.versions else { return nil }
        return WholeTree(
            directory: tree.stage.directory, name: tree.stage.name.fileName, files: tree.builder.files,
            bytes: tree.builder.bytes, versions: versions)
    }

    /// Puts the whole tree in place, in one step where the file system can, and removes what it replaced.
    ///
    /// - Throws: ``BatonError`` `unsupported` for an order that is `strict` if anything was left out; `alreadyExists`,
    ///   `cannotCreate`, `permission`, `noSpace`. What was at the destination is untouched then.
    public func publish() throws(BatonError) -> Publication {
        guard let tree, tree.order.isComplete, state == .receiving else {
            throw TreeWriter.misuse("a tree was to be published before it had come whole")
        }
        if order.strict, let first = tree.skipped.entries.first { throw refusal(first, of: tree.skipped.count) }
        let stage = tree.stage
        if order.durable {
            do { try stage.synchronize(entries: progress.entries, calls) } catch {
                throw .writing(destination.path, error)
            }
        }
        let publisher = Publisher(destination: destination, stage: stage, folder: folder, calls: calls)
        let replacement = try publisher.publish(overwrite: overwrite)
        state = .over
        self.tree = nil
        let isOnDisk = !order.durable || destination.synchronize(calls)
        let leftover = publisher.removeOld(replacement)
        guard isOnDisk else {
            throw BatonError(
                .internal,
                "'\(Escaping.printable(destination.path.bytes))' is in place, but its directory cannot be "
                    + "written to the disk now", path: destination.path.asPathName)
        }
        var isAtomic = true
        if case .swapped = replacement { isAtomic = false }
        return Publication(
            kind: tree.builder.kind, bytes: tree.builder.bytes, files: tree.builder.files,
            skippedCount: tree.skipped.count, skipped: tree.skipped.entries, resumedBytes: tree.resumedBytes,
            isAtomic: isAtomic, leftover: leftover, versions: tree.versions)
    }

    private func refusal(_ first: SkippedEntry, of count: UInt64) -> BatonError {
        let others = count > 1 ? ", and \(count - 1) more" : ""
        return BatonError(
            .unsupported,
            "'\(first.path)' cannot be copied as it is (\(first.reason.name))\(others): nothing was put in place, as "
                + "asked; without --strict it is left out", path: first.path)
    }

    /// Gives up: removes the stage, its record and the directories that were made for the destination.
    public func discard() {
        guard state != .over else { return }
        state = .over
        let stage = tree?.stage
        // Descriptors first: some file systems keep what is open.
        tree = nil
        // What cannot be removed now stays recorded for the next sweep.
        try? stage?.remove()
        destination.removeMade()
    }

    /// Leaves what has come to a later order, also after a failure; if that could not go on with it, gives up.
    ///
    /// - Parameter partialBytes: how much partial data is kept in the folder in all, the newest first.
    public func keepPartial(partialBytes: UInt64 = WorkFolder.defaultPartialBytes) {
        guard state != .over else { return }
        guard tree?.leave() ?? false else { return discard() }
        state = .over
        let stage = tree?.stage
        tree = nil
        stage?.release()
        folder.trimPartialStages(to: partialBytes)
        // Empty only if the stage was one too many.
        destination.removeMade()
    }
}
