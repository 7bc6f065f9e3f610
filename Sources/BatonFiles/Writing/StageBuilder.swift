import BatonProtocol
import NIOCore
import SystemPackage

/// Builds and amends one tree in its stage, as its messages say. They have been judged before: `TreeOrder`.
struct StageBuilder {
    let stage: Stage
    private let base: BaseTree?
    private let calls: FileSystemCalls
    private(set) var directories: StageDirectories
    private var file: (descriptor: Descriptor, entry: TreeEntry, end: UInt64)?
    /// A later pass amends what is there.
    private var isAmending = false
    /// What announced directories had and nobody named when a pass was cut short.
    private var undecided: [PathName: Set<FileName>] = [:]

    /// Of the top.
    private(set) var kind = EntryKind.other
    /// Apparent bytes of the regular files.
    private(set) var bytes: UInt64 = 0
    /// Regular files, hard links once.
    private(set) var files: UInt64 = 0
    /// When the journal of what is recalled had its last word.
    var notedLast = Timestamp(seconds: 0, nanoseconds: 0)

    init(in stage: Stage, base: BaseTree?, calls: FileSystemCalls, setsAttributes: Bool) {
        self.stage = stage
        self.base = base
        self.calls = calls
        directories = StageDirectories(in: stage, setsAttributes: setsAttributes)
    }

    /// Makes what an entry says, instead of what is there.
    ///
    /// - Returns: the size of a file that it replaces.
    @discardableResult
    mutating func put(_ entry: TreeEntry) throws(FileFault) -> UInt64 {
        let void = try voidFile()
        let (parent, name) = try directory(of: entry.path)
        var replaced = void
        if isAmending {
            undecide(entry)
            let existing = try StageBuilder.status(of: name, in: parent)
            if entry.kind == .directory, existing?.kind == .directory {
                try directories.push(existing: entry, in: parent, name, amending: true)
                if entry.path.isRoot { kind = .directory }
                return replaced
            }
            if let existing {
                if existing.kind == .file { replaced = existing.size }
                try parent.removeTree(name)
            }
        }
        if entry.path.isRoot { kind = entry.kind }
        try create(entry, name, in: parent)
        return replaced
    }

    private mutating func create(_ entry: TreeEntry, _ name: FileName, in parent: Descriptor) throws(FileFault) {
        switch entry.kind {
        case .file where entry.isKept:
            try base?.link(entry, as: name, in: parent)
            count(entry)
        case .file:
            file = (try faulting { () throws(Errno) in try parent.createFile(name) }, entry, 0)
            count(entry)
            if entry.isLast { try finishFile() }
        case .directory:
            let directory = try faulting { () throws(Errno) in try parent.createDirectory(name) }
            try directories.push(made: directory, entry)
        case .symbolicLink:
            try faulting { () throws(Errno) in
                try parent.createLink(name, to: FileName(entry.target))
                try parent.setModified(entry.modified, ofLink: name)
            }
        case .hardLink: try link(entry, name, in: parent)
        case .other: throw .system(.invalidArgument)
        }
        Moment.entryMade()
    }

    private mutating func count(_ entry: TreeEntry) {
        files += 1
        bytes = bytes.addingReportingOverflow(entry.size).partialValue
    }

    mutating func write(_ chunk: Chunk) throws(FileFault) {
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
        }
        Moment.chunkWritten()
        self.file?.end = chunk.offset + UInt64(chunk.data.readableBytes)
        if chunk.isLast { try finishFile() }
    }

    private mutating func finishFile() throws(FileFault) {
        guard let (descriptor, entry, end) = file else { return }
        file = nil
        if end < entry.size { try faulting { () throws(Errno) in try descriptor.setSize(entry.size) } }
        try directories.finish(descriptor, entry)
        try faulting { () throws(Errno) in try descriptor.close() }
    }

    /// What is at the path cannot travel: nothing is there.
    mutating func skip(_ skipped: SkippedEntry) throws(FileFault) {
        if skipped.reason == .attributes { return }
        let (parent, name) = try directory(of: skipped.path)
        if isAmending {
            undecided[parentPath(of: skipped.path)]?.remove(name)
            try parent.removeTree(name)
        }
    }

    mutating func keep(_ path: PathName) throws(FileFault) {
        let (parent, name) = try directory(of: path)
        guard try StageBuilder.status(of: name, in: parent) != nil else {
            throw .stopped(.corrupt(path, "is kept, but did not come before"))
        }
    }

    /// A further pass begins: what came stands, but for the open file.
    mutating func amend() throws(FileFault) {
        _ = try voidFile()
        // The pass may have been cut short in the middle of a directory; if so it is announced again.
        for (directory, names) in try directories.leaveAll(removing: false) {
            undecided[directory, default: []].formUnion(names)
        }
        isAmending = true
    }

    /// The tree has come whole.
    mutating func finish() throws(FileFault) {
        _ = try directories.leaveAll()
        for (directory, names) in undecided { try removeUndecided(names, in: directory) }
        undecided = [:]
        if isAmending { try recount() }
    }

    /// Takes away the file whose data was still coming.
    ///
    /// - Returns: how much of it had come.
    private mutating func voidFile() throws(FileFault) -> UInt64 {
        guard let (descriptor, entry, end) = file else { return 0 }
        file = nil
        files -= 1
        bytes = bytes.subtractingReportingOverflow(entry.size).partialValue
        try faulting { () throws(Errno) in try descriptor.close() }
        let (parent, name) = try directory(of: entry.path)
        try faulting { () throws(Errno) in try parent.removeFile(name) }
        return end
    }
}

// MARK: Places

extension StageBuilder {
    /// Where a path lies. That it lies in no directory is the origin's fault.
    private mutating func directory(of path: PathName) throws(FileFault) -> (Descriptor, FileName) {
        do throws(FileFault) {
            return try directories.parent(of: path)
        } catch {
            throw isAmending ? error.asMissingDirectory(of: path) : error
        }
    }

    /// What is at a path of the stage; `nil`: nothing.
    func kind(of path: PathName) throws(FileFault) -> EntryKind? {
        if path.isRoot { return kind }
        var found: EntryKind?
        do throws(FileFault) {
            try stage.withDirectory(of: path) { parent, name throws(Errno) in
                found = try parent.status(of: name).entryKind
            }
        } catch {
            guard error.meansNoDirectory else { throw error }
        }
        return found
    }

    private static func status(of name: FileName, in parent: Descriptor) throws(FileFault) -> FileStatus? {
        do throws(Errno) { return try parent.status(of: name) } catch .noSuchFileOrDirectory { return nil } catch {
            throw .system(error)
        }
    }

    /// Gives a file of the tree another name.
    private func link(_ entry: TreeEntry, _ name: FileName, in directory: Descriptor) throws(FileFault) {
        let flaw = FileFault.stopped(.corrupt(entry.path, "is a hard link to what is no file of this tree"))
        guard let target = entry.hardLinkTarget else { throw flaw }
        do throws(FileFault) {
            try stage.withDirectory(of: target) { parent, targetName throws(Errno) in
                guard try parent.status(of: targetName).kind == .file else { throw .notDirectory }
                try parent.link(targetName, as: name, in: directory)
            }
        } catch {
            throw error.meansNoDirectory ? flaw : error
        }
    }
}

// MARK: Amending

extension StageBuilder {
    private func parentPath(of path: PathName) -> PathName { path.parent ?? .root }

    /// What an entry names needs no decision any more.
    private mutating func undecide(_ entry: TreeEntry) {
        if undecided.isEmpty { return }
        undecided[entry.path] = nil
        undecided[parentPath(of: entry.path)]?.remove(FileName(entry.path.name))
    }

    /// A directory that was not announced again after a pass had ended was announced in full.
    private mutating func removeUndecided(_ names: Set<FileName>, in path: PathName) throws(FileFault) {
        for name in names {
            guard let child = try? path.appending(name.bytes) else { continue }
            do throws(FileFault) {
                let (directory, name) = try directories.parent(of: child)
                try directory.removeTree(name)
            } catch  where error.meansNoDirectory {
                // It has gone with a directory above it.
                break
            }
        }
        _ = try directories.leaveAll()
    }

    private mutating func recount() throws(FileFault) {
        files = 0
        bytes = 0
        var counted: Set<FileIdentity> = []
        var files: UInt64 = 0
        var bytes: UInt64 = 0
        try stage.visit { visited in
            let status = visited.status
            guard status.kind == .file, status.links < 2 || counted.insert(status.identity).inserted else { return }
            files += 1
            bytes = bytes.addingReportingOverflow(status.size).partialValue
        }
        self.files = files
        self.bytes = bytes
    }
}

// MARK: Recalling

// What an earlier process made in the stage, as it noted it: looked at, and taken in where more is to come.
extension StageBuilder {
    /// Takes in a directory, looks at a link.
    mutating func recall(_ entry: TreeEntry) throws(FileFault) {
        let (parent, name) = try directories.parent(of: entry.path)
        if entry.path.isRoot { kind = entry.kind }
        if entry.kind == .directory {
            return try directories.push(existing: entry, in: parent, name, amending: false)
        }
        if entry.kind == .file { return count(entry) }
        let status = try faulting { () throws(Errno) in try parent.status(of: name) }
        guard status.kind == (entry.kind == .symbolicLink ? .symbolicLink : .file) else { throw .changed }
    }

    /// Looks at a file that was noted as complete.
    mutating func recallComplete(_ entry: TreeEntry) throws(FileFault) {
        let (parent, name) = try directories.parent(of: entry.path)
        let status = try faulting { () throws(Errno) in try parent.status(of: name) }
        guard status.kind == .file, status.size == entry.size, isAsNoted(status) else { throw .changed }
    }

    /// What was changed after the journal had its last word may hold anything: nobody but Baton writes in a stage.
    private func isAsNoted(_ status: FileStatus) -> Bool {
        notedLast.milliseconds(until: status.changed) <= Journal.longestDelay * 2
    }

    /// Opens a file again of which the data up to `end` was noted, and cuts off what is beyond.
    mutating func reopen(_ entry: TreeEntry, at end: UInt64) throws(FileFault) {
        let (parent, name) = try directories.parent(of: entry.path)
        let place = try faulting { () throws(Errno) in try parent.place(of: name) }
        let status = try faulting { () throws(Errno) in try place.status() }
        guard status.kind == .file, status.size >= end, isAsNoted(status) else { throw .changed }
        let descriptor = try faulting { () throws(Errno) in
            if status.mode & 0o600 != 0o600 { try place.setModeOfPlace(0o600) }
            let descriptor = try place.reopenedForWriting()
            try descriptor.setSize(end)
            return descriptor
        }
        file = (descriptor, entry, end)
    }
}
