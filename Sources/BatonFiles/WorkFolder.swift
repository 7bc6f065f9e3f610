public import BatonProtocol
import Glibc
import Synchronization
public import SystemPackage

/// A work's root directory and `ROOT/.baton`, where Baton keeps what is its own: what was fetched (`from`), which stages
/// are under way (`stages`), replacements that take two steps (`swaps`), and what the relay has kept (`kept`).
public final class WorkFolder: Sendable {
    /// Absolute; links in it are as the user wrote them.
    public let root: FilePath

    let directory: Descriptor
    let baton: Descriptor
    let from: Descriptor
    let stages: Descriptor
    let swaps: Descriptor
    /// What the relay has kept of declared paths.
    let notes: Descriptor

    let batonIdentity: FileIdentity
    let fromIdentity: FileIdentity
    /// Stages that a get of this process has under way: nobody else may go on with them.
    let stagesInUse = Mutex<Set<StageName>>([])

    /// Opens the root and makes what is missing: the root itself, and `.baton` for this user alone (0700).
    ///
    /// - Throws: ``BatonError`` `permission`, `cannotCreate` or `noSpace`, naming what could not be made.
    public init(root: FilePath) throws(BatonError) {
        let absolute = root.isAbsolute ? root : FilePath(bytes: WorkFolder.workingDirectory).pushing(root)
        self.root = absolute
        do throws(Errno) {
            var parents = try ParentDirectories(to: absolute.componentNames)
            try parents.makeMissing()
            directory = parents.directory
            baton = try WorkFolder.open(".baton", in: directory)
            from = try WorkFolder.open("from", in: baton)
            stages = try WorkFolder.open("stages", in: baton)
            swaps = try WorkFolder.open("swaps", in: baton)
            notes = try WorkFolder.open("kept", in: baton)
            batonIdentity = try baton.status().identity
            fromIdentity = try from.status().identity
        } catch {
            throw .writing(absolute.appending(".baton"), error)
        }
    }

    private static func open(_ name: FileName, in parent: Descriptor) throws(Errno) -> Descriptor {
        do throws(Errno) { try parent.makeDirectory(name, mode: 0o700) } catch .fileExists {}
        let directory = try parent.directory(name)
        if try directory.status().mode != 0o700 { try directory.setMode(0o700) }
        return directory
    }

    private static var workingDirectory: [UInt8] {
        (try? Descriptor.place(of: .current).realPath()) ?? [UInt8(ascii: "/")]
    }

    /// The work's own name for a path: relative to the root if it lies below it, else as it is.
    public func ownName(_ path: PathName) -> PathName {
        let roots = [root.bytes, (try? directory.realPath()) ?? []]
        for root in roots {
            if let root = try? PathName(resolving: root), let inside = path.relative(to: root) { return inside }
        }
        return path
    }

    public var layout: WorkLayout { WorkLayout(root: root) }

    /// Where a path of this work lies.
    public func ownPath(_ path: PathName) -> FilePath { layout.ownPath(path) }

    /// Where a path of another work lies here unless the user says otherwise.
    public func localPath(origin: WorkName, path: PathName) -> FilePath {
        layout.localPath(origin: origin, path: path)
    }
}

extension FilePath {
    /// The components after the leading slash, `.` left out and `..` kept.
    var componentNames: [FileName] {
        bytes.split(separator: UInt8(ascii: "/")).filter { !$0.elementsEqual(".".utf8) }.map { FileName($0) }
    }
}
