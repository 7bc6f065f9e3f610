import BatonProtocol
import NIOCore
import SystemPackage

/// What has come of one tree: judged, built in its stage, and noted so that a later stream or process can go on with it.
struct IncomingTree {
    private(set) var order: TreeOrder
    private(set) var builder: StageBuilder
    private(set) var journal: Journal
    private(set) var skipped = SkippedList()
    private var digest = TreeDigest()
    /// Data bytes that earlier streams had brought when the last one went on.
    private(set) var resumedBytes: UInt64 = 0
    /// Names the order in the journal.
    private let key: [UInt8]
    private var attributesTold = 0
    /// What was named last, as far as it was recalled.
    private var lastPath: PathName?
    private(set) var versions: VersionTable?

    /// - Parameter order: has admitted nothing yet.
    init(_ order: TreeOrder, _ builder: StageBuilder, _ journal: Journal, key: [UInt8], versions: VersionTable?) {
        self.versions = versions
        self.key = key
        self.order = order
        self.builder = builder
        self.journal = journal
    }

    var stage: Stage { builder.stage }

    /// Where another stream could go on.
    var resumePoint: ResumePoint? {
        guard order.isResumable, !order.isComplete, order.total.entries > 0 else { return nil }
        let entries = order.total.entries.addingReportingOverflow(order.total.skipped).partialValue
        return ResumePoint(entries: entries, offset: order.openPosition, digest: digest.value)
    }

    mutating func beginStream() { order.beginStream() }

    /// The stream goes on with what is there.
    mutating func resume() { resumedBytes = order.total.bytes }

    /// Takes a message of the tree.
    ///
    /// - Parameter frame: in which it came.
    mutating func take(_ message: Message, _ frame: Frame) throws(FileFault) {
        try judge(message)
        // What follows contradicts the journal: if it were still there after a crash, it would be believed.
        if !order.isResumable { journal.abandon() }
        switch message {
        case .entry(let entry):
            if !order.isResumable { skipped.forget(entry) }
            versions?.note(entry)
            let replaced = try builder.put(entry)
            resumedBytes -= min(resumedBytes, replaced)
            if entry.path.isRoot {
                Moment.stageMade()
                try beginJournal()
            }
            note(frame)
        case .chunk(let chunk):
            try builder.write(chunk)
            journal.note(
                position: chunk.offset + UInt64(chunk.data.readableBytes), count: UInt64(chunk.data.readableBytes),
                isLast: chunk.isLast)
        case .skipped(let entry):
            try builder.skip(entry)
            if order.pass > 0, entry.reason != .attributes { skipped.forget(entry.path) }
            skipped.add(entry)
            note(frame)
        case .keep(let path): try builder.keep(path)
        case .again: try builder.amend()
        case .end:
            try builder.finish()
            if !order.isResumable {
                try skipped.forgetWhatHasGone { path throws(FileFault) in try builder.kind(of: path) }
            }
            Moment.endReceived()
        default: break
        }
        tellAttributes()
    }

    private mutating func judge(_ message: Message) throws(FileFault) {
        do throws(BatonError) {
            try order.admit(message)
        } catch {
            throw .stopped(error)
        }
    }

    private mutating func beginJournal() throws(FileFault) {
        guard order.isResumable else { return }
        let stage = builder.stage
        let identity = try faulting { () throws(Errno) in try stage.directory.status(of: stage.name.fileName).identity }
        journal.note(Journal.Header(stage: identity, order: key))
    }

    private mutating func note(_ frame: Frame) {
        guard order.isResumable else { return }
        digest.add(frame)
        journal.note(frame)
    }

    /// Lists the entries of which attributes could not be set here.
    private mutating func tellAttributes() {
        for path in builder.directories.withoutAttributes[attributesTold...] {
            skipped.add(SkippedEntry(reason: .attributes, path: path))
            journal.note(withoutAttributes: path)
        }
        attributesTold = builder.directories.withoutAttributes.count
    }

    /// Leaves the tree to a later process.
    ///
    /// - Returns: whether it can go on with it.
    mutating func leave() -> Bool {
        journal.flush()
        return journal.isWritten
    }

    mutating func abandonJournal() { journal.abandon() }
}

// MARK: Recalling

extension IncomingTree {
    /// Takes in what an earlier process noted of the stage, and brings the stage to exactly that.
    ///
    /// - Throws: if the stage does not hold what the journal says.
    mutating func recall(_ reader: inout JournalReader, noted: Timestamp) throws(FileFault) {
        var file: TreeEntry?
        builder.notedLast = noted
        while let record = try faulting({ () throws(Errno) in try reader.next() }) {
            try recall(record, &file)
        }
        guard let last = lastPath else { throw .changed }
        if let file, let position = order.openPosition { try builder.reopen(file, at: position) }
        try builder.stage.removeAll(after: last)
        order.beginStream()
        attributesTold = builder.directories.withoutAttributes.count
        let stage = builder.stage
        journal = try faulting { () throws(Errno) in
            let file = try stage.folder.stages.fileForWriting(Journal.name(of: stage.name.token))
            return try Journal(continuing: file, of: stage.name, end: reader.end, folder: stage.folder)
        }
    }

    private mutating func recall(_ record: Journal.Record, _ file: inout TreeEntry?) throws(FileFault) {
        if record.type == FrameType.chunk.rawValue {
            var payload = record.payload
            guard let (position, count) = payload.readMultipleIntegers(as: (UInt64, UInt64).self), let entry = file
            else { throw .changed }
            let mark = DataMark(position: position, count: count, isLast: record.flags & FrameHeader.last != 0)
            do { try order.recall(mark) } catch { throw .stopped(error) }
            if mark.isLast {
                file = nil
                try builder.recallComplete(entry)
            }
            return
        }
        if record.flags == Journal.Record.ofReceiver, let path = try? PathName(record.payload.readableBytesView) {
            return skipped.add(SkippedEntry(reason: .attributes, path: path))
        }
        guard let type = FrameType(rawValue: record.type) else { throw .changed }
        let frame = Frame(type: type, flags: record.flags, stream: 1, payload: record.payload)
        guard let message = try? Message(frame) else { throw .changed }
        try judge(message)
        guard order.isResumable else { throw .changed }
        digest.add(frame)
        switch message {
        case .entry(let entry):
            lastPath = entry.path
            versions?.note(entry)
            try builder.recall(entry)
            guard entry.kind == .file else { break }
            if entry.isLast { try builder.recallComplete(entry) } else { file = entry }
        case .skipped(let entry):
            if entry.reason != .attributes { lastPath = entry.path }
            skipped.add(entry)
        default: throw .changed
        }
    }
}
