public import SystemPackage

/// What a sweep found of gets that did not end.
public struct SweepReport: Sendable {
    /// Stages, and old content of finished replacements, that are gone now.
    public internal(set) var removed: [FilePath] = []
    /// Destinations that have their old content again.
    public internal(set) var restored: [FilePath] = []
    /// What could not be removed or decided; the next sweep tries again.
    public internal(set) var left: [FilePath] = []
}

extension WorkFolder {
    /// Ends what crashed gets left behind, as recorded in `ROOT/.baton`: replacements in two steps are rolled back or
    /// completed, stages are removed. Never follows a link. Only while no get of this folder is under way.
    public func sweep() -> SweepReport {
        var report = SweepReport()
        var kept: Set<StageName> = []
        for note in WorkFolder.names(in: swaps) where StageName(token: note.bytes) != nil {
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
        for record in WorkFolder.names(in: stages) {
            guard let stage = StageName(token: record.bytes), !kept.contains(stage) else { continue }
            sweep(stage, record: record, into: &report)
        }
        return report
    }

    private func sweep(_ stage: StageName, record: FileName, into report: inout SweepReport) {
        var path = FilePath(bytes: record.bytes)
        do throws(FileFault) {
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

    /// Bounded: what is beyond is the next sweep's.
    private static func names(in directory: Descriptor) -> [FileName] {
        guard let opened = try? directory.directory(.current), let names = try? DirectoryNames(of: opened) else {
            return []
        }
        return (0..<min(names.count, 100_000)).map { names[$0] }
    }
}
