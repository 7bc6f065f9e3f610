import BatonProtocol

// Which generations are kept no longer. Decided on the index alone; what is decided is done elsewhere.

extension StoreIndex {
    struct Victim {
        let key: ShelfKey
        let number: UInt64
    }

    /// What the policy does not keep any more, at this time: more generations than it says, those that are too old, and older ones
    /// that do not fit. Never what is pinned, read, or damaged, and for want of space never the newest good one of a path.
    ///
    /// - Parameter first: the path that gives room before all others.
    func surplus(_ policy: KeepingPolicy, now: Timestamp, first: ShelfKey? = nil) -> [Victim] {
        var rest = self
        var victims: [Victim] = []
        for (key, _) in all { victims += surplus(of: key, policy, now: now) }
        for victim in victims { rest.drop(victim) }
        for app in Set(all.map(\.key.owner.appKey)) {
            guard let quota = policy.bytesPerApp else { break }
            victims += rest.relieve(app, by: rest.usage(of: app).excess(over: quota), first: first).victims
        }
        if let quota = policy.bytes {
            victims += rest.relieve(nil, by: rest.usage(of: nil).excess(over: quota), first: first).victims
        }
        return victims
    }

    /// The same of one path, but for want of space.
    func surplus(of key: ShelfKey, _ policy: KeepingPolicy, now: Timestamp) -> [Victim] {
        let good = self[key]?.records.filter { $0.damage == nil } ?? []
        return good.enumerated().compactMap { index, record in
            let isOld = policy.timeToLive.map { record.confirmed.isOlder(than: $0, at: now) } ?? false
            guard isOld || index < good.count - policy.generations, mayGo(record) else { return nil }
            return Victim(key: key, number: record.number)
        }
    }

    func isOver(_ policy: KeepingPolicy, _ app: AppKey) -> Bool {
        policy.bytes.map { usage(of: nil) > $0 } ?? false || policy.bytesPerApp.map { usage(of: app) > $0 } ?? false
    }

    private func mayGo(_ record: GenerationRecord) -> Bool {
        record.damage == nil && !record.isPinned && !isLeased(record.id)
    }

    /// Drops older generations until `bytes` are free: those of the path that comes `first`, then the others', the oldest first.
    ///
    /// - Parameter app: only of this one.
    /// - Returns: what was dropped, and how many bytes are still lacking.
    mutating func relieve(
        _ app: AppKey?, by bytes: UInt64, first: ShelfKey?
    ) -> (victims: [Victim], lacking: UInt64) {
        guard bytes > 0 else { return ([], 0) }
        var lacking = bytes
        var victims: [Victim] = []
        for (key, record) in older(of: app, first: first) where lacking > 0 {
            let before = self[key]?.held ?? 0
            let victim = Victim(key: key, number: record.number)
            drop(victim)
            victims.append(victim)
            lacking -= min(lacking, before - min(before, self[key]?.held ?? 0))
        }
        return (victims, lacking)
    }

    /// Good generations that are not the newest good one of their path and may go.
    private func older(of app: AppKey?, first: ShelfKey?) -> [(key: ShelfKey, record: GenerationRecord)] {
        var candidates: [(key: ShelfKey, record: GenerationRecord)] = []
        for (key, shelf) in all where app == nil || key.owner.appKey == app {
            let newest = shelf.newestGood?.id
            candidates += shelf.records.filter { $0.id != newest && mayGo($0) }.map { (key, $0) }
        }
        return candidates.sorted { a, b in
            if (a.key == first) != (b.key == first) { return a.key == first }
            if a.record.created != b.record.created { return a.record.created < b.record.created }
            return a.record.id < b.record.id
        }
    }

    private mutating func drop(_ victim: Victim) {
        change(victim.key) { shelf in shelf.records.removeAll { $0.number == victim.number } }
    }
}

extension UInt64 {
    func excess(over limit: UInt64) -> UInt64 { self - Swift.min(self, limit) }
}

extension Timestamp {
    static func < (a: Timestamp, b: Timestamp) -> Bool {
        (a.seconds, a.nanoseconds) < (b.seconds, b.nanoseconds)
    }

    func isOlder(than age: Duration, at now: Timestamp) -> Bool {
        let (seconds, overflow) = now.seconds.subtractingReportingOverflow(self.seconds)
        if overflow { return self.seconds < now.seconds }
        let nanoseconds = Int64(now.nanoseconds) - Int64(self.nanoseconds)
        return .seconds(seconds) + .nanoseconds(nanoseconds) > age
    }
}
