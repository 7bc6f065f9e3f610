public import BatonProtocol
import Synchronization
public import SystemPackage

/// The artifact store on a disk of this machine: see ``StoreFolder`` for what lies where. One process at a time has it open.
///
/// What is looked up is looked up in memory (``StoreIndex``); what changes a shelf changes the disk first, then the index, but
/// for removals, which take a generation out of the index first: so nothing is given out that is not whole on the disk.
public final class LocalArtifactStore: ArtifactStore {
    let folder: StoreFolder
    let policy: KeepingPolicy
    let now: @Sendable () -> Timestamp
    let calls: FileSystemCalls
    /// Held in passing: nothing that takes a disk happens under it.
    let index: Mutex<StoreIndex>
    /// Held while the names on shelves change.
    let shelving = Mutex(())

    /// Opens a store, or makes one, and compares every generation in it with its manifest.
    ///
    /// - Throws: ``BatonError`` `busy` if another relay has it; `permission`, `cannotCreate` or `noSpace`.
    public static func open(
        at root: FilePath, policy: KeepingPolicy = KeepingPolicy()
    ) throws(BatonError) -> (LocalArtifactStore, StoreReport) {
        try open(at: root, policy: policy, calls: FileSystemCalls()) { .now }
    }

    static func open(
        at root: FilePath, policy: KeepingPolicy, calls: FileSystemCalls, now: @escaping @Sendable () -> Timestamp
    ) throws(BatonError) -> (LocalArtifactStore, StoreReport) {
        let folder = try StoreFolder(root: root)
        var scan = StoreScan(folder)
        try scan.run()
        return (LocalArtifactStore(folder, scan.index, policy, calls, now), scan.report)
    }

    private init(
        _ folder: StoreFolder, _ index: StoreIndex, _ policy: KeepingPolicy, _ calls: FileSystemCalls,
        _ now: @escaping @Sendable () -> Timestamp
    ) {
        self.folder = folder
        self.index = Mutex(index)
        self.policy = policy
        self.calls = calls
        self.now = now
    }

    public func fence(_ owner: ArtifactOwner, epoch: UInt64) -> Bool {
        let key = OwnerKey(owner)
        return index.withLock { $0.fence(key, epoch) }
    }

    public func beginChange(of owner: ArtifactOwner, epoch: UInt64) -> Bool {
        let key = OwnerKey(owner)
        return index.withLock { $0.beginPublishing(key, epoch) }
    }

    public func endChange(of owner: ArtifactOwner) {
        let key = OwnerKey(owner)
        index.withLock { $0.endPublishing(key) }
    }

    public func covers(_ path: PathName, of owner: ArtifactOwner) -> Bool {
        let key = OwnerKey(owner)
        return index.withLock { $0.shelf(covering: path, of: key) != nil }
    }

    public func tree(at path: PathName, of owner: ArtifactOwner) throws(BatonError) -> StoredTree? {
        let key = OwnerKey(owner)
        // A generation may be removed between the look at the index and its opening: then another answers.
        for _ in 0..<16 {
            let found = index.withLock { index -> (ShelfKey, GenerationRecord)? in
                guard let (shelf, record) = index.shelf(covering: path, of: key) else { return nil }
                index.lease(record.id)
                return (shelf, record)
            }
            guard let (shelf, record) = found else { return nil }
            let lease = GenerationLease(record.id, in: self)
            if let tree = try StoredTree(shelf: shelf, record: record, lease: lease, folder: folder) { return tree }
            // It has been removed meanwhile, or by somebody else than the store: then an older one stands in.
            index.withLock { index in
                _ = index.change(shelf, record.number) { if $0.id == record.id { $0.damage = "it is missing" } }
            }
            // What is being removed is in the index no more. What still is, somebody has taken away by hand.
            _ = index.withLock { $0.change(shelf, record.number) { $0.damage = "has gone from the disk" } }
        }
        throw BatonError(.busy, "what is stored of '\(path)' is being removed: try again", path: path)
    }
}

/// Keeps what lies in a generation from being removed, until it is dropped.
final class GenerationLease: Sendable {
    private let id: UInt64
    private let store: LocalArtifactStore

    /// - Parameter id: of a record that was leased just now, under the lock under which it was found.
    init(_ id: UInt64, in store: LocalArtifactStore) {
        self.id = id
        self.store = store
    }

    deinit {
        let id = id
        store.index.withLock { $0.release(id) }
    }
}
