public import BatonProtocol
import Glibc
import Synchronization
import SystemPackage

/// The paths that a work shares, and everything that is asked about them. Blocking: call it from threads of your own.
///
/// Every path is looked up anew for every request: the declared path following links, what is below it only as far as
/// links stay beneath. `ROOT/.baton` and stages are never served, by whatever name they are reached.
public final class SharedFiles: Sendable {
    let hidden: Hidden
    private let folder: WorkFolder
    private let servesReadOnly: Bool
    private let paths = Mutex<[PathName]>([])

    /// - Parameter servesReadOnly: share also what this user may read but not write.
    public init(folder: WorkFolder, servesReadOnly: Bool) {
        self.folder = folder
        self.servesReadOnly = servesReadOnly
        hidden = Hidden(baton: folder.batonIdentity)
    }

    /// The declared paths in the order in which they were declared.
    public var declared: [PathName] { paths.withLock { $0 } }

    /// Shares `path` and everything below it, now or once it exists.
    ///
    /// - Returns: whether there is something at the path now.
    /// - Throws: ``BatonError`` `usage` for what is never served, `permission` if this user may not read and write it.
    public func declare(_ path: PathName) throws(BatonError) -> Bool {
        var exists = true
        do throws(BatonError) {
            if Hidden.hides(path) { throw Hidden.refusal(of: path) }
            try refuseIfHidden(place(ofDeclared: path, asked: path))
        } catch {
            switch error.code {
            case .notFound: exists = false
            case .notShared: throw BatonError(.usage, error.message, path: path)
            default: throw error
            }
        }
        paths.withLock { if !$0.contains(path) { $0.append(path) } }
        return exists
    }

    /// Where the components of a path are looked up from.
    func start(of path: PathName) throws(Errno) -> Descriptor {
        path.isAbsolute ? try Descriptor.place(of: "/") : folder.directory
    }

    /// What a requested path leads to.
    ///
    /// - Throws: ``BatonError`` `notShared`, `notFound`, `permission`
    func resolve(_ path: PathName, _ lookup: Lookup = .complete) throws(BatonError) -> Place {
        let (declared, rest) = try declaration(for: path)
        var place: Place
        do throws(BatonError) {
            place = try self.place(ofDeclared: declared, asked: path, lookup)
        } catch {
            throw error.code == .notFound ? error.uncovered : error
        }
        if !rest.isRoot {
            do throws(Errno) {
                let descriptor = try place.descriptor.place(beneath: FileName(rest.bytes), lookup)
                place = Place(descriptor: descriptor, path: path, status: try descriptor.status())
            } catch .improperLink {
                throw BatonError(
                    .notShared, "'\(path)' is not shared: a symbolic link in it leads out of '\(declared)'", path: path)
            } catch {
                throw .reading(path, error)
            }
        }
        try refuseIfHidden(place)
        return place
    }

    /// Whether there is something below a declared path: the common case, told with as few system calls as can. Without a link
    /// or a mount on the way the path alone says whether it leads out of what is declared, or to what is hidden.
    ///
    /// - Returns: false if only ``resolve(_:_:)`` can tell.
    func isPlainlyThere(_ path: PathName) -> Bool {
        guard !path.isAbsolute, !Hidden.mayNameBaton(path.bytes), let (declared, rest) = try? declaration(for: path),
            !declared.isRoot, !rest.isRoot, (try? folder.directory.plainPlaceInMemory(FileName(path.bytes))) != nil
        else { return false }
        let access: Void? = try? folder.directory.checkAccess(
            R_OK | X_OK | (servesReadOnly ? 0 : W_OK), to: FileName(declared.bytes))
        return access != nil
    }

    /// The longest declared path that is `path` or an ancestor of it, and what is left of `path` below it.
    private func declaration(for path: PathName) throws(BatonError) -> (path: PathName, rest: PathName) {
        guard !Hidden.hides(path) else { throw Hidden.refusal(of: path) }
        let candidates = declared.compactMap { declared in
            path.relative(to: declared).map { (path: declared, rest: $0) }
        }
        guard let longest = candidates.max(by: { $0.path.bytes.count < $1.path.bytes.count }) else {
            if Flaw.breaks("OPS-3") { return (.root, path) }
            let message = "'\(path)' is not shared: its work declared neither it nor a path above it"
            throw BatonError(.notShared, message, path: path).uncovered
        }
        return longest
    }

    /// What a declared path leads to, if this user may serve it.
    private func place(
        ofDeclared declared: PathName, asked path: PathName, _ lookup: Lookup = .complete
    ) throws(BatonError) -> Place {
        do throws(Errno) {
            let name = declared.isRoot ? FileName.current : FileName(declared.bytes)
            let descriptor = try folder.directory.place(following: name, lookup)
            let status = try descriptor.status()
            let search = status.kind == .directory ? X_OK : 0
            try descriptor.checkAccess(R_OK | search | (servesReadOnly ? 0 : W_OK))
            return Place(descriptor: descriptor, path: path, status: status)
        } catch .permissionDenied {
            let need = servesReadOnly ? "read" : "read and write"
            let advice = servesReadOnly ? "" : ", or pass --serve-read-only"
            throw BatonError(
                .permission,
                "'\(declared)' cannot be shared: the user its work runs as may not \(need) it; change its mode\(advice)",
                path: path)
        } catch {
            throw .reading(path, error)
        }
    }

    private func refuseIfHidden(_ place: Place) throws(BatonError) {
        let isHidden: Bool
        do { isHidden = try hidden.hides(place) } catch { throw .reading(place.path, error) }
        if isHidden { throw Hidden.refusal(of: place.path) }
    }
}

extension BatonError {
    /// The same where no declared path that exists covers the path: a copy that is kept may answer instead.
    fileprivate var uncovered: BatonError {
        var error = self
        error.isUncovered = true
        return error
    }
}

/// What a reference leads to: held, but not opened for reading.
struct Place {
    let descriptor: Descriptor
    /// As it was asked for.
    let path: PathName
    let status: FileStatus

    /// The path of something below, for messages; `path` itself if that would be too long.
    func path(of entry: some Collection<UInt8>) -> PathName {
        if entry.isEmpty { return path }
        let separator = path.isRoot || path.bytes == [UInt8(ascii: "/")] ? [] : [UInt8(ascii: "/")]
        return (try? PathName(path.bytes + separator + entry)) ?? path
    }

    func unsupported(_ operation: String) -> BatonError {
        BatonError(
            .unsupported, "'\(path)' is a socket, a FIFO or a device: Baton \(operation) files and directories only",
            path: path)
    }
}
