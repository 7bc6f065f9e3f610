import BatonProtocol
import SystemPackage

// What a walk finds, and what of it the receiver is told.
extension TreeReader {
    /// Passes an entry of the walk: keeps it if the receiver has it, sends `message` otherwise.
    ///
    /// - Returns: whether it was sent and the walk goes on.
    private func pass(
        _ status: FileStatus, target: [UInt8] = [], version: UInt64? = nil,
        _ message: () throws(FileFault) -> Message?
    ) throws(FileFault) -> Bool {
        let own = try self.version(of: status)
        let print = sent.fingerprint(currentPath, version: version ?? own, target: target)
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

    func found(link status: FileStatus) throws(FileFault) {
        _ = try pass(status) { () throws(FileFault) in
            guard let target = try walk?.linkTarget() else { return nil }
            var entry = try entry(.symbolicLink, status)
            entry.target = target
            return .entry(entry)
        }
    }

    func found(_ status: FileStatus, skippedFor reason: SkipReason) throws(FileFault) {
        let print = try fingerprint(status)
        // The receiver has nothing of it that could be kept: it is named each time.
        if !sent.holds(print) || announced.last == true {
            guard try send(.skipped(SkippedEntry(reason: reason, path: try path))) else { return }
        }
        sent.pass(print)
        top.note(status, path: currentPath)
    }

    func found(file status: FileStatus) throws(FileFault) {
        if try passAsHardLink(status) { return }
        let isWhole = output.isComparing && output.resumeOffset == nil && !order.attributes
        let print = try fingerprint(status)
        guard isWhole || sent.holds(print) else { return try open() }
        let goesOn = try pass(status) { () throws(FileFault) in
            var entry = try entry(.file, status)
            entry.size = status.size
            return .entry(entry)
        }
        if goesOn { hardLinks.remember(status, version: try version(of: status), path: currentPath) }
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

    func open() throws(FileFault) {
        guard let file = try walk?.openFile() else { return }
        activity = .opening(file, Settling())
    }

    private func entry(_ kind: EntryKind, _ status: FileStatus) throws(FileFault) -> TreeEntry {
        try TreeEntry(
            kind: kind, mode: status.mode, modified: status.modified, version: version(of: status), path: path)
    }

    /// What ENTRY says: of a tree that is kept, the version that was read at its origin.
    private func version(of status: FileStatus) throws(FileFault) -> UInt64 {
        guard let recorded else { return status.version }
        return try recorded.version(of: status, at: currentPath)
    }

    private func fingerprint(_ status: FileStatus) throws(FileFault) -> UInt64 {
        sent.fingerprint(currentPath, version: try version(of: status))
    }

    var currentPath: [UInt8] { walk?.path ?? [] }

    private var path: PathName {
        get throws(FileFault) {
            do { return try PathName(currentPath) } catch { throw .tooLong }
        }
    }

    // MARK: Directories

    func enter(_ directory: Descriptor, _ settling: Settling) throws(FileFault) -> Int? {
        var status = try faulting { () throws(Errno) in try directory.status() }
        if currentPath.isEmpty, !order.attributes { status = top.withoutRenaming(status) }
        let print = try fingerprint(status)
        let isKnown = sent.holds(print)
        if !isKnown, let wait = try wait(for: status, settling, { .entering(directory, $0) }) { return wait }

        directoriesOpened += 1
        let names = try present { () throws(Errno) in try DirectoryNames(of: directory) }
        guard let names else {
            if currentPath.isEmpty { throw .changed }
            activity = .walking
            return nil
        }
        let attributes = try order.attributes && !isKnown ? EntryAttributes(of: directory) : nil
        var after = try faulting { () throws(Errno) in try directory.status() }
        if currentPath.isEmpty, !order.attributes { after = top.withoutRenaming(after) }
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

    func announce(_ file: Descriptor, _ settling: Settling) throws(FileFault) -> Int? {
        let status = try faulting { () throws(Errno) in try file.status() }
        guard status.kind == .file else {
            // Something else has taken its name: the directory has changed since it was listed.
            activity = .walking
            return nil
        }
        if try passAsHardLink(status) { return nil }
        if let wait = try wait(for: status, settling, { .opening(file, $0) }) { return wait }

        let attributes = try order.attributes ? EntryAttributes(of: file) : nil
        if !base.isEmpty, output.resumeOffset == nil, base.contains(try fingerprint(status)) {
            return try keep(status, attributes)
        }
        let isWhole = output.isComparing && output.resumeOffset == nil
        let offset = output.resumeOffset
        var entry = try entry(.file, status)
        var reading = try FileReading(
            file, status: status, from: offset ?? (isWhole ? status.size : 0), digest: recorded?.digest)
        entry.size = status.size
        entry.attributes = attributes?.attributes ?? []
        entry.isLast = reading.isDone
        guard try send(.entry(entry)) else { return nil }
        if offset != nil, reading.isDone {
            // It came to its end without its last piece: it is announced, and read, again.
            reading = try FileReading(file, status: status, digest: recorded?.digest)
            entry.isLast = reading.isDone
            guard try send(.entry(entry)) else { return nil }
        }
        activity = .reading(reading, hasSkippedAttributes: attributes?.isIncomplete == true)
        return nil
    }

    /// Announces a file of which the asker has this very version, in an earlier tree.
    private func keep(_ status: FileStatus, _ attributes: EntryAttributes?) throws(FileFault) -> Int? {
        var entry = try entry(.file, status)
        entry.size = status.size
        entry.attributes = attributes?.attributes ?? []
        (entry.isLast, entry.isKept) = (true, true)
        guard try send(.entry(entry)) else { return nil }
        try finish(status, hasSkippedAttributes: attributes?.isIncomplete == true)
        return nil
    }

    func read(_ reading: FileReading, _ hasSkippedAttributes: Bool) throws(FileFault) {
        guard reading.isDone else {
            var file = reading
            try output.sendChunk(of: &file)
            activity = .reading(file, hasSkippedAttributes: hasSkippedAttributes)
            return
        }
        try finish(reading.status, hasSkippedAttributes: hasSkippedAttributes)
    }

    /// The asker has all of a file.
    private func finish(_ status: FileStatus, hasSkippedAttributes: Bool) throws(FileFault) {
        try sent.pass(fingerprint(status))
        hardLinks.remember(status, version: try version(of: status), path: currentPath)
        top.note(status, path: currentPath)
        activity = .walking
        if hasSkippedAttributes { _ = try sendSkippedAttributes() }
    }
}
