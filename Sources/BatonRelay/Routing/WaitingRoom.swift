/// Who waits for works that are away. A value without clocks or connections; so many may wait for one asker and in all.
struct WaitingRoom<Guest> {
    /// Requests of one asker that are held at once.
    let mostOfOne: Int
    /// Requests that are held at once: a WAIT may bring a path of 4 KiB, a CALL values of 64 KiB.
    let most: Int

    private struct Place {
        let guest: Guest
        let work: WorkKey
        /// Rises with every guest.
        let number: UInt64
    }

    private var places: [Router.RouteKey: Place] = [:]
    private var keys: [WorkKey: Set<Router.RouteKey>] = [:]
    private var load: [ObjectIdentifier: Int] = [:]
    private var lastNumber: UInt64 = 0

    init(mostOfOne: Int = 64, most: Int = 8192) {
        (self.mostOfOne, self.most) = (mostOfOne, most)
    }

    var isEmpty: Bool { places.isEmpty && keys.isEmpty && load.isEmpty }

    /// - Returns: false if there is no room.
    mutating func enter(_ guest: Guest, as key: Router.RouteKey, for work: WorkKey) -> Bool {
        guard places.count < most, load[key.asker, default: 0] < mostOfOne, places[key] == nil else {
            return false
        }
        lastNumber += 1
        places[key] = Place(guest: guest, work: work, number: lastNumber)
        keys[work, default: []].insert(key)
        load[key.asker, default: 0] += 1
        return true
    }

    mutating func leave(_ key: Router.RouteKey) -> Guest? {
        guard let place = places.removeValue(forKey: key) else { return nil }
        keys[place.work]?.remove(key)
        if keys[place.work]?.isEmpty == true { keys[place.work] = nil }
        load[key.asker] = load[key.asker].flatMap { $0 > 1 ? $0 - 1 : nil }
        return place.guest
    }

    /// Those who wait for a work, in the order in which they came.
    mutating func leave(allFor work: WorkKey) -> [(key: Router.RouteKey, guest: Guest)] {
        let waiting = (keys[work] ?? []).sorted { (places[$0]?.number ?? 0) < (places[$1]?.number ?? 0) }
        return waiting.compactMap { key in leave(key).map { (key, $0) } }
    }

    mutating func leave(allOf asker: ObjectIdentifier) {
        guard load[asker] != nil else { return }
        for key in places.keys where key.asker == asker { _ = leave(key) }
    }

    mutating func leaveAll() -> [(key: Router.RouteKey, guest: Guest)] {
        defer { self = WaitingRoom(mostOfOne: mostOfOne, most: most) }
        return places.map { ($0.key, $0.value.guest) }
    }
}
