import BatonProtocol

/// The times that a reader looks at.
struct ReaderClock: Sendable {
    /// What files are stamped with.
    var wall: @Sendable () -> Timestamp = { .now }
    /// Milliseconds on a clock that nobody sets.
    var steady: @Sendable () -> Int = {
        let (seconds, attoseconds) = (ContinuousClock.now - ReaderClock.start).components
        return Int(clamping: seconds) * 1000 + Int(clamping: attoseconds / 1_000_000_000_000_000)
    }

    private static let start = ContinuousClock.now
}
