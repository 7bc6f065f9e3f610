import BatonProtocol

/// One generation, as the index has it.
struct GenerationRecord {
    /// Of this process: leases name it.
    let id: UInt64
    let number: UInt64
    let stamp: UInt64
    let created: Timestamp
    /// When the owner last had this very tree.
    var confirmed: Timestamp
    let files: UInt64
    let bytes: UInt64
    let digest: [UInt8]
    /// Bytes on the disk, by the generation since which they are there.
    let held: [UInt64: UInt64]
    var isPinned: Bool
    /// In what it differs from what was stored.
    var damage: String?
}

/// All generations of one declared path.
struct Shelf {
    /// Their numbers rise.
    var records: [GenerationRecord] = []
    /// The highest number that was ever used.
    var last: UInt64 = 0
    /// A generation is being received.
    var isBusy = false

    var newestGood: GenerationRecord? { records.last { $0.damage == nil } }

    /// There is nothing to be known of it.
    fileprivate var isBlank: Bool { records.isEmpty && last == 0 && !isBusy }

    /// Bytes on the disk, what generations share counted once.
    var held: UInt64 { Shelf.held(records) }

    /// A file that came with generation *f* is shared, by hard links, by those after it up to some generation. So of the files since
    /// *f* the oldest generation that is left has all that any has: its count is what they take together.
    static func held(_ records: [GenerationRecord]) -> UInt64 {
        var since: [UInt64: UInt64] = [:]
        for record in records { since.merge(record.held) { max($0, $1) } }
        return since.values.reduce(0) { $0.addingReportingOverflow($1).partialValue }
    }
}

/// What a store knows without looking at its disk. A value without I/O.
struct StoreIndex {
    /// A generation on its way in, or what is left of one.
    struct Incoming {
        /// `nil` for what an earlier process left.
        var app: AppKey?
        /// On the disk.
        var bytes: UInt64
        /// Somebody receives it now.
        var isActive: Bool
    }

    /// A generation whose directory has been put aside.
    struct Trash {
        let id: UInt64
        let name: FileName
    }

    private(set) var shelves: [OwnerKey: [PathName: Shelf]] = [:]
    /// By the shelf's ``ShelfKey/incomingName``.
    private(set) var incoming: [String: Incoming] = [:]
    private(set) var trash: [Trash] = []
    /// Bytes on the shelves of each app.
    private var shelved: [AppKey: UInt64] = [:]
    private var leases: [UInt64: Int] = [:]
    private var epochs: [OwnerKey: UInt64] = [:]
    /// How many generations of an owner are between their last check and their place.
    private var publishing: [OwnerKey: Int] = [:]
    private var lastID: UInt64 = 0

    subscript(_ key: ShelfKey) -> Shelf? { shelves[key.owner]?[key.path] }

    /// Changes a shelf, which is made if there is none.
    @discardableResult
    mutating func change<T>(_ key: ShelfKey, _ body: (inout Shelf) -> T) -> T {
        var shelf = self[key] ?? Shelf()
        let before = shelf.held
        let result = body(&shelf)
        shelves[key.owner, default: [:]][key.path] = shelf.isBlank ? nil : shelf
        if shelves[key.owner]?.isEmpty ?? false { shelves[key.owner] = nil }
        let rest = (shelved[key.owner.appKey] ?? 0).subtractingReportingOverflow(before).partialValue
        let bytes = rest.addingReportingOverflow(shelf.held).partialValue
        shelved[key.owner.appKey] = bytes > 0 ? bytes : nil
        return result
    }

    /// Changes a generation.
    ///
    /// - Returns: `nil` if there is none.
    mutating func change<T>(
        _ key: ShelfKey, _ number: UInt64, _ body: (inout GenerationRecord) -> T
    ) -> T? {
        guard self[key]?.records.contains(where: { $0.number == number }) ?? false else { return nil }
        return change(key) { shelf in
            shelf.records.firstIndex { $0.number == number }.map { body(&shelf.records[$0]) }
        }
    }

    mutating func newID() -> UInt64 {
        lastID += 1
        return lastID
    }

    /// The longest path that is `path` or above it of which there is a good generation.
    func shelf(covering path: PathName, of owner: OwnerKey) -> (ShelfKey, GenerationRecord)? {
        guard let paths = shelves[owner] else { return nil }
        var candidate: PathName? = path
        while let path = candidate {
            if let record = paths[path]?.newestGood { return (ShelfKey(owner: owner, path: path), record) }
            candidate = path.parent
        }
        return nil
    }

    /// All shelves, owner by owner in no order.
    var all: [(key: ShelfKey, shelf: Shelf)] {
        shelves.flatMap { owner, paths in paths.map { (ShelfKey(owner: owner, path: $0.key), $0.value) } }
    }
}

// MARK: Space

extension StoreIndex {
    /// Bytes of one app, or of all: of its generations, and of what is coming.
    func usage(of app: AppKey?) -> UInt64 {
        let shelved = app.map { self.shelved[$0] ?? 0 } ?? self.shelved.values.reduce(0, +)
        return incoming.values.filter { app == nil || $0.app == app }.reduce(shelved) {
            $0.addingReportingOverflow($1.bytes).partialValue
        }
    }

    mutating func setIncoming(_ name: String, _ incoming: Incoming?) { self.incoming[name] = incoming }
}

// MARK: Leases

extension StoreIndex {
    func isLeased(_ id: UInt64) -> Bool { leases[id] != nil }

    mutating func lease(_ id: UInt64) { leases[id, default: 0] += 1 }

    mutating func release(_ id: UInt64) {
        guard let count = leases[id] else { return }
        leases[id] = count > 1 ? count - 1 : nil
    }

    mutating func addTrash(_ trash: Trash) { self.trash.append(trash) }

    /// What nobody reads any more; it is the caller's to remove now.
    mutating func takeTrash() -> [Trash] {
        let free = trash.filter { leases[$0.id] == nil }
        trash.removeAll { leases[$0.id] == nil }
        return free
    }
}

// MARK: Sessions

extension StoreIndex {
    /// - Returns: false if a generation of the owner is being published.
    mutating func fence(_ owner: OwnerKey, _ epoch: UInt64) -> Bool {
        guard publishing[owner] == nil else { return false }
        epochs[owner] = epoch
        return true
    }

    func isCurrent(_ owner: OwnerKey, _ epoch: UInt64) -> Bool { epochs[owner] == epoch }

    /// From here to ``endPublishing(_:)`` no other session takes the owner's place.
    ///
    /// - Returns: false if one has.
    mutating func beginPublishing(_ owner: OwnerKey, _ epoch: UInt64) -> Bool {
        guard isCurrent(owner, epoch) else { return false }
        publishing[owner, default: 0] += 1
        return true
    }

    mutating func endPublishing(_ owner: OwnerKey) {
        guard let count = publishing[owner] else { return }
        publishing[owner] = count > 1 ? count - 1 : nil
    }
}
