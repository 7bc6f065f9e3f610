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

    private struct Held {
        /// Of the base.
        var lease: GenerationLease?
        /// Bytes that are counted for what comes.
        var bytes: UInt64
        var isReleased = false
    }

    private let held: Mutex<Held>
    /// They are looked for in steps of so many.
    private static let step: UInt64 = 16 << 20

    init(_ key: ShelfKey, epoch: UInt64, store: LocalArtifactStore) throws(BatonError) {
        let result = store.index.withLock { index -> Result<(GenerationRecord?, UInt64), BatonError> in
            guard index.isCurrent(key.owner, epoch) else { return .failure(.fenced(key.path)) }
            guard index[key]?.isBusy != true, index.incoming[key.incomingName]?.isActive != true else {
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
        held = Mutex(Held(lease: base.map { GenerationLease($0.id, in: store) }, bytes: partial))
    }

    deinit { release(leaving: held.withLock { $0.bytes }) }

    /// Others may put on the shelf again.
    ///
    /// - Parameter bytes: partial data that is left, if any is.
    func release(leaving bytes: UInt64) {
        let (isFirst, lease) = held.withLock { held in
            defer { (held.isReleased, held.lease) = (true, nil) }
            return (!held.isReleased, held.lease)
        }
        guard isFirst else { return }
        let key = key
        let left: StoreIndex.Incoming? =
            folderIsGone ? nil : StoreIndex.Incoming(app: key.owner.appKey, bytes: bytes, isActive: false)
        store.index.withLock { index in
            index.change(key) { $0.isBusy = false }
            index.setIncoming(key.incomingName, left)
        }
        // Only now: what it holds must not change as long as it is the base.
        withExtendedLifetime(lease) {}
    }

    /// Takes away the directory of what comes, if nothing is left in it.
    private var folderIsGone: Bool {
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
        guard bytes > reserved else { return }
        let ahead = bytes.addingReportingOverflow(ShelfClaim.step)
        do throws(BatonError) {
            try store.setIncoming(ahead.overflow ? bytes : ahead.partialValue, of: key)
            held.withLock { $0.bytes = ahead.overflow ? bytes : ahead.partialValue }
        } catch {
            // There may be room for just what comes.
            try store.setIncoming(bytes, of: key)
            held.withLock { $0.bytes = bytes }
        }
    }

    /// The same while it comes: the disk is looked at, too.
    func reserveComing(_ bytes: UInt64) throws(BatonError) {
        let before = reserved
        guard bytes > before else { return }
        try reserve(bytes)
        try store.checkDisk(for: bytes - before, of: key, removing: false)
    }

    private var reserved: UInt64 { held.withLock { $0.bytes } }

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
    /// What it is a copy of.
    let source: Reference
    /// The directory of the base, which keeps its files at hand even if it is removed meanwhile.
    let baseDirectory: Descriptor?
    private var isOver = false
    /// Partial data must not stay: there is no room for it.
    private var isTooLarge = false

    var store: LocalArtifactStore { claim.store }
    var key: ShelfKey { claim.key }
    var baseGeneration: UInt64? { baseDirectory == nil ? nil : claim.base?.number }
    var base: UInt64 { baseDirectory == nil ? 0 : claim.base?.stamp ?? 0 }

    init(_ claim: ShelfClaim, source: Reference, attributes: Bool) throws(BatonError) {
        self.claim = claim
        self.source = source
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
            throw error.code == .noSpace ? .keeping(claim.key, .noSpace) : error
        }
        try claim.reserve(writer.progress.bytes)
    }

    deinit { discard() }

    func discard() {
        guard !isOver else { return }
        finish()
    }

    func keepPartial() {
        guard !isOver, !isTooLarge else { return discard() }
        isOver = true
        let bytes = writer.progress.bytes
        writer.keepPartial(partialBytes: .max)
        removeRest()
        claim.release(leaving: bytes)
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
        claim.release(leaving: 0)
    }

    func explained(_ error: BatonError) -> BatonError {
        switch error.code {
        case .noSpace where error.path != key.path: .keeping(key, .noSpace)
        // A file that is too large for the relay's file system, and whatever else its disk refuses.
        case .cannotCreate where error.saidBy == .local, .permission where error.saidBy == .local:
            BatonError(
                error.code,
                "'\(key.path)' was not stored: the relay's disk refuses something in it, such as a file of that size",
                path: key.path)
        default: error
        }
    }
}
