public import BatonProtocol
import Synchronization
import SystemPackage

extension LocalArtifactStore {
    public func put(
        _ path: PathName, of owner: ArtifactOwner, epoch: UInt64, attributes: Bool, expecting bytes: UInt64
    ) throws(BatonError) -> sending any IncomingGeneration {
        let claim = try ShelfClaim(ShelfKey(owner: OwnerKey(owner), path: path), epoch: epoch, store: self)
        if bytes > 0 {
            try claim.reserve(bytes)
            try checkDisk(for: bytes, of: claim.key, removing: true)
        }
        let source = Reference(origin: owner.work, path: path)
        return try LocalIncoming(claim, source: source, attributes: attributes)
    }
}

/// A shelf that nobody else puts on until this is dropped, and how much what comes takes.
final class ShelfClaim: Sendable {
    let key: ShelfKey
    let epoch: UInt64
    let store: LocalArtifactStore
    /// What the new generation may share files with.
    let base: GenerationRecord?
    private let lease: GenerationLease?
    /// Bytes that are counted for what comes.
    private let reserved: Mutex<UInt64>
    /// They are looked for in steps of so many.
    private static let step: UInt64 = 16 << 20

    init(_ key: ShelfKey, epoch: UInt64, store: LocalArtifactStore) throws(BatonError) {
        let result = store.index.withLock { index -> Result<(GenerationRecord?, UInt64), BatonError> in
            guard index.isCurrent(key.owner, epoch) else { return .failure(.fenced(key.path)) }
            guard index[key]?.isBusy != true else {
                return .failure(
                    BatonError(.busy, "'\(key.path)' is being persisted already: wait for that", path: key.path))
            }
            index.change(key) { $0.isBusy = true }
            let base = index[key]?.newestGood
            if let base { index.lease(base.id) }
            let partial = index.incoming[key.incomingName]?.bytes ?? 0
            index.setIncoming(
                key.incomingName, StoreIndex.Incoming(app: key.owner.appKey, bytes: partial, isActive: true))
            return .success((base, partial))
        }
        let (base, partial) = try result.get()
        self.key = key
        self.epoch = epoch
        self.store = store
        self.base = base
        lease = base.map { GenerationLease($0.id, in: store) }
        reserved = Mutex(partial)
    }

    deinit {
        let key = key
        let left = folderIsEmpty
        store.index.withLock { index in
            index.change(key) { $0.isBusy = false }
            guard var incoming = index.incoming[key.incomingName] else { return }
            incoming.isActive = false
            index.setIncoming(key.incomingName, left ? nil : incoming)
        }
    }

    /// Takes away the directory of what comes, if nothing is left in it.
    private var folderIsEmpty: Bool {
        do throws(Errno) {
            try store.folder.incoming.removeDirectory(FileName(key.incomingName.utf8))
            return true
        } catch {
            return error == .noSuchFileOrDirectory
        }
    }

    /// Counts what comes as `bytes` at least.
    ///
    /// - Throws: ``BatonError`` `noSpace`
    func reserve(_ bytes: UInt64) throws(BatonError) {
        guard bytes > reserved.withLock({ $0 }) else { return }
        let ahead = bytes.addingReportingOverflow(ShelfClaim.step)
        do throws(BatonError) {
            try store.setIncoming(ahead.overflow ? bytes : ahead.partialValue, of: key)
            reserved.withLock { $0 = ahead.overflow ? bytes : ahead.partialValue }
        } catch {
            // There may be room for just what comes.
            try store.setIncoming(bytes, of: key)
            reserved.withLock { $0 = bytes }
        }
    }

    /// The same while it comes: the disk is looked at, too.
    func reserveComing(_ bytes: UInt64) throws(BatonError) {
        let before = reserved.withLock { $0 }
        guard bytes > before else { return }
        try reserve(bytes)
        try store.checkDisk(for: reserved.withLock { $0 } - before, of: key, removing: false)
    }

    /// - Throws: `interrupted` if a newer session of the owner has come.
    func checkFence() throws(BatonError) {
        guard store.index.withLock({ $0.isCurrent(key.owner, epoch) }) else { throw .fenced(key.path) }
    }
}

extension BatonError {
    static func fenced(_ path: PathName) -> BatonError {
        BatonError(
            .interrupted, "'\(path)' was not stored: another session has taken this work's place", path: path)
    }
}

/// A generation that is received beside its shelf, `STORE/incoming/<shelf>/content`, until it has come whole.
final class LocalIncoming: IncomingGeneration {
    let writer: TreeWriter
    let claim: ShelfClaim
    /// The directory of the base, which keeps its files at hand even if it is removed meanwhile.
    let baseDirectory: Descriptor?
    private var isOver = false
    /// Partial data must not stay: there is no room for it.
    private var isTooLarge = false

    var store: LocalArtifactStore { claim.store }
    var key: ShelfKey { claim.key }
    var base: UInt64 { baseDirectory == nil ? 0 : claim.base?.stamp ?? 0 }

    init(_ claim: ShelfClaim, source: Reference, attributes: Bool) throws(BatonError) {
        self.claim = claim
        let folder = claim.store.folder
        let path = folder.incomingPath(claim.key)
        var order = TreeWriter.Order(source: source, attributes: attributes, durable: true)
        order.notesVersions = true
        order.admits = { bytes throws(BatonError) in try claim.reserveComing(bytes) }
        do throws(FileFault) {
            if let directory = try? folder.incoming.directory(FileName(claim.key.incomingName.utf8)) {
                try directory.removeTree(GenerationNames.content)
                try directory.removeTree(GenerationNames.manifest)
            }
        } catch {
            throw .keeping(claim.key, error)
        }
        let number = claim.base.map { FileName(String($0.number).utf8) }
        let directory = number.flatMap { number in try? folder.shelf(claim.key)?.directory(number) }
        baseDirectory = directory ?? nil
        order.base = baseDirectory.map { BaseTree(directory: $0, name: GenerationNames.content) }
        do {
            writer = try TreeWriter(
                destination: path.appending("content"), overwrite: false, folder: folder.work, order: order,
                limits: TreeLimits(), calls: claim.store.calls)
        } catch {
            throw error.code == .noSpace ? .keeping(claim.key, Errno.noSpace) : error
        }
        try claim.reserve(writer.progress.bytes)
    }

    deinit { discard() }

    func discard() {
        guard !isOver else { return }
        isOver = true
        writer.discard()
        removeRest()
    }

    func keepPartial() {
        guard !isOver, !isTooLarge else { return discard() }
        isOver = true
        writer.keepPartial(partialBytes: .max)
        removeRest()
    }

    /// Takes away all but partial data.
    private func removeRest() {
        guard let directory = try? store.folder.incoming.directory(FileName(key.incomingName.utf8)) else { return }
        // What cannot be removed now is in the way of nothing: the next put, or the next start, tries again.
        _ = try? directory.removeTree(GenerationNames.content)
        _ = try? directory.removeTree(GenerationNames.manifest)
    }

    func publish(checkpoint: () throws(BatonError) -> Void) throws(BatonError) -> Receipt {
        do throws(BatonError) {
            return try publishWhole(checkpoint)
        } catch {
            isTooLarge = error.code == .noSpace
            throw error
        }
    }

    /// It is on its shelf, or not needed.
    func finish() {
        isOver = true
        writer.discard()
        removeRest()
    }
}
