import BatonProtocol
import SystemPackage

/// The directories of a stage from its top down to where the receiver works.
///
/// Each is kept open to its owner (0700) as long as it is in here, and gets its mode and time when it is left: what is put
/// into it would change them.
struct StageDirectories {
    private struct Level {
        let path: PathName
        let finish: Finish
        /// What was in an announced directory before: what is not named again goes.
        var unnamed: UnnamedChildren?
    }

    private enum Finish {
        /// As its entry says.
        case announced(TreeEntry)
        /// As it was before it was entered.
        case unchanged(FileStatus)
    }

    private let stage: Stage
    /// Set the extended attributes of entries, and remove all others.
    private let setsAttributes: Bool
    private var stack = DirectoryStack<Level>()
    /// Entries of which an extended attribute could not be set here.
    private(set) var withoutAttributes: [PathName] = []

    init(in stage: Stage, setsAttributes: Bool) {
        self.stage = stage
        self.setsAttributes = setsAttributes
    }

    /// The directory in which `path` lies, and its name there. Directories above it that are left are finished; those that
    /// are entered were there before.
    ///
    /// - Throws: `ENOENT` or `ENOTDIR` for a path that lies in no directory of the stage.
    mutating func parent(of path: PathName) throws(FileFault) -> (directory: Descriptor, name: FileName) {
        try leave(upTo: path)
        if path.isRoot { return (stage.directory, stage.name.fileName) }
        let depth = path.parentCount
        if stack.isEmpty { try enter(.root, in: stage.directory, stage.name.fileName) }
        while let level = stack.content, let directory = stack.current, level.path.bytes.count < depth {
            let start = level.path.isRoot ? 0 : level.path.bytes.count + 1
            let component = path.bytes[start...].prefix { $0 != UInt8(ascii: "/") }
            guard let next = try? PathName(path.bytes[..<component.endIndex]) else { throw .system(.fileNameTooLong) }
            try enter(next, in: directory, FileName(component))
        }
        guard let directory = stack.current else { throw .system(.notDirectory) }
        try removeUnnamed(before: path, in: directory)
        return (directory, FileName(path.name))
    }

    /// Enters a directory that has just been made.
    mutating func push(made directory: Descriptor, _ entry: TreeEntry) throws(FileFault) {
        try push(directory, Level(path: entry.path, finish: .announced(entry)))
    }

    /// Enters a directory of the stage that an entry announces.
    ///
    /// - Parameter amending: what is not named from now on goes.
    mutating func push(
        existing entry: TreeEntry, in parent: Descriptor, _ name: FileName, amending: Bool
    ) throws(FileFault) {
        let (directory, _) = try StageDirectories.open(name, in: parent)
        let unnamed = try amending ? UnnamedChildren(of: directory) : nil
        try push(directory, Level(path: entry.path, finish: .announced(entry), unnamed: unnamed))
    }

    /// Finishes all directories.
    ///
    /// - Parameter removing: also remove what an announced directory had and was not named; otherwise tell of it.
    mutating func leaveAll(removing: Bool = true) throws(FileFault) -> [(directory: PathName, names: [FileName])] {
        var kept: [(directory: PathName, names: [FileName])] = []
        while let level = stack.content {
            if !removing, var unnamed = level.unnamed {
                let names = unnamed.takeRest()
                if !names.isEmpty { kept.append((level.path, names)) }
                stack.content?.unnamed = nil
            }
            try leave()
        }
        return kept
    }

    private mutating func leave(upTo path: PathName) throws(FileFault) {
        while let level = stack.content, !level.path.isAbove(path) { try leave() }
    }

    private mutating func leave() throws(FileFault) {
        if let directory = stack.current, stack.content?.unnamed != nil {
            let rest = stack.withContent { $0.unnamed?.takeRest() ?? [] } ?? []
            for name in rest { try directory.removeTree(name) }
        }
        guard let (directory, level) = try stack.pop() else { throw .changed }
        switch level.finish {
        case .announced(let entry): try finish(directory, entry)
        case .unchanged(let status):
            try faulting { () throws(Errno) in
                if status.mode & 0o700 != 0o700 { try directory.setMode(status.mode) }
                try directory.setModified(status.modified)
            }
        }
    }

    /// Gives a file or a directory what its entry says of it.
    mutating func finish(_ descriptor: Descriptor, _ entry: TreeEntry) throws(FileFault) {
        if setsAttributes, !descriptor.setAttributes(exactly: entry.attributes) { withoutAttributes.append(entry.path) }
        try faulting { () throws(Errno) in
            try descriptor.setMode(entry.mode)
            try descriptor.setModified(entry.modified)
        }
    }

    private mutating func removeUnnamed(before path: PathName, in directory: Descriptor) throws(FileFault) {
        guard stack.content?.unnamed != nil else { return }
        let names = stack.withContent { $0.unnamed?.take(before: path.name) ?? [] } ?? []
        for name in names { try directory.removeTree(name) }
    }

    private mutating func enter(_ path: PathName, in parent: Descriptor, _ name: FileName) throws(FileFault) {
        let (directory, status) = try StageDirectories.open(name, in: parent)
        try push(directory, Level(path: path, finish: .unchanged(status)))
    }

    private mutating func push(_ directory: Descriptor, _ level: Level) throws(FileFault) {
        let identity = try faulting { () throws(Errno) in try directory.status().identity }
        stack.push(directory, identity: identity, level)
    }

    /// Opens a directory of the stage, whatever its mode; `status` is as it was before.
    private static func open(
        _ name: FileName, in parent: Descriptor
    ) throws(FileFault) -> (Descriptor, status: FileStatus) {
        try faulting { () throws(Errno) in
            let place = try parent.placeOfDirectoryOnSameMount(name)
            let status = try place.status()
            if status.mode & 0o700 != 0o700 { try place.setModeOfPlace(0o700) }
            return (try place.directory(.current), status)
        }
    }
}

/// What was in a directory when a later pass announced it, as far as it has not been named again.
struct UnnamedChildren {
    private let names: DirectoryNames
    private var next = 0

    init(of directory: Descriptor) throws(FileFault) {
        names = try faulting { () throws(Errno) in try DirectoryNames(of: directory) }
    }

    /// Those before `name`, which is named itself now.
    mutating func take(before name: some Collection<UInt8>) -> [FileName] {
        var taken: [FileName] = []
        while next < names.count {
            let candidate = names[next].bytes
            if name.lexicographicallyPrecedes(candidate) { break }
            next += 1
            if candidate.elementsEqual(name) { break }
            taken.append(FileName(candidate))
        }
        return taken
    }

    mutating func takeRest() -> [FileName] {
        defer { next = names.count }
        return (next..<names.count).map { names[$0] }
    }
}

extension Descriptor {
    /// Sets these extended attributes and removes all others that travel.
    ///
    /// - Returns: whether all could be set.
    func setAttributes(exactly attributes: [ExtendedAttribute]) -> Bool {
        let wanted = Set(attributes.map(\.name))
        for name in (try? attributeNames()) ?? [] where ExtendedAttribute.travels(name) && !wanted.contains(name) {
            try? removeAttribute(name)
        }
        var areSet = true
        for attribute in attributes {
            do throws(Errno) { try setAttribute(attribute.name, attribute.value) } catch { areSet = false }
        }
        return areSet
    }
}
