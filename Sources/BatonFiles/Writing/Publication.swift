public import BatonProtocol
public import SystemPackage

/// What a finished get has put in place.
public struct Publication: Sendable {
    /// Of the top.
    public let kind: EntryKind
    /// Apparent bytes of the regular files.
    public let bytes: UInt64
    /// Regular files.
    public let files: UInt64
    /// How many entries did not come, or not with all their attributes.
    public let skippedCount: UInt64
    /// The first ``Publication/listed`` of them.
    public let skipped: [SkippedEntry]
    /// Data bytes that did not travel again when the last stream went on with what was there.
    public let resumedBytes: UInt64
    /// Whether the destination changed in one step.
    public let isAtomic: Bool
    /// The old content, if it could not be removed; the next sweep tries again.
    public let leftover: FilePath?
    /// The versions of all entries, if they were to be noted.
    let versions: VersionTable?

    /// How many of the skipped entries are named.
    public static let listed = 1000
}

/// Puts a finished stage in its place.
struct Publisher {
    let destination: Destination
    let stage: Stage
    let folder: WorkFolder
    let calls: FileSystemCalls

    enum Replacement {
        case nothing
        /// It is where the stage was.
        case exchanged
        case swapped(Swap)
    }

    /// Renames the stage to the destination.
    ///
    /// - Returns: what was replaced; its content is still to be removed.
    func publish(overwrite: Bool) throws(BatonError) -> Replacement {
        // Somebody may put something there, or take it away, between looking and renaming.
        for _ in 0..<16 {
            try destination.judge(overwrite: overwrite)
            do throws(Errno) {
                return try attempt(overwrite: overwrite)
            } catch {
                switch error {
                case .fileExists where overwrite, .noSuchFileOrDirectory: continue
                default: throw .writing(destination.path, error)
                }
            }
        }
        throw .writing(destination.path, .noSuchFileOrDirectory)
    }

    private func attempt(overwrite: Bool) throws(Errno) -> Replacement {
        let directory = destination.directory
        let replaces = overwrite ? try destination.existing() != nil : false
        do throws(Errno) {
            Moment.beforeExchange()
            try calls.rename(
                directory, stage.name.fileName, destination.name, replaces ? .exchanging : .withoutReplacing)
            Moment.afterExchange()
            return replaces ? .exchanged : .nothing
        } catch {
            guard error.meansNotOffered else { throw error }
        }
        if replaces {
            let swap = try Swap(of: destination, stage: stage, folder: folder)
            try swap.perform()
            return .swapped(swap)
        }
        // All that such a file system allows: look, then rename.
        guard try destination.existing() == nil else { throw .fileExists }
        try directory.rename(stage.name.fileName, to: destination.name)
        return .nothing
    }

    /// Removes what was replaced.
    ///
    /// - Returns: where it still lies, if it cannot be removed.
    func removeOld(_ replacement: Replacement) -> FilePath? {
        let parent = destination.path.removingLastComponent()
        do throws(FileFault) {
            switch replacement {
            case .nothing: stage.forget()
            case .exchanged:
                Moment.beforeRemoval()
                try stage.remove()
            case .swapped(let swap):
                stage.forget()
                try swap.removeOld()
            }
            return nil
        } catch {
            guard case .swapped(let swap) = replacement else {
                return parent.appending(FilePath(bytes: stage.name.fileName.bytes).components)
            }
            return parent.appending(FilePath(bytes: swap.old.fileName.bytes).components)
        }
    }
}
