import BatonProtocol
import Testing

@testable import BatonRelay

@Suite("The relay's memory for windows")
struct WindowBudgetTests {
    private func holder(_ app: String) throws -> WindowBudget.Holder {
        WindowBudget.Holder(trustDomain: "baton", app: try WorkName(app))
    }

    @Test func `an app that takes all it can get leaves as much for another`() throws {
        var budget = WindowBudget(total: 64 << 20)
        while budget.reserve(for: try holder("greedy")) != nil {}
        #expect(budget.reserve(for: try holder("other")) == Limits.defaultWindow)
    }

    @Test func `windows shrink before they are refused`() throws {
        var budget = WindowBudget(total: 10 << 20)
        var windows: [UInt64] = []
        while let window = budget.reserve(for: try holder("app")) { windows.append(window) }
        #expect(windows == [Limits.defaultWindow, Limits.smallestWindow])
    }

    @Test func `what is released can be had again`() throws {
        var budget = WindowBudget(total: 8 << 20)
        let window = try #require(budget.reserve(for: try holder("app")))
        #expect(budget.reserve(for: try holder("app")) == nil)
        budget.release(window, of: try holder("app"))
        #expect(budget.reserve(for: try holder("app")) == window)
    }
}
