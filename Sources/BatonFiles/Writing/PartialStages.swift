import BatonProtocol
import NIOCore
import Synchronization
import SystemPackage

/// Partial data of a get that did not end: a stage and the journal that says what is in it.
struct PartialStage {
    let stage: StageName
    let path: FilePath
    let header: Journal.Header
    /// When something was noted last.
    let modified: Timestamp
    /// The same as the file system has it, which nobody can set.
    let changed: Timestamp

    /// - Returns: `nil` if there is no journal of that stage which this machine can trust.
    init?(_ stage: StageName, in folder: WorkFolder) {
        guard let record = try? folder.stages.readNote(FileName(stage.token.utf8), atMost: 16_384),
            let journal = try? folder.stages.file(Journal.name(of: stage.token)), let status = try? journal.status()
        else { return nil }
        var reader = JournalReader(journal)
        guard let first = (try? reader.next()) ?? nil, first.type == Journal.Record.header,
            let header = Journal.Header(first.payload), !header.boot.isEmpty, header.boot == Journal.Header.currentBoot
        else { return nil }
        self.stage = stage
        path = FilePath(bytes: record)
        self.header = header
        modified = status.modified
        changed = status.changed
        let names = path.componentNames
        guard names.last == stage.fileName,
            let parents = try? ParentDirectories(to: names.dropLast(), followingLinks: false),
            parents.missing.isEmpty, let found = try? parents.directory.status(of: stage.fileName),
            found.identity == header.stage
        else { return nil }
    }

    /// Data bytes in the stage, and the bytes of the journal.
    func size(in folder: WorkFolder) -> UInt64 {
        guard let journal = try? folder.stages.file(Journal.name(of: stage.token)) else { return 0 }
        var reader = JournalReader(journal)
        var size: UInt64 = 0
        while let record = (try? reader.next()) ?? nil {
            guard record.type == FrameType.chunk.rawValue else { continue }
            var payload = record.payload
            guard let (_, count) = payload.readMultipleIntegers(as: (UInt64, UInt64).self) else { break }
            size = size.addingReportingOverflow(count).partialValue
        }
        return size.addingReportingOverflow(reader.end).partialValue
    }

    /// How long ago something was noted last.
    var age: Duration {
        let seconds = Timestamp.now.seconds.subtractingReportingOverflow(modified.seconds)
        return seconds.overflow ? .zero : max(.zero, .seconds(seconds.partialValue))
    }
}

extension WorkFolder {
    /// How long partial data is kept unless told otherwise.
    public static let defaultPartialAge: Duration = .seconds(24 * 60 * 60)
    /// How many bytes of partial data are kept unless told otherwise.
    public static let defaultPartialBytes: UInt64 = 10 << 30

    /// All partial data that may be gone on with, newest first.
    func partialStages() -> [PartialStage] {
        let busy = stagesInUse.withLock { $0 }
        return stages.names().compactMap { name in
            StageName(token: name.bytes).flatMap { busy.contains($0) ? nil : PartialStage($0, in: self) }
        }.sorted { ($0.modified.seconds, $0.modified.nanoseconds) > ($1.modified.seconds, $1.modified.nanoseconds) }
    }

    /// Of partial data, newest first: what is young enough and within the total.
    func worthKeeping(_ partial: [PartialStage], age: Duration, bytes: UInt64) -> [PartialStage] {
        var total: UInt64 = 0
        return partial.filter { stage in
            guard stage.age <= age else { return false }
            let (sum, overflow) = total.addingReportingOverflow(stage.size(in: self))
            guard !overflow, sum <= bytes else { return false }
            total = sum
            return true
        }
    }

    /// Removes partial data that nobody uses and that is too old, or beyond the total, oldest first.
    public func trimPartialStages(age: Duration = .seconds(Int64.max), to bytes: UInt64) {
        let partial = partialStages()
        let kept = Set(worthKeeping(partial, age: age, bytes: bytes).map(\.stage))
        var report = SweepReport()
        for stage in partial where !kept.contains(stage.stage) { sweep(stage.stage, into: &report) }
    }
}

extension Descriptor {
    /// The names in the directory that this is or stands for. Bounded: what is beyond is the next sweep's.
    func names() -> [FileName] {
        guard let opened = try? directory(.current), let names = try? DirectoryNames(of: opened) else { return [] }
        return (0..<min(names.count, 100_000)).map { names[$0] }
    }
}
