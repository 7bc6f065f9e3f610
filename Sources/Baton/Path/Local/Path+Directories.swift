import BatonFiles
import SystemPackage

extension Path {
    /// What lies in the directory, on this machine, names bytewise in order.
    ///
    /// - Throws: ``PathError`` `notFound`, `notADirectory`, `permission`, `outsideWork`.
    public func list() throws(PathError) -> [Path] {
        let names = try locally("cannot be listed", tree: { tree throws(FileFault) in try tree.names() })
        return try appending(all: names)
    }

    /// All that lies below the directory, on this machine: a directory before what lies in it, names bytewise in order. Links are listed
    /// and not followed.
    ///
    /// - Throws: as ``list()``.
    public func walk() throws(PathError) -> [Path] {
        let found = try locally("cannot be walked", tree: { tree throws(FileFault) in try tree.everything() })
        return try appending(all: found)
    }

    private func appending(all found: [[UInt8]]) throws(PathError) -> [Path] {
        var paths: [Path] = []
        paths.reserveCapacity(found.count)
        for bytes in found { paths.append(try appending(bytes: bytes)) }
        return paths
    }

    /// Makes a directory, on this machine.
    ///
    /// - Parameters:
    ///   - parents: make those above it that are missing, too.
    ///   - existingOK: do nothing if it is there already.
    /// - Throws: ``PathError`` `alreadyExists`, also if there is something else; `notFound` if a parent is missing; `permission`,
    ///   `noSpace`, `outsideWork`.
    public func makeDirectory(parents: Bool = true, existingOK: Bool = true) throws(PathError) {
        let failing = "cannot be made"
        _ = try WorkContext.required(for: self)
        do throws(PathError) {
            if parents, hasParent {
                try parent.locally(failing, tree: { tree throws(FileFault) in try tree.makeDirectories() })
            }
            try locally(failing) { place throws(Errno) in try place.makeDirectory() }
        } catch {
            guard error.code == .alreadyExists else { throw error }
            if existingOK, try isDirectory { return }
            throw PathError(.alreadyExists, "'\(self)' \(failing): there is something already", path: self)
        }
    }
}

extension PathError {
    /// What the system said about a tree.
    init(_ fault: FileFault, _ failing: String, _ path: Path, at place: FilePath) {
        switch fault {
        case .system(let reason): self.init(reason, failing, path, at: place)
        case .changed:
            self.init(.changed, "'\(path)' \(failing): somebody else changes it meanwhile; try again", path: path)
        case .tooLong:
            self.init(
                .tooLarge, "'\(path)' \(failing): there are names below it that are too long for a path", path: path)
        case .stopped(let error): self.init(error, about: path)
        }
    }
}
