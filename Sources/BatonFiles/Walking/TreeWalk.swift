import BatonProtocol
import SystemPackage

/// A walk through a tree in tree order: depth first, names sorted bytewise, only the names of the directories on the way
/// held. Links are reported, never followed; mounts are crossed. What is hidden is passed over.
struct TreeWalk {
    enum Step {
        /// A directory: what follows lies in it, until its ``left``.
        case entered(FileStatus)
        /// The directory that was entered last and not left yet is done.
        case left
        /// A regular file: ``TreeWalk/openFile(_:)`` opens it.
        case file(FileStatus)
        case link(FileStatus, target: [UInt8])
        case skipped(SkipReason)
    }

    private struct Level {
        let names: DirectoryNames
        var next = 0
        let pathLength: Int
    }

    /// Of what the last step was about, or failed at; relative to the top.
    private(set) var path: [UInt8] = []
    /// The last component of ``path`` after a step to an entry.
    private(set) var name = FileName.current
    private var directories = DirectoryStack<Level>()
    private let hidden: Hidden

    /// Begins in `top`, a directory; its own entry is the caller's.
    init(top: Descriptor, hidden: Hidden) throws(FileFault) {
        self.hidden = hidden
        try enter(top)
    }

    private mutating func enter(_ directory: Descriptor) throws(FileFault) {
        let names = try faulting { () throws(Errno) in try DirectoryNames(of: directory) }
        let identity = try faulting { () throws(Errno) in try directory.status().identity }
        directories.push(directory, identity: identity, Level(names: names, pathLength: path.count))
    }

    /// The next step; `nil` after the top has been left.
    mutating func next() throws(FileFault) -> Step? {
        while let directory = directories.current {
            guard let name = nextName() else {
                path.removeSubrange((directories.content?.pathLength ?? 0)...)
                _ = try directories.pop()
                return .left
            }
            if let step = try step(to: name, in: directory) { return step }
        }
        return nil
    }

    private mutating func nextName() -> FileName? {
        directories.withContent { level -> FileName? in
            guard level.next < level.names.count else { return nil }
            defer { level.next += 1 }
            return level.names[level.next]
        } ?? nil
    }

    /// `nil` for what is hidden.
    private mutating func step(to name: FileName, in directory: Descriptor) throws(FileFault) -> Step? {
        if StageName.matches(name) { return nil }
        self.name = name
        path.removeSubrange((directories.content?.pathLength ?? 0)...)
        if !path.isEmpty { path.append(UInt8(ascii: "/")) }
        for character in name.cString.dropLast() { path.append(UInt8(bitPattern: character)) }
        guard path.count <= Limits.path, name.cString.count - 1 <= Limits.component else { throw .tooLong }
        let status = try listed { () throws(Errno) in try directory.status(of: name) }
        switch status.kind {
        case .directory: return try enter(name, in: directory, expecting: status)
        case .file: return .file(status)
        case .symbolicLink:
            return .link(status, target: try listed { () throws(Errno) in try directory.target(ofLink: name) })
        case .socket: return .skipped(.socket)
        case .fifo: return .skipped(.fifo)
        case .characterDevice: return .skipped(.characterDevice)
        case .blockDevice: return .skipped(.blockDevice)
        case .unknown: throw .changed
        }
    }

    private mutating func enter(
        _ name: FileName, in directory: Descriptor, expecting status: FileStatus
    ) throws(FileFault) -> Step? {
        if status.identity == hidden.baton { return nil }
        let child = try listed { () throws(Errno) in try directory.directory(name) }
        let found = try faulting { () throws(Errno) in try child.status() }
        guard found.identity == status.identity else { throw .changed }
        try enter(child)
        return .entered(found)
    }

    /// Opens the file of the last step.
    ///
    /// - Throws: ``FileFault/changed`` if it is not the file that the step was about.
    func openFile(_ status: FileStatus) throws(FileFault) -> Descriptor {
        guard let directory = directories.current else { throw .changed }
        let file = try listed { () throws(Errno) in try directory.file(name) }
        let found = try faulting { () throws(Errno) in try file.status() }
        guard found.isSameVersion(as: status) else { throw .changed }
        return file
    }

    /// Something that was there a moment ago is now gone or of another kind: that is a change.
    private func listed<T>(_ body: () throws(Errno) -> T) throws(FileFault) -> T {
        do throws(Errno) {
            return try body()
        } catch {
            switch error {
            case .noSuchFileOrDirectory, .notDirectory, .tooManySymbolicLinkLevels, .invalidArgument: throw .changed
            default: throw .system(error)
            }
        }
    }
}
