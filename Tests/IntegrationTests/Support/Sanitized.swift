import Foundation
import Testing

/// What `make sanitize` says to the tests: programs with a sanitizer in them are many times as slow, and where they report what
/// they find is in their environment.
enum Sanitized {
    /// How many times as long as otherwise the tests wait for what must come, and take it for quick: `BATON_TEST_PATIENCE`.
    static let patience =
        ProcessInfo.processInfo.environment["BATON_TEST_PATIENCE"].flatMap { Int($0) }.map { max(1, $0) } ?? 1

    /// What the programs need of this process's environment to report as it does.
    static let variables = ["TSAN_OPTIONS", "ASAN_OPTIONS", "LSAN_OPTIONS"]
}

extension Duration {
    /// As long as the tests' patience has it: for limits above, never below.
    var patient: Duration { self * Sanitized.patience }
}

extension TimeLimitTrait.Duration {
    static func patientMinutes(_ minutes: Int) -> Self { .minutes(minutes * Sanitized.patience) }
}
