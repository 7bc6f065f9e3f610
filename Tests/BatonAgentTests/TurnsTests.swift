import BatonProtocol
import Testing

@testable import BatonAgent

@Suite("Gets from one work wait for their turn", .timeLimit(.minutes(1)))
struct TurnsTests {
    private let turns = Turns(most: 2)
    private let origin: WorkName
    private let other: WorkName

    init() throws { (origin, other) = (try WorkName("origin"), try WorkName("other")) }

    @Test func `so many have a turn at once, those at another work are not counted`() async throws {
        var taken = [try await turns.take(at: origin), try await turns.take(at: origin)]
        _ = try await turns.take(at: other)
        let third = Task { [turns, origin] in try await turns.take(at: origin) }
        try await Task.sleep(for: .milliseconds(50))
        third.cancel()
        await #expect(throws: BatonError.self) { try await third.value }
        #expect(taken.count == 2)
        taken = []
        // Nothing is left of it.
        _ = try await turns.take(at: origin)
    }

    @Test func `the next gets its turn when one is over, and it need not be told`() async throws {
        let counted = try await withThrowingTaskGroup(of: Void.self) { [turns, origin] group in
            for _ in 0..<200 {
                group.addTask {
                    let turn = try await turns.take(at: origin)
                    try await Task.sleep(for: .milliseconds(1))
                    withExtendedLifetime(turn) {}
                }
            }
            var count = 0
            for try await _ in group { count += 1 }
            return count
        }
        #expect(counted == 200)
    }

    @Test func `those who are cancelled while they wait take no turn with them`() async throws {
        let first = try await turns.take(at: origin)
        var second: Turns.Turn? = try await turns.take(at: origin)
        let waiting = (0..<50).map { _ in Task { [turns, origin] in _ = try await turns.take(at: origin) } }
        try await Task.sleep(for: .milliseconds(20))
        for (number, task) in waiting.enumerated() where number.isMultiple(of: 2) { task.cancel() }
        if second != nil { second = nil }
        for (number, task) in waiting.enumerated() where !number.isMultiple(of: 2) { try await task.value }
        withExtendedLifetime(first) {}
    }
}
