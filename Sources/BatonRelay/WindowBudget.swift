import BatonProtocol

/// The memory that a relay lends to streams: each gets a window while there is room, and no stream starts without one
/// (chapter 6).
struct WindowBudget {
    private var left: UInt64

    init(total: UInt64) { left = total }

    /// A window for one stream: the usual one, or the smallest when room runs short; `nil` when there is none.
    mutating func reserve() -> UInt64? {
        for window in [Limits.defaultWindow, Limits.smallestWindow] where window <= left {
            left -= window
            return window
        }
        return nil
    }

    mutating func release(_ window: UInt64) { left += window }
}
