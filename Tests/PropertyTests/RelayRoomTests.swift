import BatonProtocol
import PropertyTesting
import Testing

@testable import BatonRelay

@Suite("What a relay lends comes back, and nobody gets more than their share", .timeLimit(.minutes(5)))
struct RelayRoomTests {
    private func works() throws -> [WorkKey] {
        try ["a", "b", "c"].flatMap { app in
            try (0..<4).map { WorkKey(trustDomain: "baton", app: try WorkName(app), work: try WorkName("w\($0)")) }
        }
    }

    // MARK: Windows

    @Test func `windows never exceed the total or a share, and all of them come back`() async throws {
        let works = try works()
        try await checkProperty(runs: 60, steps: 300) { run in
            let total = UInt64(run.number(2...600)) << 20
            var budget = WindowBudget(total: total)
            var lent: [(work: WorkKey, window: UInt64)] = []
            func held(_ matches: (WorkKey) -> Bool) -> UInt64 {
                lent.reduce(0) { $0 + (matches($1.work) ? $1.window : 0) }
            }

            while run.step() {
                if run.number(0...9) < 6, let work = run.pick(works) {
                    let window = budget.reserve(for: work)
                    run.note(
                        "\(work.app)/\(work.work) gets \(window.map { "\($0 >> 20) MiB" } ?? "none") of \(total >> 20)")
                    guard let window else {
                        let left = total - held { _ in true }
                        let ofApp = held { $0.app == work.app }
                        let isAllowed =
                            ofApp + Limits.smallestWindow <= left.subtractingClamped(Limits.smallestWindow)
                            && held { $0 == work } + Limits.smallestWindow <= total / 4
                        try run.expect(!isAllowed, "a window is refused that could be had")
                        continue
                    }
                    try run.expect(
                        [Limits.defaultWindow, Limits.smallestWindow].contains(window), "a window of \(window) bytes")
                    let isFirst = held { $0 == work } == 0
                    lent.append((work, window))
                    let left = total.subtractingClamped(held { _ in true })
                    try run.expect(held { _ in true } <= total, "more is lent than there is")
                    try run.expect(isFirst || held { $0 == work } <= total / 4, "a work holds more than a quarter")
                    let ofApp = held { $0.app == work.app }
                    try run.expect(ofApp <= left, "an app holds \(ofApp), and leaves \(left) to all others")
                } else if let index = run.pick(lent.indices) {
                    let (work, window) = lent.remove(at: index)
                    run.note("\(work.app)/\(work.work) gives \(window >> 20) MiB back")
                    budget.release(window, of: work)
                }
            }

            for (work, window) in lent { budget.release(window, of: work) }
            var fresh = WindowBudget(total: total)
            for work in works + works {
                try run.expect(budget.reserve(for: work) == fresh.reserve(for: work), "something was not given back")
            }
        }
    }

    // MARK: Those who wait

    private final class Asker {}

    private struct Guest {
        let number: Int
        let key: Router.RouteKey
        let work: WorkKey
    }

    @Test func `who waits leaves once, in the order of arrival, and takes no room afterwards`() async throws {
        let works = try works()
        let askers = (0..<4).map { _ in Asker() }
        try await checkProperty(runs: 60, steps: 300) { run in
            var room = WaitingRoom<Int>(mostOfOne: run.number(1...6), most: run.number(1...16))
            var guests: [Guest] = []
            var lastNumber = 0

            func expectLeft(_ left: [Int], _ matches: (Guest) -> Bool) throws {
                let expected = guests.filter(matches).map(\.number)
                guests.removeAll(where: matches)
                try run.expect(left == expected, "\(left) leave instead of \(expected)")
            }

            while run.step() {
                guard let asker = run.pick(askers.indices), let work = run.pick(works.prefix(3)) else { continue }
                let id = ObjectIdentifier(askers[asker])
                let key = Router.RouteKey(asker: id, stream: StreamID(run.number(1...12)))
                switch run.number(0...9) {
                case 0...5:
                    lastNumber += 1
                    let isTaken = guests.contains { $0.key == key }
                    let hasRoom = guests.count < room.most && guests.count { $0.key.asker == id } < room.mostOfOne
                    let entered = room.enter(lastNumber, as: key, for: work)
                    run.note(
                        "guest \(lastNumber) of asker \(asker) \(entered ? "waits for" : "is refused by") \(work.work)")
                    try run.expect(
                        entered == (hasRoom && !isTaken), "guest \(lastNumber) is let in against the rules, or kept out"
                    )
                    if entered { guests.append(Guest(number: lastNumber, key: key, work: work)) }
                case 6...7:
                    run.note("stream \(key.stream) of asker \(asker) leaves")
                    try expectLeft(room.leave(key).map { [$0] } ?? []) { $0.key == key }
                case 8:
                    run.note("all leave who wait for \(work.work)")
                    try expectLeft(room.leave(allFor: work).map(\.guest)) { $0.work == work }
                default:
                    guard run.oneIn(3) else { break }
                    run.note("asker \(asker) goes")
                    room.leave(allOf: id)
                    guests.removeAll { $0.key.asker == id }
                }
                try run.expect(room.isEmpty == guests.isEmpty, "the room is empty, and is not")
            }
            try expectLeft(room.leaveAll().map(\.guest).sorted()) { _ in true }
            try run.expect(room.isEmpty, "somebody is left")
        }
    }
}

extension UInt64 {
    fileprivate func subtractingClamped(_ other: UInt64) -> UInt64 { self > other ? self - other : 0 }
}
