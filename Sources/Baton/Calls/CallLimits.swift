/// How long a call may take.
public struct CallLimits: Sendable {
    /// Until the work has the call: it may have to be started first. Five minutes, if nothing is said; a day at most.
    public var reach: Duration
    /// From then on until it has answered, the time that it waits for its turn included. Thirty
    /// days, if nothing is said; a year at most.
    public var answer: Duration

    public init(reach: Duration = .seconds(300), answer: Duration = .seconds(30 * 86_400)) {
        self.reach = reach
        self.answer = answer
    }

    @TaskLocal static var current = CallLimits()
}

/// Runs `body`, whose calls to works may take so long and no longer.
public func withCallLimits<Result>(
    _ limits: CallLimits, _ body: () async throws -> Result
) async rethrows -> Result {
    try await CallLimits.$current.withValue(limits, operation: body)
}
