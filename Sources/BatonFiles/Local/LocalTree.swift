import BatonProtocol
import CLinux
import Glibc
package import SystemPackage

/// What a program does with the directories of its own machine: the library's local operations. Links below a place are never followed,
/// and Baton's own folder and stages are never seen, as nobody else sees them.
package struct LocalTree {
    package let place: FilePath
    private let baton: FilePath

    /// - Parameter layout: of the work in whose name it is done.
    package init(_ place: FilePath, in layout: WorkLayout) {
        self.place = place
        baton = layout.baton
    }

    /// The names in the directory, bytewise in order.
    package func names() throws(FileFault) -> [[UInt8]] {
        let directory = try open()
        let names = try faulting { () throws(Errno) in try DirectoryNames(of: directory) }
        let hidden = hidden
        return (0..<names.count).map { names[$0] }.filter { name in
            if StageName.matches(name) { return false }
            return name != ".baton" || (try? directory.status(of: name).identity) != hidden.baton
        }.map(\.bytes)
    }

    /// All that lies below the directory, relative to it, in tree order.
    package func everything() throws(FileFault) -> [[UInt8]] {
        var found: [[UInt8]] = []
        var walk = TreeWalk(hidden: hidden)
        let directory = try open()
        try walk.enter(directory, try faulting { () throws(Errno) in try DirectoryNames(of: directory) })
        while let step = try walk.next(looksAtFiles: false) {
            switch step {
            case .left, .vanished: continue
            case .file, .listedFile, .link, .skipped: found.append(walk.path)
            case .directory:
                found.append(walk.path)
                guard let next = try walk.openDirectory() else { continue }
                try walk.enter(next, try faulting { () throws(Errno) in try DirectoryNames(of: next) })
            }
        }
        return found
    }

    /// Makes the directory, and those above it that are missing.
    package func makeDirectories() throws(FileFault) {
        try faulting { () throws(Errno) in
            var parents = try ParentDirectories(to: place.componentNames)
            try parents.makeMissing()
        }
    }

    /// Removes what lies there, and all below it.
    ///
    /// - Returns: whether there was something.
    @discardableResult
    package func remove() throws(FileFault) -> Bool {
        let (directory, name) = try parent()
        return try directory.removeTree(name)
    }

    /// Whether the work itself lies there, or below: its root directory, its `.baton`, or the folder of all copies.
    package func holdsTheWork() -> Bool {
        if place.componentNames.isEmpty { return true }
        guard let (parent, name) = try? parent(), let found = try? parent.status(of: name) else { return false }
        return [baton.removingLastComponent(), baton, baton.appending("from")].contains { place in
            let directory = try? Descriptor.place(of: FileName(place.bytes))
            return (try? directory?.isOrIsBelow { $0 == found.identity }) == true
        }
    }

    private func open() throws(FileFault) -> Descriptor {
        try faulting { () throws(Errno) in
            try Descriptor.place(of: FileName(place.bytes)).directory(.current)
        }
    }

    func parent() throws(FileFault) -> (directory: Descriptor, name: FileName) {
        guard let name = place.componentNames.last else { throw .system(.invalidArgument) }
        let above = place.removingLastComponent()
        return (try faulting { () throws(Errno) in try Descriptor.place(of: FileName(above.bytes)) }, name)
    }

    var hidden: Hidden {
        let folder = try? Descriptor.place(of: FileName(baton.bytes)).status()
        return Hidden(baton: folder?.identity ?? FileIdentity(device: .max, inode: .max))
    }
}

// MARK: Moving

extension LocalTree {
    /// Gives it another name, on the same file system, in one step.
    ///
    /// - Parameter replacing: what has that name goes, whatever it is.
    package func rename(to target: FilePath, replacing: Bool) throws(FileFault) {
        if !replacing {
            do throws(Errno) { return try rename(to: target, BATON_RENAME_NOREPLACE) } catch {
                guard error.meansNotOffered else { throw .system(error) }
            }
            // The file system cannot refuse by itself.
            let (directory, name) = try LocalTree(target, baton).parent()
            if (try? directory.status(of: name)) != nil { throw .system(.fileExists) }
        }
        do throws(Errno) { try rename(to: target, 0) } catch {
            // A file takes a directory's name, or a directory that of one that is not empty: they change places, then the old one goes.
            guard replacing, [.isDirectory, .notDirectory, .directoryNotEmpty, .fileExists].contains(error) else {
                throw .system(error)
            }
            try faulting { () throws(Errno) in try rename(to: target, BATON_RENAME_EXCHANGE) }
            try remove()
        }
    }

    private func rename(to target: FilePath, _ flags: CInt) throws(Errno) {
        let (old, new) = (FileName(place.bytes), FileName(target.bytes))
        _ = try systemCall { baton_renameat2(AT_FDCWD, old.cString, AT_FDCWD, new.cString, UInt32(flags)) }
    }

    private init(_ place: FilePath, _ baton: FilePath) {
        self.place = place
        self.baton = baton
    }
}
