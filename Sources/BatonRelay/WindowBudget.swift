import BatonProtocol

/// The memory that a relay lends to streams: each gets a window while there is room, and no stream starts without one
/// (chapter 6). No app may hold more than is left for the others, so that none can shut them out.
struct WindowBudget {
    private var left: UInt64
    private var held: [Holder: UInt64] = [:]

    /// Works of one app share what the app may hold.
    struct Holder: Hashable {
        let trustDomain: String
        let app: WorkName
    }

    init(total: UInt64) { left = total }

    /// A window for one stream: the usual one, or the smallest when room runs short; `nil` when there is none.
    mutating func reserve(for holder: Holder) -> UInt64? {
        for window in [Limits.defaultWindow, Limits.smallestWindow]
        where window <= left && held[holder, default: 0] + window <= left {
            left -= window
            held[holder, default: 0] += window
            return window
        }
        return nil
    }

    mutating func release(_ window: UInt64, of holder: Holder) {
        left += window
        held[holder, default: window] -= window
        if held[holder] == 0 { held[holder] = nil }
    }
}
