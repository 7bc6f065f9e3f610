/// What became of a case.
struct Outcome {
    enum Verdict {
        case passed
        case failed(Failure)
        case notRun(String)
    }

    let tested: Case
    let verdict: Verdict
    let duration: Duration
    var beside: Latencies?
}

/// Everything that is said of a failure.
struct Failure: Sendable {
    /// From 1; nil: after the last step.
    var step: Int?
    var text: String
    var connection: String?
    /// What was sent last on that connection.
    var sent: [String]
    var expected: String
    var came: String
    /// What had come on other connections, or how they had ended.
    var elsewhere: [String] = []
}

/// How long the requests beside a case took.
struct Latencies: Sendable {
    private var sorted: [Duration]

    init(_ durations: [Duration]) { sorted = durations.sorted() }

    var count: Int { sorted.count }
    var most: Duration { sorted.last ?? .zero }
    var percentile99: Duration { sorted.isEmpty ? .zero : sorted[min(sorted.count - 1, sorted.count * 99 / 100)] }
    var median: Duration { sorted.isEmpty ? .zero : sorted[sorted.count / 2] }
}
