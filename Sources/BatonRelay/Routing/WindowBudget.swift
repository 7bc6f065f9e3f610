import BatonProtocol

/// The memory that a relay lends to streams: each gets a window while there is room, and no stream starts without one
/// (chapter 6). No app may hold more than is left for the others, and no work more than a quarter of all, so that none can
/// shut the others out.
struct WindowBudget {
    private let total: UInt64
    private var left: UInt64
    private var heldByApp: [App: UInt64] = [:]
    private var heldByWork: [WorkKey: UInt64] = [:]

    private struct App: Hashable {
        let trustDomain: String
        let app: WorkName

        init(_ work: WorkKey) { (trustDomain, app) = (work.trustDomain, work.app) }
    }

    init(total: UInt64) {
        self.total = total
        left = total
    }

    /// A window for one stream that `work` receives: the usual one while it has few, then the smallest; `nil` when there is
    /// none.
    mutating func reserve(for work: WorkKey) -> UInt64? {
        for (window, share) in [(Limits.defaultWindow, total / 16), (Limits.smallestWindow, total / 4)] {
            let held = heldByWork[work, default: 0]
            guard held == 0 || held + window <= share, window <= left,
                heldByApp[App(work), default: 0] + window <= left - window
            else { continue }
            left -= window
            heldByApp[App(work), default: 0] += window
            heldByWork[work] = held + window
            return window
        }
        return nil
    }

    mutating func release(_ window: UInt64, of work: WorkKey) {
        left += window
        heldByApp[App(work)] = heldByApp[App(work)].flatMap { $0 > window ? $0 - window : nil }
        heldByWork[work] = heldByWork[work].flatMap { $0 > window ? $0 - window : nil }
    }
}
