import BatonProtocol
import BatonTransport
import PropertyTesting
import Testing

@testable import BatonAgent

@Suite("Whoever waits for a turn gets it", .timeLimit(.minutes(5)))
struct TurnTests {
    /// Somebody who wants a turn. It comes in an inbox: a task that has one as its result would keep it.
    private struct Taker {
        let number: Int
        let task: Task<Void, any Error>
        let place: Inbox<Turns.Turn>

        /// A turn that is due, but does not come, is an error, and no endless wait.
        func turn() async throws -> Turns.Turn {
            let watch = Task<Void, any Error> {
                try await Task<Never, Never>.sleep(for: .seconds(5))
                task.cancel()
            }
            defer { watch.cancel() }
            if case .failure = await task.result { throw Broken("\(number)'s turn does not come") }
            guard let turn = try await place.next()?.first else { throw Broken("\(number) has no turn") }
            return turn
        }
    }

    @Test func `turns go to the first who waits, no more than allowed at once, and none is lost with who gives up`()
        async throws
    {
        let origins = [try WorkName("one"), try WorkName("other")]
        try await checkProperty(runs: 12, steps: 80) { run in
            let most = run.number(1...4)
            let turns = Turns(most: most)
            var taken: [WorkName: [Turns.Turn]] = [:]
            var waiting: [WorkName: [Taker]] = [:]
            var lastNumber = 0

            while run.step() {
                guard let origin = run.pick(origins) else { continue }
                let free = most - taken[origin, default: []].count
                switch run.number(0...5) {
                case 0...2:
                    lastNumber += 1
                    // Who waits says so before it waits: nobody can take its place after that.
                    let told = Inbox<Bool>()
                    let place = Inbox<Turns.Turn>()
                    let task = Task {
                        place.push([try await turns.take(at: origin) { told.push([true]) }])
                        told.push([false])
                    }
                    let taker = Taker(number: lastNumber, task: task, place: place)
                    let waits = try await told.next()?.first ?? false
                    run.note("\(lastNumber) \(waits ? "waits for" : "takes") a turn at \(origin)")
                    try run.expect(
                        waits == (free == 0), "\(lastNumber) waits with \(free) of \(most) turns free, or does not")
                    if waits {
                        waiting[origin, default: []].append(taker)
                    } else {
                        taken[origin, default: []].append(try await taker.turn())
                    }
                case 3...4:
                    guard let index = run.pick(taken[origin, default: []].indices) else { break }
                    run.note("a turn at \(origin) is over")
                    taken[origin]?.remove(at: index)
                    guard waiting[origin]?.isEmpty == false, let next = waiting[origin]?.removeFirst() else { break }
                    run.note("\(next.number) gets it")
                    taken[origin]?.append(try await next.turn())
                default:
                    guard let index = run.pick(waiting[origin, default: []].indices),
                        let who = waiting[origin]?.remove(at: index)
                    else { break }
                    run.note("\(who.number) gives up")
                    who.task.cancel()
                    guard case .failure = await who.task.result else {
                        throw Broken("\(who.number) gets a turn it did not want")
                    }
                }
            }
            for origin in origins {
                while let next = waiting[origin, default: []].first {
                    waiting[origin]?.removeFirst()
                    taken[origin]?.removeFirst()
                    taken[origin]?.append(try await next.turn())
                }
                taken[origin] = []
                var hasWaited = false
                var all: [Turns.Turn] = []
                for _ in 0..<most where !hasWaited {
                    // Without a turn of those that it holds, the test would wait for ever.
                    all.append(
                        try await turns.take(at: origin) {
                            hasWaited = true
                            all = []
                        })
                }
                try run.expect(!hasWaited && all.count == most, "a turn at \(origin) was lost")
            }
        }
    }
}
