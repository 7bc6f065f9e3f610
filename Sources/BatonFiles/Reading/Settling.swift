import BatonProtocol

/// Waits until something has not been written for ``Limits/settleMilliseconds``: time stamps are coarser than writes, and only
/// then does every later write show in them. A value without a clock; it is told the time.
struct Settling {
    enum Verdict: Hashable {
        case settled
        /// Look again after so many milliseconds.
        case wait(Int)
        /// It has been written all the time.
        case never
    }

    /// Longest wait for one thing, in milliseconds.
    static let patience = 5000

    private var begun: Int?
    private var seen: (status: FileStatus, due: Int)?

    /// - Parameters:
    ///   - status: of the held descriptor, now.
    ///   - wall: the time that files are stamped with.
    ///   - steady: a clock in milliseconds that nobody sets.
    mutating func look(at status: FileStatus, wall: Timestamp, steady: Int) -> Verdict {
        if let seen, status.hasContent(of: seen.status) {
            return steady < seen.due ? .wait(seen.due - steady) : .settled
        }
        // By ctime: it is never before the last write, whatever the mtime was set to.
        let age = status.changed.milliseconds(until: wall)
        if age >= Limits.settleMilliseconds { return .settled }
        let begun = begun ?? steady
        self.begun = begun
        guard steady - begun < Settling.patience else { return .never }
        // A stamp from the future (another machine's clock) says nothing about the age: the whole time is waited, once.
        let wait = Limits.settleMilliseconds + 1 - max(0, age)
        seen = (status, steady + wait)
        return .wait(wait)
    }
}
