import BatonProtocol
import SystemPackage

/// One look along a path that is waited for. Each directory is watched before anything is looked up in it, so that nothing can
/// come to be unnoticed between the two.
struct ArrivalSurvey {
    /// What happened since the last look.
    let happenings: Happenings
    let watches: DirectoryWatches
    let mailbox: Mailbox
    let hidden: Hidden

    /// What is to be told until the next look.
    private(set) var interests: [CInt: DirectoryWatches.Interest] = [:]
    /// Directories below the path that may still be watched for their content.
    private var contentLeft = 64
    private var linksLeft = 40

    /// Ancestors that are farther from the end of the path than this are not watched as long as they exist.
    private static let nearby = 64

    init(happenings: Happenings, watches: DirectoryWatches, mailbox: Mailbox, hidden: Hidden) {
        self.happenings = happenings
        self.watches = watches
        self.mailbox = mailbox
        self.hidden = hidden
    }

    /// Whether `path` has arrived.
    ///
    /// - Parameter start: the directory to which the path belongs.
    mutating func find(_ path: PathName, from start: Descriptor) throws(Errno) -> Bool {
        var directory = start
        var pending = path.components.reversed().map { FileName($0) }
        /// Something on the way was put there whole, and all below it with it.
        var cameWhole = false
        while let name = pending.popLast() {
            if name == .parent {
                directory = try directory.place(of: .parent)
                continue
            }
            guard let step = try step(to: name, in: directory, isNear: pending.count < ArrivalSurvey.nearby) else {
                return false
            }
            cameWhole = cameWhole || happenings.contain(.movedIn, name, in: step.watch)
            switch step.status.kind {
            case .symbolicLink:
                // A link is never half made.
                cameWhole = cameWhole || happenings.contain(.created, name, in: step.watch)
                linksLeft -= 1
                guard linksLeft > 0 else { return false }
                let target = try step.place.targetOfLink()
                if target.first == UInt8(ascii: "/") { directory = try Descriptor.place(of: "/") }
                pending += FilePath(bytes: target).componentNames.reversed()
            case .directory where !pending.isEmpty: directory = step.place
            case .directory:
                if cameWhole { return true }
                return try hasContent(step.place)
            default:
                // A file in the way is no end of the path.
                guard pending.isEmpty else { return false }
                if cameWhole { return true }
                return try isComplete(step, name, in: directory)
            }
        }
        // The path, or a link in it, leads to where it starts: that has always been there.
        return true
    }

    // MARK: Steps

    private struct Step {
        let place: Descriptor
        let status: FileStatus
        let watch: CInt?
        /// Nothing was told of this name before: it may have come to be unnoticed.
        let isNew: Bool
    }

    /// - Returns: `nil` if there is nothing of this name; then its directory is watched.
    private mutating func step(to name: FileName, in directory: Descriptor, isNear: Bool) throws(Errno) -> Step? {
        var watched: (watch: CInt, isNew: Bool)?
        var refusal: Errno?
        if isNear {
            // Whoever may pass through a directory may not always read it; nor need it be watched while it leads on.
            do throws(Errno) { watched = try watch(directory, for: name) } catch .permissionDenied {
                refusal = .permissionDenied
            }
        }
        do throws(Errno) {
            let place = try directory.place(of: name)
            return Step(
                place: place, status: try place.status(), watch: watched?.watch, isNew: watched?.isNew ?? true)
        } catch .noSuchFileOrDirectory {
            if let refusal { throw refusal }
            return watched == nil ? try step(to: name, in: directory, isNear: true) : nil
        }
    }

    private mutating func watch(
        _ directory: Descriptor, for name: FileName? = nil
    ) throws(Errno) -> (watch: CInt, isNew: Bool) {
        let interest = DirectoryWatches.Interest(names: name.map { [$0] } ?? [], everything: name == nil)
        let watched = try watches.watch(directory, interest, for: mailbox)
        interests[watched.watch, default: DirectoryWatches.Interest()].formUnion(interest)
        return watched
    }

    // MARK: What is there

    /// Whether what is at the end of the path is more than a file that is still being written.
    private mutating func isComplete(
        _ step: Step, _ name: FileName, in directory: Descriptor
    ) throws(Errno) -> Bool {
        if isComplete(step, name) { return true }
        // A file that was made without a name and then linked here is closed under no name at all.
        _ = try watch(directory)
        return isComplete(step, name)
    }

    private func isComplete(_ step: Step, _ name: FileName) -> Bool {
        // Nothing else can be half there; and a second name is given to what is finished.
        guard step.status.kind == .file, step.status.links == 1 else { return true }
        if happenings.contain(.written, name, in: step.watch) { return true }
        let mayBeUnnoticed = step.isNew || happenings.isIncomplete
        switch step.place.isOpenForWriting() {
        case true?: return false
        // An empty one may be about to be opened by whoever has just made it; then its closing will be told.
        case false?: return mayBeUnnoticed || step.status.size > 0
        case nil: return mayBeUnnoticed
        }
    }

    /// Whether there is something in a directory, at any depth, but directories and files that are being written.
    private mutating func hasContent(_ place: Descriptor) throws(Errno) -> Bool {
        if try place.status().identity == hidden.baton { return false }
        // So many directories are something, too.
        guard contentLeft > 0 else { return true }
        contentLeft -= 1
        let watched = try watch(place)
        let names: DirectoryNames
        do throws(Errno) { names = try DirectoryNames(of: place.directory(.current)) } catch .noSuchFileOrDirectory {
            return false
        }
        for index in 0..<names.count where !StageName.matches(names[index]) {
            let name = names[index]
            guard let child = try? place.place(of: name), let status = try? child.status() else { continue }
            if happenings.contain(.movedIn, name, in: watched.watch) { return true }
            let step = Step(place: child, status: status, watch: watched.watch, isNew: watched.isNew)
            if try status.kind == .directory ? hasContent(child) : isComplete(step, name) { return true }
        }
        return false
    }
}
