import BatonProtocol
import Glibc
import SystemPackage

// Ways into a stage whose directories may already have modes that keep their owner out.

extension Stage {
    /// Lends the directory in which `path` lies, and its name there. No link is followed, nothing outside is reached.
    ///
    /// - Throws: `ENOENT`, `ENOTDIR` or `ELOOP` for a path that lies in no directory of the stage.
    func withDirectory(
        of path: PathName, _ body: (Descriptor, FileName) throws(Errno) -> Void
    ) throws(FileFault) {
        try faulting { () throws(Errno) in
            let top = try directory.placeOfDirectoryOnSameMount(name.fileName)
            let parent = path.bytes.prefix(path.parentCount)
            do throws(Errno) {
                try body(parent.isEmpty ? top : top.placeOfDirectoryOnSameMount(FileName(parent)), FileName(path.name))
            } catch .permissionDenied {
                try withSearchable(top, parent) { directory throws(Errno) in try body(directory, FileName(path.name)) }
            }
        }
    }

    /// The same where directories on the way must be opened to their owner meanwhile.
    private func withSearchable(
        _ top: Descriptor, _ path: ArraySlice<UInt8>, _ body: (Descriptor) throws(Errno) -> Void
    ) throws(Errno) {
        var opened: [(place: Descriptor, mode: UInt16)] = []
        defer { for (place, mode) in opened.reversed() { try? place.setModeOfPlace(mode_t(mode)) } }
        var directory = top
        var names = path.split(separator: UInt8(ascii: "/")).map { FileName($0) }[...]
        while true {
            let mode = try directory.status().mode
            if mode & 0o700 != 0o700 {
                opened.append((directory, mode))
                try directory.setModeOfPlace(mode_t(mode | 0o700))
            }
            guard let name = names.popFirst() else { return try body(directory) }
            directory = try directory.placeOfDirectoryOnSameMount(name)
        }
    }

    /// One thing in a stage.
    struct Visited {
        let parent: Descriptor
        let name: FileName
        let status: FileStatus
        /// Open, for a directory.
        let directory: Descriptor?
    }

    private struct Level {
        let name: FileName
        let status: FileStatus
        let names: DirectoryNames
        var next = 0
    }

    /// Visits everything that there is, directories after what they hold. Modes stay as they are.
    func visit(_ body: (Visited) throws(FileFault) -> Void) throws(FileFault) {
        var levels = DirectoryStack<Level>()
        try visit(name.fileName, in: directory, &levels, body)
        while let current = levels.current, let level = levels.content {
            if level.next < level.names.count {
                levels.content?.next += 1
                try visit(level.names[level.next], in: current, &levels, body)
                continue
            }
            guard let (left, _) = try levels.pop() else { return }
            if level.status.mode & 0o700 != 0o700 {
                try faulting { () throws(Errno) in try left.setMode(level.status.mode) }
            }
            try body(
                Visited(parent: levels.current ?? directory, name: level.name, status: level.status, directory: left))
        }
    }

    private func visit(
        _ name: FileName, in parent: Descriptor, _ levels: inout DirectoryStack<Level>,
        _ body: (Visited) throws(FileFault) -> Void
    ) throws(FileFault) {
        let status = try faulting { () throws(Errno) in try parent.status(of: name) }
        guard status.kind == .directory else {
            return try body(Visited(parent: parent, name: name, status: status, directory: nil))
        }
        let opened = try faulting { () throws(Errno) in
            let place = try parent.placeOfDirectoryOnSameMount(name)
            if status.mode & 0o700 != 0o700 { try place.setModeOfPlace(0o700) }
            return try place.directory(.current)
        }
        let names = try faulting { () throws(Errno) in try DirectoryNames(of: opened) }
        levels.push(opened, identity: status.identity, Level(name: name, status: status, names: names))
    }

    /// As many files and directories are brought to the disk one by one.
    private static let fewEntries: UInt64 = 64

    /// Has everything in the stage on the disk.
    ///
    /// - Parameter entries: how much that is, about.
    func synchronize(entries: UInt64, _ calls: FileSystemCalls) throws(FileFault) {
        if entries > Stage.fewEntries {
            return try faulting { () throws(Errno) in try calls.synchronizeFileSystem(directory.directory(.current)) }
        }
        try visit { visited throws(FileFault) in
            try faulting { () throws(Errno) in
                if let directory = visited.directory { return try calls.synchronize(directory) }
                // A link is on the disk with its directory.
                guard visited.status.kind == .file else { return }
                try calls.synchronize(
                    visited.parent.fileForSynchronizing(visited.name, mode: visited.status.mode))
            }
        }
    }

    /// Removes what comes after `path` in tree order: what was made, but not noted.
    func removeAll(after path: PathName) throws(FileFault) {
        let top = try faulting { () throws(Errno) in try directory.status(of: name.fileName) }
        guard top.kind == .directory else { return }
        var current = try faulting { () throws(Errno) in try directory.directory(name.fileName) }
        for component in path.components {
            try current.removeChildren(after: Array(component))
            do throws(Errno) {
                current = try current.directory(FileName(component))
            } catch .noSuchFileOrDirectory, .notDirectory, .tooManySymbolicLinkLevels {
                return
            } catch {
                throw .system(error)
            }
        }
        try current.removeChildren(after: [])
    }
}

extension Descriptor {
    fileprivate func removeChildren(after name: [UInt8]) throws(FileFault) {
        let names = try faulting { () throws(Errno) in try DirectoryNames(of: self) }
        for index in names.firstIndex(after: name)..<names.count { try removeTree(names[index]) }
    }

    fileprivate func fileForSynchronizing(_ name: FileName, mode: UInt16) throws(Errno) -> Descriptor {
        do throws(Errno) { return try file(name) } catch .permissionDenied {
            let place = try place(of: name)
            try place.setModeOfPlace(0o600)
            defer { try? place.setModeOfPlace(mode_t(mode)) }
            return try place.reopenedFile()
        }
    }
}

extension FileFault {
    /// A path leads through what is no directory.
    var meansNoDirectory: Bool {
        guard case .system(let reason) = self else { return false }
        return reason == .noSuchFileOrDirectory || reason == .notDirectory || reason == .tooManySymbolicLinkLevels
    }

    var isMissingFile: Bool {
        guard case .system(.noSuchFileOrDirectory) = self else { return false }
        return true
    }

    /// The origin named something in a directory that it has not sent.
    func asMissingDirectory(of path: PathName) -> FileFault {
        meansNoDirectory ? .stopped(.corrupt(path, "lies in no directory that came before it")) : self
    }
}
