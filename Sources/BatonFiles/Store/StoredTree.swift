public import BatonProtocol
import SystemPackage

/// A generation as the answer to requests for its declared path and what lies below it. What it reads stays as long as this does, also
/// when the generation is removed. Blocking.
public final class StoredTree: Sendable {
    /// The declared path that the generation is of.
    public let declared: PathName
    public let generation: UInt64

    private let lease: GenerationLease
    private let hidden: Hidden
    /// Of the generation's top.
    private let content: Descriptor
    private let manifest: Descriptor

    /// - Returns: `nil` if the generation is not there any more.
    init?(
        shelf: ShelfKey, record: GenerationRecord, lease: GenerationLease, folder: StoreFolder
    ) throws(BatonError) {
        self.lease = lease
        declared = shelf.path
        generation = record.number
        hidden = folder.hidden
        do throws(Errno) {
            guard let directory = try folder.shelf(shelf)?.directory(FileName(String(record.number).utf8)) else {
                return nil
            }
            content = try directory.place(of: GenerationNames.content)
            manifest = try directory.file(GenerationNames.manifest)
        } catch .noSuchFileOrDirectory {
            return nil
        } catch {
            throw .reading(shelf.path, error)
        }
    }

    /// Who answers.
    public var source: AnswerSource { .stored(generation: generation) }

    /// What `path` leads to. Links are followed as long as they stay in the generation.
    private func resolve(_ path: PathName) throws(BatonError) -> Place {
        do throws(Errno) {
            let rest = try below(path)
            let descriptor = rest.isRoot ? content : try content.place(beneath: FileName(rest.bytes))
            return Place(descriptor: descriptor, path: path, status: try descriptor.status())
        } catch .improperLink {
            throw BatonError(
                .notShared, "'\(path)' is not shared: a symbolic link in it leads out of '\(declared)'", path: path)
        } catch {
            throw .reading(path, error)
        }
    }

    /// What is left of a path below the declared one.
    private func below(_ path: PathName) throws(Errno) -> PathName {
        guard let rest = path.relative(to: declared) else { throw .noSuchFileOrDirectory }
        return rest
    }

    /// Whether there is something at `path`.
    ///
    /// - Throws: ``BatonError`` `notShared`
    public func exists(_ path: PathName) throws(BatonError) -> Bool {
        do throws(BatonError) {
            _ = try resolve(path)
            return true
        } catch {
            if error.code == .notFound { return false }
            throw error
        }
    }

    /// Kind, size and times of what `path` leads to. Sizes and digests come from the manifest: no file is read.
    ///
    /// - Parameter checkpoint: called before each entry; what it throws ends the counting (a deadline).
    /// - Throws: ``BatonError`` `notFound`, `notShared`; `corrupt` if the generation is not what its manifest says.
    public func stat(
        _ path: PathName, digest: Bool, checkpoint: () throws(BatonError) -> Void = {}
    ) throws(BatonError) -> PathStatus {
        let place = try resolve(path)
        do throws(FileFault) {
            var reader = try ManifestReader(manifest)
            let top = try entryPath(of: place, &reader)
            var sums = ManifestDigest()
            try reader.seek(to: top)
            while let entry = try reader.next(), entry.path == top || top.isAbove(entry.path) {
                do { try checkpoint() } catch { throw .stopped(error) }
                sums.add(entry)
            }
            var status = PathStatus(
                kind: place.status.entryKind, mode: place.status.mode, size: sums.bytes, files: sums.files,
                modified: place.status.modified)
            status.source = source
            if digest { status.digest = sums.finish() }
            return status
        } catch {
            throw damaged(error, path)
        }
    }

    /// As ``SharedFiles/list(_:after:limit:)``.
    public func list(_ path: PathName, after: [UInt8], limit: UInt16) throws(BatonError) -> Listing {
        var listing = try resolve(path).list(after: after, limit: limit, hidden: hidden)
        listing.source = source
        return listing
    }

    /// Begins to read what `path` leads to, for the stream of a GET. Entries have the versions that they had at their origin, so
    /// that what came from there can be gone on with.
    public func open(
        _ path: PathName, stream: StreamID, order: TreeReader.Order = TreeReader.Order()
    ) throws(BatonError) -> sending TreeReader {
        try open(path, stream: stream, order: order, clock: ReaderClock())
    }

    func open(
        _ path: PathName, stream: StreamID, order: TreeReader.Order, clock: ReaderClock
    ) throws(BatonError) -> sending TreeReader {
        var order = order
        order.recorded = { () throws(BatonError) in
            let place = try self.resolve(path)
            do throws(FileFault) {
                var reader = try ManifestReader(self.manifest)
                let top = try self.entryPath(of: place, &reader)
                return ManifestVersions(reader, top: top)
            } catch {
                throw self.damaged(error, path)
            }
        }
        return try TreeReader(stream: stream, order: order, hidden: hidden, clock: clock) { () throws(BatonError) in
            try self.resolve(path)
        }
    }

    /// Under which path the manifest has what was resolved.
    private func entryPath(of place: Place, _ reader: inout ManifestReader) throws(FileFault) -> PathName {
        let rest = try faulting { () throws(Errno) in try below(place.path) }
        // The manifest knows no path that leads through a link.
        if let entry = try reader.entry(at: rest), entry.kind != .symbolicLink { return rest }
        // Being removed, the generation may move in this moment.
        for _ in 0..<16 {
            let (top, real) = try faulting { () throws(Errno) in
                (try content.realPath(), try place.descriptor.realPath())
            }
            if real == top { return .root }
            guard real.starts(with: top + [UInt8(ascii: "/")]) else { continue }
            do { return try PathName(real.dropFirst(top.count + 1)) } catch { throw .tooLong }
        }
        throw .changed
    }

    private func damaged(_ fault: FileFault, _ path: PathName) -> BatonError {
        guard case .stopped(let error) = fault, error.code == .corrupt else { return .reading(path, fault) }
        return BatonError(
            .corrupt, "generation \(generation) of '\(declared)' is damaged in the store: \(error.message)", path: path)
    }
}

/// The versions in a manifest, for whoever reads the tree in its order.
final class ManifestVersions: RecordedVersions {
    private var reader: ManifestReader
    /// The path in the manifest of what is read.
    private let top: PathName
    private var current: Manifest.Entry?

    var digest: [UInt8] { current?.digest ?? [] }

    var hasHardLinks: Bool { reader.totals.hardLinks > 0 }

    init(_ reader: ManifestReader, top: PathName) {
        self.reader = reader
        self.top = top
    }

    func version(of status: FileStatus, at path: [UInt8]) throws(FileFault) -> UInt64 {
        let separator = top.isRoot || path.isEmpty ? [] : [UInt8(ascii: "/")]
        let name: PathName
        do { name = try PathName(top.bytes + separator + path) } catch { throw .tooLong }
        if current?.path != name { current = try entry(at: name) }
        guard let current, current.describes(status) else {
            throw ManifestVersions.flaw("'\(name)' is not what was stored", name)
        }
        return current.version
    }

    /// A walk asks in tree order and passes over nothing: what lies between two paths that it asks for is missing on the disk.
    private func entry(at name: PathName) throws(FileFault) -> Manifest.Entry {
        if name == top || !(current.map { $0.path < name } ?? false) { try reader.seek(to: name) }
        guard let entry = try reader.next() else {
            throw ManifestVersions.flaw("the store has '\(name)', of which its manifest knows nothing", name)
        }
        if entry.path == name { return entry }
        throw ManifestVersions.flaw(
            entry.path < name
                ? "'\(entry.path)' is missing in the store"
                : "the store has '\(name)', of which its manifest knows nothing", min(entry.path, name))
    }

    func endWalk() throws(FileFault) {
        current = nil
        guard let entry = try reader.next(), top.isRoot || top.isAbove(entry.path) else { return }
        throw ManifestVersions.flaw("'\(entry.path)' is missing in the store", entry.path)
    }

    private static func flaw(_ what: String, _ path: PathName) -> FileFault {
        .stopped(BatonError(.corrupt, what, path: path))
    }
}

extension Manifest.Entry {
    /// Whether what lies there can be it, as far as can be told without reading it.
    fileprivate func describes(_ status: FileStatus) -> Bool {
        let fits =
            switch kind {
            case .file, .hardLink: status.kind == .file && status.size == size
            case .directory: status.kind == .directory
            case .symbolicLink: status.kind == .symbolicLink
            case .other: false
            }
        return fits && status.modified == modified && (kind == .symbolicLink || status.mode == mode)
    }
}
