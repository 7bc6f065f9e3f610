public import BatonProtocol
import Synchronization
import SystemPackage

// What goes, what is pinned, and what is found damaged.
extension LocalArtifactStore {
    public func sweep() -> StoreSweep {
        var sweep = StoreSweep()
        sweepPartial(into: &sweep)
        // Found on a copy, so that nobody waits for it.
        let index = index.withLock { $0 }
        for victim in index.surplus(policy, now: now()) { remove(victim, into: &sweep) }
        emptyTrash(into: &sweep)
        return sweep
    }

    /// Takes from their shelves what a new generation displaces; its content goes with the next sweep.
    func retire(for key: ShelfKey) {
        var sweep = StoreSweep()
        let index = index.withLock { $0 }
        for victim in index.surplus(of: key, policy, now: now()) { remove(victim, into: &sweep) }
        guard self.index.withLock({ $0.isOver(policy, key.owner.appKey) }) else { return }
        sweepPartial(into: &sweep)
        let rest = self.index.withLock { $0 }
        for victim in rest.surplus(policy, now: now(), first: key) { remove(victim, into: &sweep) }
    }

    public func remove(
        _ path: PathName, of owner: ArtifactOwner, generation: UInt64?
    ) throws(BatonError) -> ArtifactsListing {
        let key = ShelfKey(owner: OwnerKey(owner), path: path)
        let loose = try items(of: key, generation).filter { !$0.isPinned }
        guard !loose.isEmpty else {
            let what = generation.map { "generation \($0) of '\(path)' is" } ?? "all that is stored of '\(path)' is"
            throw BatonError(.usage, "\(what) pinned: unpin it first, with 'baton artifacts unpin'", path: path)
        }
        // As many as can be told of; whoever asked asks again.
        var listing = ArtifactsListing(fitting: loose)
        var removed: [ArtifactItem] = []
        for item in listing.items
        where try bury(StoreIndex.Victim(key: key, number: item.generation), evenIfLeased: true) {
            removed.append(item)
        }
        listing.items = removed
        var sweep = StoreSweep()
        emptyTrash(into: &sweep)
        return listing
    }

    /// Removes a generation unless somebody reads it now.
    func remove(_ victim: StoreIndex.Victim, into sweep: inout StoreSweep) {
        let name = "\(victim.key) generation \(victim.number)"
        do throws(BatonError) {
            if try bury(victim, evenIfLeased: false) { sweep.removed.append(name) }
        } catch {
            sweep.left.append("\(name): \(error.message)")
        }
    }

    /// Puts a generation aside, so that it is removed once nobody reads it. From here on it is gone, also after a crash.
    ///
    /// - Returns: whether there was one that may go.
    @discardableResult
    private func bury(_ victim: StoreIndex.Victim, evenIfLeased: Bool) throws(BatonError) -> Bool {
        let key = victim.key
        let result = shelving.withLock { _ -> Result<Bool, BatonError> in
            let taken = index.withLock { index -> (record: GenerationRecord, last: UInt64)? in
                guard let record = index[key]?.records.first(where: { $0.number == victim.number }), !record.isPinned,
                    evenIfLeased || !index.isLeased(record.id)
                else { return nil }
                return index.change(key) { shelf in
                    shelf.records.removeAll { $0.number == victim.number }
                    return (record, shelf.last)
                }
            }
            guard let (record, last) = taken else { return .success(false) }
            do throws(Errno) {
                let name = FileName("\(key.incomingName)-\(record.number)-\(record.id)".utf8)
                if try moveAside(record.number, of: key, last: last, as: name) {
                    index.withLock { $0.addTrash(StoreIndex.Trash(id: record.id, name: name)) }
                }
                return .success(true)
            } catch {
                index.withLock { index in
                    index.change(key) { shelf in
                        shelf.records.append(record)
                        shelf.records.sort { $0.number < $1.number }
                    }
                }
                return .failure(.keeping(key, error, "removed"))
            }
        }
        return try result.get()
    }

    /// - Returns: false if somebody has taken it away by hand.
    private func moveAside(
        _ number: UInt64, of key: ShelfKey, last: UInt64, as name: FileName
    ) throws(Errno) -> Bool {
        guard let shelf = try folder.shelf(key) else { return false }
        // The highest number is not used again, whatever is left.
        if number == last, try About(shelf)?.last ?? 0 < last { try About(path: key.path, last: last).write(in: shelf) }
        Moment.beforeGenerationRemoval()
        do throws(Errno) {
            try shelf.move(FileName(String(number).utf8), to: folder.trash, as: name)
        } catch .noSuchFileOrDirectory {
            return false
        }
        try calls.synchronize(shelf)
        return true
    }

    /// Removes what was put aside and nobody reads any more.
    func emptyTrash(into sweep: inout StoreSweep) {
        for trash in index.withLock({ $0.takeTrash() }) {
            do throws(FileFault) { try folder.trash.removeTree(trash.name) } catch {
                sweep.left.append("trash/\(Escaping.printable(trash.name.bytes)): \(error)")
                index.withLock { $0.addTrash(trash) }
            }
        }
    }

    /// Removes partial data that is too old, or that takes the place of what is kept.
    ///
    /// - Parameter all: however young it is.
    func sweepPartial(all: Bool = false, into sweep: inout StoreSweep) {
        let policy = policy
        for (name, partial) in folder.partialData() {
            let isTaken = index.withLock { index in
                guard let incoming = index.incoming[name], !incoming.isActive else { return false }
                let isOver =
                    policy.bytes.map { index.usage(of: nil) > $0 } ?? false
                    || incoming.app.map { index.isOver(policy, $0) } ?? false
                guard all || isOver || partial.age > StoreScan.partialAge else { return false }
                // Nobody goes on with it from here on.
                index.setIncoming(name, StoreIndex.Incoming(app: incoming.app, bytes: incoming.bytes, isActive: true))
                return true
            }
            guard isTaken else { continue }
            var report = SweepReport()
            folder.work.sweep(partial.stage, into: &report)
            sweep.left += report.left.map { Escaping.printable($0.bytes) }
            _ = try? folder.incoming.removeTree(FileName(name.utf8))
            index.withLock { $0.setIncoming(name, nil) }
        }
    }
}

// MARK: Lists and pins

extension LocalArtifactStore {
    public func list(
        of owner: ArtifactOwner, path: PathName?, generation: UInt64?, after: (path: PathName, generation: UInt64)?
    ) -> ArtifactsListing {
        let key = OwnerKey(owner)
        let shelves = index.withLock { $0.shelves[key] ?? [:] }
        var items: [ArtifactItem] = []
        for (shelfPath, shelf) in shelves where path == nil || path == shelfPath {
            items += shelf.items(shelfPath).filter { generation == nil || generation == $0.generation }
        }
        items.sort { $0.precedes($1) }
        if let after {
            let last = ArtifactItem(
                path: after.path, generation: after.generation, created: Timestamp(seconds: 0, nanoseconds: 0),
                files: 0,
                bytes: 0, digest: [])
            items.removeAll { !last.precedes($0) }
        }
        return ArtifactsListing(fitting: items)
    }

    private func items(of key: ShelfKey, _ generation: UInt64?) throws(BatonError) -> [ArtifactItem] {
        let shelf = index.withLock { $0[key] }
        let items = shelf?.items(key.path).filter { generation == nil || generation == $0.generation } ?? []
        guard !items.isEmpty else { throw .nothingStored(key.path, generation) }
        return items
    }

    public func setPinned(
        _ isPinned: Bool, _ path: PathName, of owner: ArtifactOwner, generation: UInt64?
    ) throws(BatonError) -> [ArtifactItem] {
        let key = ShelfKey(owner: OwnerKey(owner), path: path)
        let result = shelving.withLock { _ -> Result<Void, BatonError> in
            let shelf = index.withLock { $0[key] }
            guard let number = generation ?? shelf?.newestGood?.number,
                shelf?.records.contains(where: { $0.number == number }) ?? false
            else { return .failure(.nothingStored(path, generation)) }
            do throws(Errno) {
                guard let directory = try folder.shelf(key)?.directory(FileName(String(number).utf8)) else {
                    throw .noSuchFileOrDirectory
                }
                try directory.setMark(GenerationNames.pinned, isPinned ? [] : nil)
            } catch {
                return .failure(.keeping(key, error, isPinned ? "pinned" : "unpinned"))
            }
            _ = index.withLock { $0.change(key, number) { $0.isPinned = isPinned } }
            return .success(())
        }
        try result.get()
        return try items(of: key, generation ?? index.withLock { $0[key]?.newestGood?.number })
    }

    public func verify(
        _ path: PathName, of owner: ArtifactOwner, generation: UInt64, checkpoint: () throws(BatonError) -> Void
    ) throws(BatonError) -> ArtifactItem {
        let key = ShelfKey(owner: OwnerKey(owner), path: path)
        let id = index.withLock { index -> UInt64? in
            let record = index[key]?.records.first { $0.number == generation }
            if let record { index.lease(record.id) }
            return record?.id
        }
        guard let id else { throw .nothingStored(path, generation) }
        let lease = GenerationLease(id, in: self)
        defer { withExtendedLifetime(lease) {} }
        let outcome = try check(key, generation, checkpoint)
        let item = index.withLock { index -> ArtifactItem? in
            _ = index.change(key, generation) { record in
                switch outcome {
                case .success(let facts): record = GenerationRecord(facts, id: record.id, isPinned: record.isPinned)
                case .failure(let damage): record.damage = damage.what
                }
            }
            return index[key]?.items(path).first { $0.generation == generation }
        }
        guard let item else { throw .nothingStored(path, generation) }
        return item
    }

    /// Reads all of a generation, and notes beside it what is wrong with it.
    private func check(
        _ key: ShelfKey, _ number: UInt64, _ checkpoint: () throws(BatonError) -> Void
    ) throws(BatonError) -> Result<GenerationFacts, Damage> {
        let directory: Descriptor?
        do throws(Errno) {
            directory = try folder.shelf(key)?.directory(FileName(String(number).utf8))
        } catch {
            return .failure(Damage("cannot be opened: \(error)"))
        }
        guard let directory else { return .failure(Damage("is missing")) }
        var check = GenerationCheck(directory, hidden: folder.hidden, depth: .content)
        let outcome = try check.run(shelf: key, number: number, checkpoint: checkpoint)
        do throws(Errno) {
            switch outcome {
            case .success:
                if directory.has(GenerationNames.damaged) { try directory.setMark(GenerationNames.damaged, nil) }
            // What cannot be noted is known until the store is opened again.
            case .failure(let damage): try? directory.setMark(GenerationNames.damaged, Array(damage.what.utf8))
            }
        } catch {
            throw .keeping(key, error, "taken for whole")
        }
        return outcome
    }
}

extension Shelf {
    fileprivate func items(_ path: PathName) -> [ArtifactItem] {
        records.map { record in
            ArtifactItem(
                path: path, generation: record.number, created: record.created, files: record.files,
                bytes: record.bytes,
                digest: record.digest, isPinned: record.isPinned, isDamaged: record.damage != nil,
                isNewest: record.id == records.last?.id)
        }
    }
}

extension ArtifactsListing {
    /// As many of the items as one reply has room for.
    fileprivate init(fitting items: [ArtifactItem]) {
        var room = ArtifactsListing.room
        let fitting = items.prefix { item in
            room -= item.encodedSize
            return room >= 0
        }
        self.init(items: Array(fitting), more: fitting.count < items.count)
    }
}

extension BatonError {
    fileprivate static func nothingStored(_ path: PathName, _ generation: UInt64?) -> BatonError {
        let what = generation.map { "generation \($0) of '\(path)'" } ?? "'\(path)'"
        return BatonError(.notFound, "\(what) is not stored: 'baton artifacts ls' says what is", path: path)
    }
}

extension Descriptor {
    /// Writes a small file into this directory, or removes it, and has that on the disk.
    fileprivate func setMark(_ name: FileName, _ text: [UInt8]?) throws(Errno) {
        do throws(Errno) { try removeFile(name) } catch .noSuchFileOrDirectory {}
        if let text { try writeNote(name, text, durably: true) } else { try synchronize() }
    }
}
