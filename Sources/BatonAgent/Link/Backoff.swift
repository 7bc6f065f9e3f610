/// How long to wait before dialling again: within 100 ms at first, then twice as long each time up to 5 s, always at random between
/// half and all of it, so that many agents do not come back at the same moment.
struct Backoff {
    private static let first = 100
    private static let longest = 5000

    private var next = Backoff.first

    /// The connection was good: begin anew.
    mutating func reset() { next = Backoff.first }

    /// - Parameter hint: milliseconds that the other side asked for.
    mutating func delay(hint: UInt32? = nil) -> Duration {
        defer { next = min(next * 2, Backoff.longest) }
        let asked = Int(clamping: min(hint ?? 0, 60_000))
        return .milliseconds(asked + Int.random(in: next / 2...next))
    }
}
