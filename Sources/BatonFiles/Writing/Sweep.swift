public import SystemPackage

/// What a sweep found of gets that did not end.
public struct SweepReport: Sendable {
    /// Stages, and old content of finished replacements, that are gone now.
    public internal(set) var removed: [FilePath] = []
    /// Destinations that have their old content again.
    public internal(set) var restored: [FilePath] = []
    /// Partial data of gets that a later get can go on with.
    public internal(set) var kept: [FilePath] = []
    /// What could not be removed or decided; the next sweep tries again.
    public internal(set) var left: [FilePath] = []
}

extension WorkFolder {
    /// Ends what crashed gets left behind, as recorded in `ROOT/.baton`: replacements in two steps are rolled back or
    /// completed; partial data is kept as long as a later get may go on with it, all other stages are removed. Never follows a
    /// link. Only while no get of this folder is under way.
    ///
    /// - Parameters:
    ///   - partialAge: partial data to which nothing came for so long is removed.
    ///   - partialBytes: how much partial data is kept in all, the newest first.
    public func sweep(
        partialAge: Duration = WorkFolder.defaultPartialAge, partialBytes: UInt64 = WorkFolder.defaultPartialBytes
    ) -> SweepReport {
        var report = SweepReport()
        var kept: Set<StageName> = []
        for note in swaps.names() where StageName(token: note.bytes) != nil {
            guard let (path, outcome) = try? Swap.finish(note: note, in: self) else {
                report.left.append(FilePath(bytes: note.bytes))
                continue
            }
            switch outcome {
            case .nothingToDo: break
            case .restored: report.restored.append(path)
            case .completed: report.removed.append(path)
            case .undecided(let stage):
                report.left.append(path)
                kept.insert(stage)
            }
        }
        let partial = worthKeeping(partialStages(), age: partialAge, bytes: partialBytes)
        report.kept = partial.map(\.path)
        kept.formUnion(partial.map(\.stage))
        for name in stages.names() {
            if let stage = StageName(token: name.bytes), !kept.contains(stage) { sweep(stage, into: &report) }
        }
        removeStrayJournals()
        return report
    }

    /// Removes a journal, which holds no longer, then its stage and the record.
    func sweep(_ stage: StageName, into report: inout SweepReport) {
        let record = FileName(stage.token.utf8)
        var path = FilePath(bytes: record.bytes)
        do throws(FileFault) {
            try? stages.removeFile(Journal.name(of: stage.token))
            path = FilePath(bytes: try faulting { () throws(Errno) in try stages.readNote(record, atMost: 16_384) })
            let names = path.componentNames
            // A record that was cut short names no stage: nothing was made under it.
            if names.last == stage.fileName {
                let parents = try faulting { () throws(Errno) in
                    try ParentDirectories(to: names.dropLast(), followingLinks: false)
                }
                if parents.missing.isEmpty, try parents.directory.removeTree(stage.fileName) {
                    report.removed.append(path)
                }
            }
            try faulting { () throws(Errno) in try stages.removeFile(record) }
        } catch {
            report.left.append(path)
        }
    }

    private func removeStrayJournals() {
        let names = Set(stages.names())
        for name in names {
            let parts = name.bytes.split(separator: UInt8(ascii: "."), maxSplits: 1)
            guard let stage = parts.first.flatMap({ StageName(token: $0) }), Journal.name(of: stage.token) == name,
                !names.contains(FileName(stage.token.utf8))
            else { continue }
            try? stages.removeFile(name)
        }
    }
}
