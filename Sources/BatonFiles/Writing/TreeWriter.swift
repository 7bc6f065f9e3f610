public import BatonProtocol
import NIOCore
public import SystemPackage

/// Receives one tree: judges every message, builds the tree in a stage beside the destination, and publishes it whole.
/// Blocking; for one owner. Whoever drops it unpublished leaves nothing behind.
public final class TreeWriter {
    private enum State {
        case receiving
        /// A message was refused or could not be written: the tree can no longer become whole.
        case failed
        /// Published, or given up.
        case over
    }

    private var destination: Destination
    private let overwrite: Bool
    private let folder: WorkFolder
    private let calls: FileSystemCalls

    private var order: TreeOrder
    private var stage: Stage?
    private var state = State.receiving
    private var kind = EntryKind.other
    /// Directories get their modes and times when they are left: their content must come first.
    private var directories = DirectoryStack<TreeEntry>()
    private var file: (descriptor: Descriptor, entry: TreeEntry, end: UInt64)?
    private var bytes: UInt64 = 0
    private var files: UInt64 = 0
    private var skipped: [SkippedEntry] = []

    /// Judges the destination before anything is moved, and makes the directories above it that are missing.
    ///
    /// - Parameters:
    ///   - destination: absolute; names the copy itself. A link there is replaced, not followed.
    ///   - overwrite: replace what is there.
    /// - Throws: ``BatonError`` `alreadyExists` (without `overwrite`), `cannotCreate`, `permission`, `noSpace`, `usage`
    public convenience init(
        destination: FilePath, overwrite: Bool, folder: WorkFolder, limits: TreeLimits = TreeLimits()
    ) throws(BatonError) {
        try self.init(
            destination: destination, overwrite: overwrite, folder: folder, limits: limits, calls: FileSystemCalls())
    }

    init(
        destination: FilePath, overwrite: Bool, folder: WorkFolder, limits: TreeLimits, calls: FileSystemCalls
    ) throws(BatonError) {
        self.destination = try Destination(destination, overwrite: overwrite, folder: folder)
        self.overwrite = overwrite
        self.folder = folder
        self.calls = calls
        order = TreeOrder(limits: limits)
    }

    deinit { discard() }

    /// Messages taken so far, and the data bytes in them.
    public var progress: TreeEnd { order.counts }

    /// Takes the next message of the tree: ENTRY, CHUNK, SKIPPED or END.
    ///
    /// - Throws: ``BatonError`` `corrupt` for what the protocol does not allow, `tooLarge` for what is over the limits,
    ///   `noSpace`, `permission` or `cannotCreate` for what the disk refuses. After that only ``discard()`` is of use.
    public func receive(_ message: Message) throws(BatonError) {
        guard state == .receiving else { throw TreeWriter.misuse("a message came for a tree that is over") }
        state = .failed
        try take(message)
        state = .receiving
    }

    private func take(_ message: Message) throws(BatonError) {
        switch message {
        case .entry(let entry):
            let left = try order.admit(entry)
            try writing { () throws(FileFault) in
                try leave(left)
                try entry.path.isRoot ? createTop(entry) : create(entry)
            }
        case .chunk(let chunk):
            try order.admit(chunk)
            try writing { () throws(FileFault) in try write(chunk) }
        case .skipped(let entry):
            let left = try order.admit(entry)
            try writing { () throws(FileFault) in try leave(left) }
            if skipped.count < Publication.listed { skipped.append(entry) }
        case .end(let end):
            try order.admit(end)
            try writing { () throws(FileFault) in try leave(directories.count) }
            Moment.endReceived()
        default:
            throw .corrupt(.root, "came with a message that does not belong to trees")
        }
    }

    /// Puts the whole tree in place, in one step where the file system can, and removes what it replaced.
    ///
    /// - Throws: ``BatonError`` `alreadyExists`, `cannotCreate`, `permission`, `noSpace`; what was at the destination is
    ///   untouched then.
    public func publish() throws(BatonError) -> Publication {
        guard order.isComplete, let stage, state == .receiving else {
            throw TreeWriter.misuse("a tree was to be published before it had come whole")
        }
        let publisher = Publisher(destination: destination, stage: stage, folder: folder, calls: calls)
        let replacement = try publisher.publish(overwrite: overwrite)
        state = .over
        let leftover = publisher.removeOld(replacement)
        var isAtomic = true
        if case .swapped = replacement { isAtomic = false }
        return Publication(
            kind: kind, bytes: bytes, files: files, skippedCount: order.counts.skipped, skipped: skipped,
            isAtomic: isAtomic, leftover: leftover)
    }

    /// Gives up: removes the stage, its record and the directories that were made for the destination.
    public func discard() {
        guard state != .over else { return }
        state = .over
        file = nil
        directories = DirectoryStack()
        // What cannot be removed now stays recorded for the next sweep.
        try? stage?.remove()
        destination.removeMade()
    }

    private static func misuse(_ what: String) -> BatonError {
        BatonError(.internal, "\(what): this is a mistake in Baton")
    }

    private func writing(_ body: () throws(FileFault) -> Void) throws(BatonError) {
        do throws(FileFault) {
            try body()
        } catch {
            throw .writing(destination.path, error)
        }
    }
}

// MARK: Building

extension TreeWriter {
    private func create(_ entry: TreeEntry) throws(FileFault) {
        try faulting { () throws(Errno) in
            guard let directory = directories.current else { throw .notDirectory }
            try create(entry, FileName(entry.path.name), in: directory)
            Moment.entryMade()
        }
    }

    /// The top of the tree is the stage itself.
    private func createTop(_ entry: TreeEntry) throws(FileFault) {
        kind = entry.kind
        try faulting { () throws(Errno) in
            for _ in 0..<8 {
                let stage = try Stage(beside: destination, folder: folder)
                self.stage = stage
                do throws(Errno) {
                    try create(entry, stage.name.fileName, in: stage.directory)
                    Moment.stageMade()
                    return
                } catch .noSuchFileOrDirectory {
                    // A get that failed took away the directory that it had made and that this one wanted to use, too.
                    stage.forget()
                    try destination.reopen()
                }
            }
            throw .noSuchFileOrDirectory
        }
    }

    private func create(_ entry: TreeEntry, _ name: FileName, in parent: Descriptor) throws(Errno) {
        switch entry.kind {
        case .file:
            file = (try parent.createFile(name), entry, 0)
            files += 1
            bytes = bytes.addingReportingOverflow(entry.size).partialValue
            if entry.isLast { try finishFile() }
        case .directory:
            let directory = try parent.createDirectory(name)
            directories.push(directory, identity: try directory.status().identity, entry)
        case .symbolicLink:
            try parent.createLink(name, to: FileName(entry.target))
            try parent.setModified(entry.modified, ofLink: name)
        case .other, .hardLink: throw .invalidArgument
        }
    }

    private func write(_ chunk: Chunk) throws(FileFault) {
        guard let file else { return }
        try faulting { () throws(Errno) in
            var result: Result<Void, Errno> = .success(())
            chunk.data.withUnsafeReadableBytes { memory in
                do throws(Errno) {
                    try calls.write(file.descriptor, memory, chunk.offset)
                } catch {
                    result = .failure(error)
                }
            }
            try result.get()
            Moment.chunkWritten()
            self.file?.end = chunk.offset + UInt64(chunk.data.readableBytes)
            if chunk.isLast { try finishFile() }
        }
    }

    private func finishFile() throws(Errno) {
        guard let (descriptor, entry, end) = file else { return }
        file = nil
        if end < entry.size { try descriptor.setSize(entry.size) }
        try descriptor.setMode(entry.mode)
        try descriptor.setModified(entry.modified)
        try descriptor.close()
    }

    private func leave(_ count: Int) throws(FileFault) {
        for _ in 0..<count {
            guard let (directory, entry) = try directories.pop() else { return }
            try faulting { () throws(Errno) in
                try directory.setMode(entry.mode)
                try directory.setModified(entry.modified)
            }
        }
    }
}
