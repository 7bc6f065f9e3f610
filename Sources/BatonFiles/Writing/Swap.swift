import SystemPackage

/// A replacement in two steps, for file systems that cannot exchange two names: the old content aside, the new one in.
///
/// Before it begins it is noted in `ROOT/.baton/swaps`, in a file named by the token of the aside name: the directory's
/// path, the destination's name and the token of the new content's stage, each ended by a NUL. The note stays until the
/// old content is gone, so that ``finish(_:)`` can repair a crash at any point.
struct Swap {
    let directory: Descriptor
    let destination: FileName
    let new: StageName
    let old: StageName
    private let folder: WorkFolder

    init(of destination: Destination, stage: Stage, folder: WorkFolder) throws(Errno) {
        self.init(
            directory: destination.directory, destination: destination.name, new: stage.name, old: StageName(),
            folder: folder)
        let path = try directory.realPath()
        let note = path + [0] + self.destination.bytes + [0] + new.token.utf8 + [0]
        try folder.swaps.writeNote(noteName, note, durably: true)
    }

    private init(directory: Descriptor, destination: FileName, new: StageName, old: StageName, folder: WorkFolder) {
        self.directory = directory
        self.destination = destination
        self.new = new
        self.old = old
        self.folder = folder
    }

    private var noteName: FileName { FileName(old.token.utf8) }

    /// Both renames. If the second fails, the old content is put back.
    func perform() throws(Errno) {
        do throws(Errno) {
            try moveAside()
            do throws(Errno) {
                try directory.rename(new.fileName, to: destination)
            } catch {
                try directory.rename(old.fileName, to: destination)
                throw error
            }
        } catch {
            if (try? exists(old.fileName)) == false { forget() }
            throw error
        }
    }

    func moveAside() throws(Errno) {
        try directory.rename(destination, to: old.fileName)
    }

    /// Removes the old content, and then the note.
    func removeOld() throws(FileFault) {
        try directory.removeTree(old.fileName)
        forget()
    }

    private func forget() { try? folder.swaps.removeFile(noteName) }
}

extension Swap {
    enum Outcome {
        case nothingToDo
        /// The old content is back: the new one had not come.
        case restored
        /// The new content is in place, the old one gone.
        case completed
        /// Somebody else put something at the destination: all is left as it is, this stage of the new content, too.
        case undecided(StageName)
    }

    /// Ends what a crash interrupted.
    static func finish(note token: FileName, in folder: WorkFolder) throws(FileFault) -> (FilePath, Outcome) {
        let note = try faulting { () throws(Errno) in try folder.swaps.readNote(token, atMost: 16_384) }
        let parts = note.split(separator: 0, omittingEmptySubsequences: false)
        guard parts.count == 4, let old = StageName(token: token.bytes), let new = StageName(token: parts[2]) else {
            // Cut short: the crash came before the first rename.
            try? folder.swaps.removeFile(token)
            return (FilePath(bytes: token.bytes), .nothingToDo)
        }
        let path = FilePath(bytes: parts[0])
        let parents = try faulting { () throws(Errno) in
            try ParentDirectories(to: path.componentNames, followingLinks: false)
        }
        let swap = Swap(
            directory: parents.directory, destination: FileName(parts[1]), new: new, old: old, folder: folder)
        let target = path.appending(FilePath(bytes: parts[1]).components)
        return (target, try swap.finish(isThere: parents.missing.isEmpty))
    }

    private func finish(isThere: Bool) throws(FileFault) -> Outcome {
        guard isThere, try exists(old.fileName) else {
            forget()
            return .nothingToDo
        }
        if try !exists(destination) {
            try faulting { () throws(Errno) in try directory.rename(old.fileName, to: destination) }
            forget()
            return .restored
        }
        if try exists(new.fileName) { return .undecided(new) }
        try removeOld()
        return .completed
    }

    private func exists(_ name: FileName) throws(FileFault) -> Bool {
        do throws(Errno) {
            _ = try directory.status(of: name)
            return true
        } catch .noSuchFileOrDirectory {
            return false
        } catch {
            throw .system(error)
        }
    }
}
