import BatonProtocol
import SystemPackage

/// The names in a generation's directory.
enum GenerationNames {
    static let manifest: FileName = "manifest"
    /// The file or directory itself.
    static let content: FileName = "content"
    /// It is there if the generation is kept until it is unpinned.
    static let pinned: FileName = "pinned"
    /// It is there if reading the generation showed that it is damaged, and says how.
    static let damaged: FileName = "damaged"

    static let all: Set<FileName> = [manifest, content, pinned, damaged]
}

/// What is known of a generation that is what its manifest says.
struct GenerationFacts {
    let header: Manifest.Header
    let totals: Manifest.Totals
    /// When the owner last had this very tree: the manifest's modification time.
    let confirmed: Timestamp
    /// Bytes on the disk, by the generation since which they are there.
    var held: [UInt64: UInt64]
}

/// Compares a generation with its manifest.
struct GenerationCheck {
    enum Depth {
        /// Names, kinds, sizes, times, modes and links.
        case names
        /// All that, and each byte.
        case content
    }

    /// Of the generation.
    private let directory: Descriptor
    private let hidden: Hidden
    private let depth: Depth
    /// Files with several names.
    private var firsts: [PathName: FileIdentity] = [:]
    private var held: [UInt64: UInt64] = [:]

    init(_ directory: Descriptor, hidden: Hidden, depth: Depth) {
        self.directory = directory
        self.hidden = hidden
        self.depth = depth
    }

    /// - Returns: in what it differs, as a sentence that goes on after "generation 3", if it does.
    /// - Throws: ``BatonError`` if this machine cannot look at it now, and what `checkpoint` throws.
    mutating func run(
        shelf: ShelfKey, number: UInt64, checkpoint: () throws(BatonError) -> Void
    ) throws(BatonError) -> Result<GenerationFacts, Damage> {
        var walk = QuietWalk(of: GenerationNames.content, in: directory, hidden: hidden)
        do throws(FileFault) {
            return .success(try compare(shelf, number, &walk, checkpoint))
        } catch {
            return .failure(try Damage(error, at: walk.path, of: shelf))
        }
    }

    private mutating func compare(
        _ shelf: ShelfKey, _ number: UInt64, _ walk: inout QuietWalk, _ checkpoint: () throws(BatonError) -> Void
    ) throws(FileFault) -> GenerationFacts {
        let file = try present { () throws(Errno) in try directory.file(GenerationNames.manifest) }
        guard let file else { throw .damaged("has no manifest") }
        let status = try faulting { () throws(Errno) in try file.status() }
        guard status.kind == .file else { throw .damaged("has no manifest") }
        try ManifestReader.check(file)
        var reader = try ManifestReader(file)
        let header = reader.header
        guard header.owner == shelf.owner, header.reference.path == shelf.path, header.generation == number else {
            throw .damaged("is by its manifest generation \(header.generation) of \(header.reference)")
        }
        let names = try faulting { () throws(Errno) in try DirectoryNames(of: directory) }
        if let other = (0..<names.count).lazy.map({ names[$0] }).first(where: { !GenerationNames.all.contains($0) }) {
            throw .damaged("has '\(Escaping.printable(other.bytes))' beside its content")
        }
        held[number] = status.allocated
        try compareTree(&walk, &reader, checkpoint)
        return GenerationFacts(header: header, totals: reader.totals, confirmed: status.modified, held: held)
    }

    private mutating func compareTree(
        _ walk: inout QuietWalk, _ reader: inout ManifestReader, _ checkpoint: () throws(BatonError) -> Void
    ) throws(FileFault) {
        var digest = ManifestDigest()
        while let found = try walk.next() {
            do { try checkpoint() } catch { throw .stopped(error) }
            guard let entry = try reader.next(), entry.path <= found.path else {
                throw .damaged("has '\(found.path)', of which its manifest knows nothing")
            }
            guard entry.path == found.path else { throw .damaged("lacks '\(entry.path)'") }
            if let flaw = flaw(entry, found, hasHardLinks: reader.totals.hardLinks > 0) {
                throw .damaged("has \(flaw): '\(entry.path)'")
            }
            if entry.kind != .hardLink { held[entry.since, default: 0] &+= found.status.allocated }
            guard depth == .content else { continue }
            try compareContent(entry, found, walk, checkpoint)
            digest.add(entry)
        }
        if let missing = try reader.next() { throw .damaged("lacks '\(missing.path)'") }
        guard depth == .names || digest.finish() == reader.totals.digest else {
            throw .damaged("has another digest than its manifest says")
        }
    }

    private mutating func flaw(
        _ entry: Manifest.Entry, _ found: QuietWalk.Found, hasHardLinks: Bool
    ) -> String? {
        let status = found.status
        let kind: EntryKind = entry.kind == .hardLink ? .file : entry.kind
        if status.entryKind != kind { return "something else than a \(kind.name)" }
        if kind == .file, status.size != entry.size { return "a file of another size" }
        if status.modified != entry.modified { return "another modification time" }
        if kind != .symbolicLink, status.mode != entry.mode { return "another mode" }
        if kind == .symbolicLink, found.target != entry.target { return "a link to somewhere else" }
        guard hasHardLinks, kind == .file, status.links > 1 || entry.kind == .hardLink else { return nil }
        if let target = entry.hardLinkTarget {
            return firsts[target] == status.identity ? nil : "a file of its own where there was a hard link"
        }
        firsts[entry.path] = status.identity
        return nil
    }

    private func compareContent(
        _ entry: Manifest.Entry, _ found: QuietWalk.Found, _ walk: QuietWalk,
        _ checkpoint: () throws(BatonError) -> Void
    ) throws(FileFault) {
        if let directory = found.directory {
            guard try EntryAttributes(of: directory).digest == entry.attributes else {
                throw .damaged("has other extended attributes: '\(entry.path)'")
            }
        }
        guard entry.kind == .file else { return }
        let file = try walk.openFile()
        guard try EntryAttributes(of: file).digest == entry.attributes else {
            throw .damaged("has other extended attributes: '\(entry.path)'")
        }
        guard try file.contentDigest(size: entry.size, checkpoint: checkpoint) == entry.digest else {
            throw .damaged("has other content than was stored: '\(entry.path)'")
        }
    }
}

/// In what a generation differs from what was stored.
struct Damage: Error {
    let what: String

    init(_ what: String) { self.what = what }

    /// - Throws: what says nothing about the generation.
    fileprivate init(_ fault: FileFault, at path: [UInt8], of shelf: ShelfKey) throws(BatonError) {
        let name = path.isEmpty ? "its top" : "'\(Escaping.printable(path))'"
        switch fault {
        case .stopped(let error) where error.code == .corrupt: what = error.message
        case .stopped(let error): throw error
        case .changed: what = "has changed at \(name)"
        case .tooLong: what = "has a name that is too long at \(name)"
        case .system(let reason):
            switch reason {
            case .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory:
                throw BatonError(
                    .busy, "the store cannot look at \(shelf) right now (\(reason)): try again", path: shelf.path)
            default: what = "cannot be read at \(name): \(reason)"
            }
        }
    }
}

extension FileFault {
    fileprivate static func damaged(_ what: String) -> FileFault { .stopped(BatonError(.corrupt, what)) }
}
