import BatonProtocol
import Synchronization
import SystemPackage

// How a tree that has come whole becomes a generation. First it is read, for its manifest; then all of it is brought to the disk;
// then, under the fence, one rename puts it on its shelf. Whatever ends this before leaves the shelf as it was.
extension LocalIncoming {
    /// What is published.
    private struct Finished {
        let header: Manifest.Header
        let totals: Manifest.Totals
        let held: [UInt64: UInt64]
    }

    func publishWhole(_ checkpoint: () throws(BatonError) -> Void) throws(BatonError) -> Receipt {
        try claim.checkFence()
        guard let tree = writer.wholeTree else {
            throw BatonError(.internal, "a tree was to be stored before it had come whole: this is a mistake in Baton")
        }
        let sent = writer.progress.bytes
        let finished: Finished
        do throws(FileFault) {
            finished = try writeManifest(of: tree) { () throws(BatonError) in
                try claim.checkFence()
                try checkpoint()
            }
            if try isSameAsBase(finished.totals), let receipt = try confirmBase(sent: sent) { return receipt }
        } catch {
            throw .keeping(key, error)
        }
        // As it is on the disk.
        let new = finished.held[finished.header.generation] ?? 0
        try store.setIncoming(new, of: key)
        do throws(BatonError) { _ = try writer.publish() } catch { throw explained(error) }
        try putOnShelf(finished)
        finish()
        store.retire(for: key)
        return Receipt(
            outcome: .stored, path: key.path, generation: finished.header.generation, stamp: finished.header.stamp,
            digest: finished.totals.digest, files: finished.totals.files, bytes: finished.totals.bytes, sent: sent)
    }

    private var directory: Descriptor {
        get throws(FileFault) {
            try faulting { () throws(Errno) in
                try store.folder.incoming.directory(FileName(key.incomingName.utf8))
            }
        }
    }

    private func writeManifest(
        of tree: TreeWriter.WholeTree, _ checkpoint: () throws(BatonError) -> Void
    ) throws(FileFault) -> Finished {
        let (number, isUsedUp) = (store.index.withLock { $0[key]?.last } ?? 0).addingReportingOverflow(1)
        guard !isUsedUp else {
            throw .stopped(
                BatonError(
                    .internal, "the numbers of '\(key.path)' are used up: somebody has put a directory into the store",
                    path: key.path))
        }
        let header = Manifest.Header(
            owner: key.owner, reference: source, generation: number,
            stamp: UInt64.random(in: 1 ... .max), created: store.now(), epoch: claim.epoch)
        Moment.beforeManifest()
        let directory = try directory
        let file = try faulting { () throws(Errno) in
            do throws(Errno) { try directory.removeFile(GenerationNames.manifest) } catch .noSuchFileOrDirectory {}
            _ = try directory.createFile(GenerationNames.manifest)
            return try directory.fileForWriting(GenerationNames.manifest)
        }
        var builder = ManifestBuilder(header, file: file, versions: tree.versions, base: manifestBase)
        var walk = QuietWalk(of: tree.name, in: tree.directory, hidden: store.folder.hidden)
        let totals: Manifest.Totals
        do throws(FileFault) {
            totals = try builder.build(&walk, checkpoint: checkpoint)
        } catch {
            throw explained(error, at: walk.path)
        }
        // Names that no origin serves: nothing would show them, and nothing count them.
        guard totals.files == tree.files, totals.bytes == tree.bytes else {
            throw .stopped(.corrupt(key.path, "has files under names that are Baton's own"))
        }
        var held = builder.held
        held[header.generation, default: 0] &+= try faulting { () throws(Errno) in try file.status().allocated }
        Moment.manifestWritten()
        return Finished(header: header, totals: totals, held: held)
    }

    private var manifestBase: ManifestBase? {
        guard let directory = baseDirectory, let file = try? directory.file(GenerationNames.manifest),
            let reader = try? ManifestReader(file), let content = try? directory.place(of: GenerationNames.content)
        else { return nil }
        return ManifestBase(reader, content: content)
    }

    /// An entry that keeps its owner out came from a work that could read it all the same, and could never be served.
    private func explained(_ fault: FileFault, at path: [UInt8]) -> FileFault {
        guard case .system(let reason) = fault else { return fault }
        switch reason {
        case .permissionDenied, .notPermitted:
            let name = path.isEmpty ? "\(key.path)" : Escaping.printable(path)
            return .stopped(
                BatonError(
                    .permission,
                    "'\(key.path)' was not stored: the mode of '\(name)' keeps the relay's user from reading it; let its owner "
                        + "read it, or run the relay as root", path: key.path))
        case .notDirectory:
            return .stopped(.corrupt(key.path, "is neither a file nor a directory"))
        default: return fault
        }
    }

    // MARK: The same again

    /// Whether what came is what the newest generation has, but for the versions at its origin.
    private func isSameAsBase(_ totals: Manifest.Totals) throws(FileFault) -> Bool {
        guard !Flaw.breaks("KEP-9"), let base = baseDirectory, claim.base?.digest == totals.digest,
            store.index.withLock({ $0[key]?.newestGood?.id }) == claim.base?.id,
            let stored = try? base.file(GenerationNames.manifest), var old = try? ManifestReader(stored),
            old.totals == totals
        else { return false }
        let directory = try directory
        var new = try ManifestReader(
            faulting { () throws(Errno) in try directory.file(GenerationNames.manifest) })
        while let entry = try new.next() {
            guard let other = try? old.next(), entry.isSame(as: other) else { return false }
        }
        return true
    }

    /// Notes that the newest generation is what the owner has now.
    ///
    /// - Returns: `nil` if it has just gone.
    private func confirmBase(sent: UInt64) throws(FileFault) -> Receipt? {
        guard let record = claim.base, let base = baseDirectory else { return nil }
        let now = store.now()
        try faulting { () throws(Errno) in
            let manifest = try base.fileForWriting(GenerationNames.manifest)
            try manifest.setModified(now)
            // Should its own publishing have failed at this: a receipt is only given for what is on the disk.
            try manifest.synchronize()
            try store.folder.shelf(key).map { shelf throws(Errno) in try store.calls.synchronize(shelf) }
        }
        let isThere = store.index.withLock { $0.change(key, record.number) { $0.confirmed = now } } != nil
        guard isThere else { return nil }
        finish()
        return Receipt(
            outcome: .unchanged, path: key.path, generation: record.number, stamp: record.stamp, digest: record.digest,
            files: record.files, bytes: record.bytes, sent: sent)
    }

    // MARK: On its shelf

    private func putOnShelf(_ finished: Finished) throws(BatonError) {
        let number = finished.header.generation
        let result = store.shelving.withLock { _ -> Result<Descriptor, BatonError> in
            do throws(Errno) {
                let shelf = try store.folder.makeShelf(key, last: number - 1)
                guard store.index.withLock({ $0.beginPublishing(key.owner, claim.epoch) }) else {
                    return .failure(.fenced(key.path))
                }
                defer { store.index.withLock { $0.endPublishing(key.owner) } }
                Moment.beforeGeneration()
                try store.folder.incoming.move(
                    FileName(key.incomingName.utf8), to: shelf, as: FileName(String(number).utf8))
                Moment.afterGeneration()
                enter(finished)
                return .success(shelf)
            } catch {
                return .failure(.keeping(key, error))
            }
        }
        let shelf = try result.get()
        do throws(Errno) {
            try store.calls.synchronize(shelf)
            try store.calls.synchronize(store.folder.incoming)
        } catch {
            throw .keeping(key, error)
        }
    }

    private func enter(_ finished: Finished) {
        let facts = GenerationFacts(
            header: finished.header, totals: finished.totals, confirmed: finished.header.created, held: finished.held)
        store.index.withLock { index in
            let record = GenerationRecord(facts, id: index.newID())
            index.change(key) { shelf in
                shelf.records.append(record)
                shelf.last = max(shelf.last, record.number)
            }
            index.setIncoming(key.incomingName, nil)
        }
    }
}

extension Manifest.Entry {
    /// Whether a receiver could tell both apart.
    fileprivate func isSame(as other: Manifest.Entry?) -> Bool {
        guard var other else { return false }
        (other.version, other.since) = (version, since)
        return self == other
    }
}
