import BatonFiles
import SystemPackage

// Links at the path itself are moved, copied and removed as such, never followed.

extension Path {
    /// Removes what lies at the path, on this machine. A path of another work stays as it is there.
    ///
    /// - Parameters:
    ///   - recursive: a directory with all that lies in it, whatever the modes of its directories.
    ///   - missingOK: do nothing if there is nothing.
    /// - Throws: ``PathError`` `notFound`, `notEmpty`, `permission`, `outsideWork`; `usage` for what holds the work's root directory.
    public func remove(recursive: Bool = false, missingOK: Bool = false) throws(PathError) {
        do throws(PathError) {
            try refuseToLoseTheWork()
            let isDirectory = try stat(followingLinks: false).kind == .directory
            try locally(
                "cannot be removed",
                tree: { tree throws(FileFault) in
                    if recursive { try tree.remove() } else { try tree.removeOne(isDirectory: isDirectory) }
                })
        } catch {
            guard missingOK, error.code == .notFound || error.code == .notADirectory else { throw error }
        }
    }

    /// Gives what lies at the path, on this machine, another name: in one step, or by a copy if that lies on another file system.
    ///
    /// - Parameters:
    ///   - destination: the new path itself, not the directory that it is to lie in.
    ///   - overwrite: replace what is there, whatever it is.
    /// - Returns: the destination.
    /// - Throws: ``PathError`` `notFound`, `alreadyExists`, `permission`, `noSpace`, `outsideWork`; `usage` for what holds the work's root
    ///   directory, or a destination inside of what is moved.
    @discardableResult
    public func move(to destination: Path, overwrite: Bool = false) throws(PathError) -> Path {
        let failing = "cannot be moved to '\(destination)'"
        try refuseToLoseTheWork()
        if overwrite { try destination.refuseToLoseTheWork() }
        let target = try destination.filePath
        do throws(PathError) {
            try locally(
                failing, tree: { tree throws(FileFault) in try tree.rename(to: target, replacing: overwrite) })
        } catch {
            // EXDEV
            guard error.code == .unsupported else { throw error }
            try copy(to: destination, overwrite: overwrite)
            try remove(recursive: true)
        }
        return destination
    }

    /// Copies what lies at the path, on this machine, with permissions, modification times, links and holes. The destination appears
    /// in one step, once all of it is there; after a failure it is as it was.
    ///
    /// - Parameters:
    ///   - destination: the new path itself, not the directory that it is to lie in.
    ///   - overwrite: replace what is there, whatever it is.
    /// - Returns: the destination.
    /// - Throws: as ``move(to:overwrite:)``; `unsupported` if there is a socket, a FIFO or a device among it.
    @discardableResult
    public func copy(to destination: Path, overwrite: Bool = false) throws(PathError) -> Path {
        let failing = "cannot be copied to '\(destination)'"
        _ = try WorkContext.required(for: self)
        if overwrite { try destination.refuseToLoseTheWork() }
        if !overwrite, try destination.kind(followingLinks: false) != nil {
            throw PathError(.fileExists, failing, self, at: try destination.filePath)
        }
        let temporary = try destination.temporarySibling()
        let (stage, target) = (try temporary.filePath, try destination.filePath)
        do throws(PathError) {
            try locally(failing, tree: { tree throws(FileFault) in try tree.copy(to: stage) })
            try temporary.locally(
                "cannot become '\(destination)'",
                tree: { tree throws(FileFault) in try tree.rename(to: target, replacing: overwrite) })
        } catch {
            try? temporary.remove(recursive: true)
            throw error
        }
        return destination
    }

    /// Makes a symbolic link at the path, on this machine, in one step.
    ///
    /// - Parameters:
    ///   - target: where it points, as it stands: relative to the link's own directory, or absolute.
    ///   - overwrite: replace what is there, unless it is a directory.
    /// - Throws: ``PathError`` `alreadyExists`, `isADirectory`, `permission`, `noSpace`, `outsideWork`.
    public func makeSymlink(to target: String, overwrite: Bool = false) throws(PathError) {
        guard !target.isEmpty, !target.utf8.contains(0) else {
            throw PathError(.invalidPath, "a link cannot point to an empty name, or one with a NUL byte", path: self)
        }
        guard overwrite, try kind(followingLinks: false) != nil else {
            return try locally("cannot be made") { place throws(Errno) in
                try place.makeLink(to: FilePath(bytes: Array(target.utf8)))
            }
        }
        if try stat(followingLinks: false).kind == .directory {
            throw PathError(.isDirectory, "cannot be replaced by a link", self, at: try filePath)
        }
        let temporary = try temporarySibling()
        try temporary.makeSymlink(to: target)
        try temporary.move(to: self, overwrite: true)
    }

    /// Where the symbolic link at the path points, as it stands.
    ///
    /// - Throws: ``PathError`` `notFound`, `usage` if it is no link, `unsupported` if its target is no UTF-8, `outsideWork`.
    public func symlinkTarget() throws(PathError) -> String {
        let target = try locally("cannot be read as a link") { place throws(Errno) in try place.linkTarget() }
        guard let text = String(validating: target, as: UTF8.self) else {
            throw PathError(
                .unsupported, "the link '\(self)' points to a name that is no UTF-8, so it is no text", path: self)
        }
        return text
    }
}

extension LocalTree {
    fileprivate func removeOne(isDirectory: Bool) throws(FileFault) {
        do throws(Errno) {
            if isDirectory { try place.removeDirectory() } else { try place.removeFile() }
        } catch {
            throw .system(error)
        }
    }
}
