import BatonProtocol
import Glibc
import SystemPackage

/// Where a tree is to be published: a name in a directory that is held.
struct Destination {
    let path: FilePath
    let name: FileName
    private let folder: WorkFolder
    private var parents: ParentDirectories

    /// A place holder of the directory in which the name lies.
    var directory: Descriptor { parents.directory }

    /// Judges `path` before anything is made, then makes the directories above it that are missing.
    ///
    /// Below `ROOT/.baton/from` no link is followed: what lies there came from other works, and must not lead elsewhere.
    ///
    /// - Throws: ``BatonError`` `usage` for a relative path; `cannotCreate` for what must never be replaced; `permission`
    ///   for a directory that may not be written; `alreadyExists` without `overwrite`.
    init(_ path: FilePath, overwrite: Bool, folder: WorkFolder) throws(BatonError) {
        guard path.isAbsolute else {
            throw BatonError(.usage, "the destination '\(Escaping.printable(path.bytes))' must be absolute")
        }
        let names = path.componentNames
        guard let name = names.last else { throw .refused(path, "it is the root of the file system") }
        guard name != .parent else { throw .refused(path, "it must end with the name of the copy") }
        guard !StageName.matches(name) else { throw .refused(path, "names like this are Baton's own") }
        do { parents = try Destination.parents(of: names, folder: folder) } catch { throw .writing(path, error) }
        self.path = path
        self.name = name
        self.folder = folder
        try judge(overwrite: overwrite)
        do { try parents.makeMissing() } catch { throw .writing(path, error) }
    }

    /// Finds the directory anew after it has gone, and makes it again.
    mutating func reopen() throws(Errno) {
        parents = try Destination.parents(of: path.componentNames, folder: folder)
        try parents.makeMissing()
    }

    private static func parents(of names: [FileName], folder: WorkFolder) throws(Errno) -> ParentDirectories {
        let from = folder.fromIdentity
        return try ParentDirectories(to: names.dropLast()) { $0 == from }
    }

    /// Judges the directory and what is at the destination now.
    func judge(overwrite: Bool) throws(BatonError) {
        let flaw: String?
        do { flaw = try refusal() } catch { throw .writing(path, error) }
        if let flaw { throw .refused(path, flaw) }
        do throws(Errno) {
            if !overwrite, parents.missing.isEmpty, try existing() != nil { throw .fileExists }
            try directory.checkAccess(W_OK | X_OK)
        } catch {
            throw .writing(path, error)
        }
    }

    /// What is at the destination; a link is itself.
    func existing() throws(Errno) -> FileStatus? {
        do throws(Errno) { return try directory.status(of: name) } catch .noSuchFileOrDirectory { return nil }
    }

    /// Why there may be no copy here, whatever was asked for.
    private func refusal() throws(Errno) -> String? {
        if try directory.isOrIsBelow({ $0 == folder.batonIdentity }),
            try !directory.isOrIsBelow({ $0 == folder.fromIdentity })
        {
            return "it lies in Baton's own folder"
        }
        guard parents.missing.isEmpty, let found = try existing() else { return nil }
        if try directory.isMountRoot(name) { return "a file system is mounted there" }
        if found.entryKind == .other { return "a device, a FIFO or a socket is there" }
        guard found.kind == .directory else { return nil }
        if found.identity == folder.batonIdentity || found.identity == folder.fromIdentity {
            return "it is Baton's own folder"
        }
        // A path that is too long to be told is too long to mount something below it.
        if let real = try? directory.place(of: name).realPath(), try MountTable().hasMount(below: real) {
            return "a file system is mounted below it"
        }
        let holdsRoot = try folder.directory.isOrIsBelow { $0 == found.identity }
        return holdsRoot ? "it is the work's root directory or holds it" : nil
    }

    /// Has the name on the disk, and the directories that were made for it.
    ///
    /// - Returns: whether that worked.
    func synchronize(_ calls: FileSystemCalls) -> Bool {
        var lowest = directory
        for _ in 0...parents.madeCount {
            guard (try? calls.synchronize(lowest.directory(.current))) != nil,
                let above = try? lowest.place(of: .parent)
            else { return false }
            lowest = above
        }
        return true
    }

    /// Takes away again the directories that were made for it, as far as they are empty.
    func removeMade() { parents.removeMade() }
}
