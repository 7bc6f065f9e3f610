import BatonProtocol
import SystemPackage

/// A tree that lies here already and never changes: files of it are taken, as hard links, for those that the sender says to be the same.
struct BaseTree: Sendable {
    /// Holds the top of the tree.
    let directory: Descriptor
    let name: FileName

    /// Makes the file that `entry` announces a further name of the one at the same path here.
    ///
    /// - Throws: `corrupt` if that is not what the entry says.
    func link(_ entry: TreeEntry, as newName: FileName, in newParent: Descriptor) throws(FileFault) {
        let flaw = FileFault.stopped(.corrupt(entry.path, "is said to be kept, but is not what is kept"))
        var parent = directory
        var name = name
        do throws(Errno) {
            for component in entry.path.components {
                parent = try parent.directory(name)
                name = FileName(component)
            }
            let status = try parent.status(of: name)
            guard status.kind == .file, status.size == entry.size, status.mode == entry.mode,
                status.modified == entry.modified
            else { throw .noSuchFileOrDirectory }
            try parent.link(name, as: newName, in: newParent)
        } catch .noSuchFileOrDirectory, .notDirectory, .tooManySymbolicLinkLevels {
            throw flaw
        } catch {
            throw .system(error)
        }
    }
}
