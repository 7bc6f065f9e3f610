import BatonProtocol
import Testing

@testable import BatonRelay

@Suite("The relay's memory for windows")
struct WindowBudgetTests {
    private func work(_ app: String, _ work: String = "work") throws -> WorkKey {
        WorkKey(trustDomain: "baton", app: try WorkName(app), work: try WorkName(work))
    }

    @Test func `an app that takes all it can get leaves as much for another`() throws {
        var budget = WindowBudget(total: 64 << 20)
        for number in 0..<64 { while budget.reserve(for: try work("greedy", "\(number)")) != nil {} }
        #expect(budget.reserve(for: try work("other")) == Limits.defaultWindow)
    }

    @Test func `what an app gets is never more than what is then left`() throws {
        var budget = WindowBudget(total: 9 << 20)
        #expect(budget.reserve(for: try work("greedy", "1")) == Limits.defaultWindow)
        #expect(budget.reserve(for: try work("greedy", "2")) == nil)
        #expect(budget.reserve(for: try work("other")) == Limits.smallestWindow)
    }

    @Test func `a work that takes all it can get leaves room for others of its app`() throws {
        var budget = WindowBudget(total: 256 << 20)
        var held: UInt64 = 0
        while let window = budget.reserve(for: try work("app", "greedy")) { held += window }
        #expect(held <= 64 << 20)
        #expect(budget.reserve(for: try work("app", "other")) == Limits.defaultWindow)
    }

    @Test func `windows shrink before they are refused`() throws {
        var budget = WindowBudget(total: 32 << 20)
        var windows: [UInt64] = []
        while let window = budget.reserve(for: try work("app")) { windows.append(window) }
        #expect(windows == [Limits.defaultWindow] + [UInt64](repeating: Limits.smallestWindow, count: 4))
    }

    @Test func `a small relay still serves one transfer at a time`() throws {
        var budget = WindowBudget(total: 2 << 20)
        #expect(budget.reserve(for: try work("app")) == Limits.smallestWindow)
        #expect(budget.reserve(for: try work("app")) == nil)
    }

    @Test func `what is released can be had again`() throws {
        var budget = WindowBudget(total: 8 << 20)
        let window = try #require(budget.reserve(for: try work("app")))
        #expect(budget.reserve(for: try work("app")) == nil)
        budget.release(window, of: try work("app"))
        #expect(budget.reserve(for: try work("app")) == window)
    }
}
