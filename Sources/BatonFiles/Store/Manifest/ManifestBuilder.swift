import BatonProtocol
import SystemPackage

/// The generation that a new one was received on top of: files that it shares with it need not be read again.
struct ManifestBase {
    private var reader: ManifestReader?
    private let content: Descriptor

    /// - Parameter content: a place holder of the base's top.
    init(_ reader: ManifestReader, content: Descriptor) {
        self.reader = reader
        self.content = content
    }

    /// What the base says of the file at `path`, if this is the same file. To be asked in tree order.
    mutating func entry(of status: FileStatus, at path: PathName) -> Manifest.Entry? {
        guard let entry = next(path), !entry.digest.isEmpty, entry.size == status.size,
            entry.modified == status.modified
        else { return nil }
        let place = path.isRoot ? content : try? content.place(beneath: FileName(path.bytes))
        return (try? place?.status())?.identity == status.identity ? entry : nil
    }

    private mutating func next(_ path: PathName) -> Manifest.Entry? {
        do throws(FileFault) {
            while let entry = try reader?.peek(), entry.path < path { _ = try reader?.next() }
            return try reader?.peek().flatMap { $0.path == path ? $0 : nil }
        } catch {
            // Then everything is read.
            reader = nil
            return nil
        }
    }
}

/// Reads a tree that has come whole, once, and writes its manifest.
struct ManifestBuilder {
    private let generation: UInt64
    private let versions: VersionTable
    private var base: ManifestBase?
    private var writer: ManifestWriter
    private var digest = ManifestDigest()
    /// Where the manifest names files with several names first. Only where the tree has further names: files that are shared
    /// with other generations have several, too.
    private var firsts: [FileIdentity: UInt64] = [:]
    /// Bytes on the disk, by the generation since which they are there.
    private(set) var held: [UInt64: UInt64] = [:]

    init(_ header: Manifest.Header, file: Descriptor, versions: VersionTable, base: ManifestBase?) {
        generation = header.generation
        self.versions = versions
        self.base = base
        writer = ManifestWriter(file, header)
    }

    /// - Throws: what `checkpoint` throws; ``FileFault/system(_:)`` with what the disk says of `walk.path`.
    mutating func build(
        _ walk: inout QuietWalk, checkpoint: () throws(BatonError) -> Void
    ) throws(FileFault) -> Manifest.Totals {
        while let found = try walk.next() {
            do { try checkpoint() } catch { throw .stopped(error) }
            let (entry, isFirst) = try entry(found, walk, checkpoint)
            let start = try faulting { () throws(Errno) in try writer.append(entry) }
            digest.add(entry)
            if entry.kind != .hardLink { held[entry.since, default: 0] &+= found.status.allocated }
            if isFirst { firsts[found.status.identity] = start }
        }
        let whole = digest.finish()
        return try faulting { () throws(Errno) in try writer.finish(digest: whole) }
    }

    private mutating func entry(
        _ found: QuietWalk.Found, _ walk: QuietWalk, _ checkpoint: () throws(BatonError) -> Void
    ) throws(FileFault) -> (Manifest.Entry, isFirst: Bool) {
        let status = found.status
        var entry = Manifest.Entry(
            kind: status.entryKind, mode: status.mode, modified: status.modified,
            version: versions[found.path.bytes] ?? 0, since: generation, path: found.path, target: found.target)
        guard entry.kind == .file else {
            if let directory = found.directory { entry.attributes = try EntryAttributes(of: directory).digest }
            return (entry, false)
        }
        entry.size = status.size
        let hasNames = versions.hasHardLinks && status.links > 1
        if hasNames, let start = firsts[status.identity] {
            let first = try writer.entry(at: start)
            entry.kind = .hardLink
            entry.take(first)
            entry.target = first.path.bytes
            return (entry, false)
        }
        if status.links > 1, let kept = base?.entry(of: status, at: found.path) {
            entry.take(kept)
        } else {
            let file = try walk.openFile()
            entry.attributes = try EntryAttributes(of: file).digest
            entry.digest = try file.contentDigest(size: status.size, checkpoint: checkpoint)
        }
        return (entry, hasNames)
    }
}

extension Manifest.Entry {
    /// It is the same file.
    fileprivate mutating func take(_ other: Manifest.Entry) {
        (digest, attributes, since) = (other.digest, other.attributes, other.since)
    }
}
