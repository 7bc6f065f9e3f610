public import BatonProtocol
import Synchronization
import SystemPackage

// What goes, what is pinned, and what is found damaged.
extension LocalArtifactStore {
    public func sweep() -> StoreSweep {
        var sweep = StoreSweep()
        let policy = policy
        let now = now()
        let victims = index.withLock { $0.surplus(policy, now: now) }
        for victim in victims { remove(victim, into: &sweep) }
        sweepPartial(into: &sweep)
        emptyTrash(into: &sweep)
        return sweep
    }

    public func remove(
        _ path: PathName, of owner: ArtifactOwner, generation: UInt64?
    ) throws(BatonError) -> [ArtifactItem] {
        let key = ShelfKey(owner: OwnerKey(owner), path: path)
        let items = try items(of: key, generation)
        for item in items { try bury(StoreIndex.Victim(key: key, number: item.generation), evenIfLeased: true) }
        var sweep = StoreSweep()
        emptyTrash(into: &sweep)
        return items
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
                guard let record = index[key]?.records.first(where: { $0.number == victim.number }),
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
                try moveAside(record.number, of: key, last: last, as: name)
                index.withLock { $0.addTrash(StoreIndex.Trash(id: record.id, name: name)) }
                return .success(true)
            } catch {
                index.withLock { index in
                    index.change(key) { shelf in
                        shelf.records.append(record)
                        shelf.records.sort { $0.number < $1.number }
                    }
                }
                return .failure(.keeping(key, error))
            }
        }
        return try result.get()
    }

    private func moveAside(_ number: UInt64, of key: ShelfKey, last: UInt64, as name: FileName) throws(Errno) {
        guard let shelf = try folder.shelf(key) else { throw .noSuchFileOrDirectory }
        // The highest number is not used again, whatever is left.
        if number == last, try About(shelf)?.last ?? 0 < last { try About(path: key.path, last: last).write(in: shelf) }
        Moment.beforeGenerationRemoval()
        try shelf.move(FileName(String(number).utf8), to: folder.trash, as: name)
        try calls.synchronize(shelf)
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
    private func sweepPartial(into sweep: inout StoreSweep) {
        let policy = policy
        let isOver = index.withLock { index in
            policy.bytes.map { index.usage(of: nil) > $0 } ?? false
                || policy.bytesPerApp.map { quota in
                    index.incoming.values.contains { $0.app.map { index.usage(of: $0) > quota } ?? false }
                } ?? false
        }
        folder.work.trimPartialStages(age: StoreScan.partialAge, to: isOver ? 0 : .max)
        let left = folder.partialData()
        let gone = index.withLock { index in
            let gone = index.incoming.filter { !$0.value.isActive && left[$0.key] == nil }.map(\.key)
            for name in gone { index.setIncoming(name, nil) }
            return gone
        }
        for name in gone { try? folder.incoming.removeDirectory(FileName(name.utf8)) }
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
                path: after.path, generation: after.generation, created: Timestamp(seconds: 0, nanoseconds: 0), files: 0,
                bytes: 0, digest: [])
            items.removeAll { !last.precedes($0) }
        }
        var room = ArtifactsListing.room
        let fitting = items.prefix { item in
            room -= item.encodedSize
            return room >= 0
        }
        return ArtifactsListing(items: Array(fitting), more: fitting.count < items.count)
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
                return .failure(.keeping(key, error))
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
        let damage = try check(key, generation, checkpoint)
        let item = index.withLock { index -> ArtifactItem? in
            _ = index.change(key, generation) { $0.damage = damage }
            return index[key]?.items(path).first { $0.generation == generation }
        }
        guard let item else { throw .nothingStored(path, generation) }
        return item
    }

    /// - Returns: what is wrong with a generation; also noted beside it.
    private func check(
        _ key: ShelfKey, _ number: UInt64, _ checkpoint: () throws(BatonError) -> Void
    ) throws(BatonError) -> String? {
        let directory: Descriptor?
        do throws(Errno) {
            directory = try folder.shelf(key)?.directory(FileName(String(number).utf8))
        } catch {
            return "cannot be opened: \(error)"
        }
        guard let directory else { throw .nothingStored(key.path, number) }
        var check = GenerationCheck(directory, hidden: folder.hidden, depth: .content)
        var damage: String?
        if case .failure(let found) = try check.run(shelf: key, number: number, checkpoint: checkpoint) {
            damage = found.what
        }
        do throws(Errno) { try directory.setMark(GenerationNames.damaged, damage.map { Array($0.utf8) }) } catch {
            // What cannot be noted is known until the store is opened again.
            if damage == nil { throw .keeping(key, error) }
        }
        return damage
    }
}

extension Shelf {
    fileprivate func items(_ path: PathName) -> [ArtifactItem] {
        records.map { record in
            ArtifactItem(
                path: path, generation: record.number, created: record.created, files: record.files, bytes: record.bytes,
                digest: record.digest, isPinned: record.isPinned, isDamaged: record.damage != nil,
                isNewest: record.id == records.last?.id)
        }
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
