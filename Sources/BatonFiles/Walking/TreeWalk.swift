import BatonProtocol
import SystemPackage

/// A walk through a tree in tree order: depth first, names sorted bytewise, only the names of the directories on the way
/// held. Links are reported, never followed; mounts are crossed. What is hidden is passed over.
///
/// It reports what is found in the directory where it stands; going down into a directory is the caller's to decide.
struct TreeWalk {
    enum Step {
        /// A directory: ``TreeWalk/openDirectory()``, then ``TreeWalk/enter(_:_:)`` to see what lies in it.
        case directory(FileStatus)
        /// The directory that was entered last and not left yet is done.
        case left
        /// A regular file: ``TreeWalk/openFile()`` opens it.
        case file(FileStatus)
        /// A regular file by its directory's word; it was not looked at.
        case listedFile
        /// A symbolic link: ``TreeWalk/linkTarget()`` says where to.
        case link(FileStatus)
        case skipped(SkipReason, FileStatus)
        /// A name that the directory had when it was listed has gone: the directory has changed since.
        case vanished
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

    /// Stands nowhere until the top is entered.
    init(hidden: Hidden) { self.hidden = hidden }

    /// Goes down into the directory of the last step (or the top): what follows lies in it, until its ``Step/left``.
    mutating func enter(_ directory: Descriptor, _ names: DirectoryNames) throws(FileFault) {
        let identity = try faulting { () throws(Errno) in try directory.status().identity }
        directories.push(directory, identity: identity, Level(names: names, pathLength: path.count))
    }

    /// The next step; `nil` after the top has been left.
    ///
    /// - Parameter looksAtFiles: `false` for a caller who opens each file anyway, and need not hear ``Step/file(_:)`` before.
    mutating func next(looksAtFiles: Bool = true) throws(FileFault) -> Step? {
        while let directory = directories.current {
            guard let (name, isFile) = nextName() else {
                path.removeSubrange((directories.content?.pathLength ?? 0)...)
                _ = try directories.pop()
                return .left
            }
            guard try proceed(to: name) else { continue }
            if isFile, !looksAtFiles { return .listedFile }
            if let step = try look(in: directory) { return step }
        }
        return nil
    }

    private mutating func nextName() -> (name: FileName, isFile: Bool)? {
        directories.withContent { level -> (name: FileName, isFile: Bool)? in
            guard level.next < level.names.count else { return nil }
            defer { level.next += 1 }
            return (level.names[level.next], level.names.isFile(level.next))
        } ?? nil
    }

    /// - Returns: whether the name may be served.
    private mutating func proceed(to name: FileName) throws(FileFault) -> Bool {
        if StageName.matches(name) { return false }
        self.name = name
        path.removeSubrange((directories.content?.pathLength ?? 0)...)
        if !path.isEmpty { path.append(UInt8(ascii: "/")) }
        for character in name.cString.dropLast() { path.append(UInt8(bitPattern: character)) }
        guard path.count <= Limits.path, name.cString.count - 1 <= Limits.component else { throw .tooLong }
        return true
    }

    /// `nil` for what is hidden.
    private func look(in directory: Descriptor) throws(FileFault) -> Step? {
        guard let status = try present({ () throws(Errno) in try directory.status(of: name) }) else { return .vanished }
        switch status.kind {
        case .directory: return status.identity == hidden.baton ? nil : .directory(status)
        case .file: return .file(status)
        case .symbolicLink: return .link(status)
        case .socket: return .skipped(.socket, status)
        case .fifo: return .skipped(.fifo, status)
        case .characterDevice: return .skipped(.characterDevice, status)
        case .blockDevice: return .skipped(.blockDevice, status)
        case .unknown: throw .changed
        }
    }

    /// Opens the directory of the last step; `nil` if there is none (or one that is hidden) any more.
    func openDirectory() throws(FileFault) -> Descriptor? {
        guard let parent = directories.current else { return nil }
        guard let child = try present({ () throws(Errno) in try parent.directory(name) }) else { return nil }
        let found = try faulting { () throws(Errno) in try child.status().identity }
        return found == hidden.baton ? nil : child
    }

    /// Opens what has the name of the last step now, if it is no link; `nil` if it has gone.
    func openFile() throws(FileFault) -> Descriptor? {
        guard let directory = directories.current else { return nil }
        return try present { () throws(Errno) in try directory.file(name) }
    }

    /// Where the link of the last step points; `nil` if it has gone.
    func linkTarget() throws(FileFault) -> [UInt8]? {
        guard let directory = directories.current else { return nil }
        return try present { () throws(Errno) in try directory.target(ofLink: name) }
    }
}

/// The outcome of `body`; `nil` if what it is about has gone, or is now of another kind.
func present<T>(_ body: () throws(Errno) -> T) throws(FileFault) -> T? {
    do throws(Errno) {
        return try body()
    } catch {
        if error.meansReplaced { return nil }
        throw .system(error)
    }
}
