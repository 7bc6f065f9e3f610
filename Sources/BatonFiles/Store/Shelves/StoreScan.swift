import BatonProtocol
import SystemPackage

/// Looks through a store that was just opened: sweeps what never became a generation, and compares every generation with its
/// manifest.
struct StoreScan {
    private let folder: StoreFolder
    private(set) var index = StoreIndex()
    private(set) var report = StoreReport()

    /// Partial data to which nothing came for so long is removed.
    static let partialAge: Duration = WorkFolder.defaultPartialAge

    init(_ folder: StoreFolder) { self.folder = folder }

    mutating func run() throws(BatonError) {
        for name in folder.trash.names() {
            do throws(FileFault) { try folder.trash.removeTree(name) } catch {
                report.strange.append("trash/\(Escaping.printable(name.bytes)): cannot be removed")
            }
        }
        sweepIncoming()
        try descend(folder.artifacts, []) { scan, domain, names throws(BatonError) in
            try scan.descend(domain, names) { scan, app, names throws(BatonError) in
                try scan.descend(app, names) { scan, work, names throws(BatonError) in
                    try scan.descend(work, names) { scan, shelf, names throws(BatonError) in
                        try scan.look(at: shelf, names)
                    }
                }
            }
        }
    }

    /// Each directory in one of the store's own.
    private mutating func descend(
        _ directory: Descriptor, _ above: [String],
        _ body: (inout StoreScan, Descriptor, [String]) throws(BatonError) -> Void
    ) throws(BatonError) {
        let names = list(directory, above)
        for index in 0..<(names?.count ?? 0) {
            guard let name = names?[index] else { continue }
            let path = above + [String(decoding: name.bytes, as: UTF8.self)]
            guard let token = path.last, StoreNames.isToken(token), let child = try? directory.directory(name) else {
                note(strange: path)
                continue
            }
            try body(&self, child, path)
        }
    }

    private mutating func list(_ directory: Descriptor, _ path: [String]) -> DirectoryNames? {
        do throws(Errno) {
            return try DirectoryNames(of: directory.directory(.current))
        } catch {
            note(strange: path, ": cannot be read: \(error)")
            return nil
        }
    }

    private mutating func note(strange path: [String], _ why: String = "") {
        report.strange.append("artifacts/" + Escaping.printable(path.joined(separator: "/")) + why)
    }

    // MARK: Shelves

    private mutating func look(at directory: Descriptor, _ names: [String]) throws(BatonError) {
        let owner = OwnerKey(trustDomain: names[0], app: names[1], work: names[2])
        let about = (try? About(directory)) ?? nil
        guard let path = about?.path ?? StoreNames.path(names[3]), StoreNames.token(path.bytes) == names[3] else {
            return note(strange: names, ": nothing says which path it is, or 'about' names another")
        }
        let key = ShelfKey(owner: owner, path: path)
        var shelf = Shelf()
        shelf.last = about?.last ?? 0
        let children = list(directory, names)
        for index in 0..<(children?.count ?? 0) {
            guard let name = children?[index], !About.names.contains(name) else { continue }
            guard let number = StoreNames.number(name.bytes) else {
                note(strange: names + [String(decoding: name.bytes, as: UTF8.self)])
                continue
            }
            shelf.last = max(shelf.last, number)
            shelf.records.append(try record(number, name, in: directory, of: key))
        }
        shelf.records.sort { $0.number < $1.number }
        report.generations += shelf.records.count
        index.change(key) { $0 = shelf }
    }

    private mutating func record(
        _ number: UInt64, _ name: FileName, in shelf: Descriptor, of key: ShelfKey
    ) throws(BatonError) -> GenerationRecord {
        guard let directory = try? shelf.directory(name) else {
            return damaged(number, "is no directory", in: nil, of: key)
        }
        var check = GenerationCheck(directory, hidden: folder.hidden, depth: .names)
        switch try check.run(shelf: key, number: number, checkpoint: {}) {
        case .success(let facts):
            var record = GenerationRecord(
                facts, id: index.newID(), isPinned: directory.has(GenerationNames.pinned))
            if directory.has(GenerationNames.damaged) {
                let note = (try? directory.readNote(GenerationNames.damaged, atMost: 1024)) ?? []
                record.damage = String(decoding: note, as: UTF8.self)
                report.damaged.append("\(key) generation \(number): \(Escaping.printable(note))")
            }
            return record
        case .failure(let damage): return damaged(number, damage.what, in: directory, of: key)
        }
    }

    /// Of a generation of which nothing is certain.
    private mutating func damaged(
        _ number: UInt64, _ what: String, in directory: Descriptor?, of key: ShelfKey
    ) -> GenerationRecord {
        report.damaged.append("\(key) generation \(number): \(what)")
        let created = (try? directory?.status())?.modified ?? Timestamp(seconds: 0, nanoseconds: 0)
        return GenerationRecord(
            id: index.newID(), number: number, stamp: 0, created: created, confirmed: created, files: 0, bytes: 0,
            digest: Array(repeating: 0, count: Limits.digest), held: [number: measure(directory)],
            isPinned: directory?.has(GenerationNames.pinned) ?? false, damage: what)
    }

    /// What a damaged generation takes on the disk, as far as it can be told; what it shares is counted once more.
    private func measure(_ directory: Descriptor?) -> UInt64 {
        guard let directory else { return 0 }
        var walk = QuietWalk(of: GenerationNames.content, in: directory, hidden: folder.hidden)
        var bytes: UInt64 = 0
        while let found = (try? walk.next()) ?? nil {
            bytes = bytes.addingReportingOverflow(found.status.allocated).partialValue
        }
        return bytes
    }

    // MARK: Incoming

    /// Keeps partial data that a later put can go on with, as ``TreeWriter`` left it, and removes all else.
    private mutating func sweepIncoming() {
        _ = folder.work.sweep(partialAge: StoreScan.partialAge, partialBytes: .max)
        for (name, partial) in folder.partialData() {
            let bytes = partial.size(in: folder.work)
            index.setIncoming(name, StoreIndex.Incoming(app: nil, bytes: bytes, isActive: false))
            report.partial += 1
        }
        for name in folder.incoming.names() {
            let text = String(decoding: name.bytes, as: UTF8.self)
            if index.incoming[text] != nil {
                if let directory = try? folder.incoming.directory(name) {
                    _ = try? directory.removeTree(GenerationNames.manifest)
                }
                continue
            }
            do throws(FileFault) { try folder.incoming.removeTree(name) } catch {
                report.strange.append("incoming/\(Escaping.printable(name.bytes)): cannot be removed")
            }
        }
    }
}

extension StoreFolder {
    /// Partial data that nobody receives now, by the name of the directory in `incoming` in which it lies.
    func partialData() -> [String: PartialStage] {
        var found: [String: PartialStage] = [:]
        for partial in work.partialStages() {
            let names = partial.path.componentNames
            guard names.count > 2, names[names.count - 3] == "incoming" else { continue }
            found[String(decoding: names[names.count - 2].bytes, as: UTF8.self)] = partial
        }
        return found
    }
}

extension GenerationRecord {
    init(_ facts: GenerationFacts, id: UInt64, isPinned: Bool = false) {
        self.init(
            id: id, number: facts.header.generation, stamp: facts.header.stamp, created: facts.header.created,
            confirmed: facts.confirmed, files: facts.totals.files, bytes: facts.totals.bytes,
            digest: facts.totals.digest, held: facts.held, isPinned: isPinned, damage: nil)
    }
}

extension Descriptor {
    /// Whether the directory has something of this name.
    func has(_ name: FileName) -> Bool { (try? status(of: name)) != nil }
}
