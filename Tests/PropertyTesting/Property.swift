import Foundation

/// Checks that something holds whatever happens: runs `body` with one seed after the other, each of which stands for other events.
///
/// The seeds are the same ones each time, unless `BATON_PROPERTY_SEED` names one, or `BATON_PROPERTY_RUNS` says how many are to be drawn.
///
/// - Parameters:
///   - runs: how many seeds are tried.
///   - steps: events of one run.
/// - Throws: ``PropertyFailure`` for the first seed that fails, with the fewest of its events that do.
public func checkProperty(
    runs: Int = 50, steps: Int = 200, file: String = #fileID, function: String = #function,
    _ body: (inout Run) async throws -> Void
) async throws {
    let environment = ProcessInfo.processInfo.environment
    for seed in try seeds(environment, runs, function) {
        var run = Run(seed: seed, steps: steps)
        do {
            try await body(&run)
        } catch {
            throw await shortest(failing: seed, within: run.stepsTaken, body)
                .map { PropertyFailure($0.error, seed: seed, events: $0.run.events, of: function, in: file) }
                ?? PropertyFailure(
                    Broken("\(error); and not a second time: something else than the seed decides"), seed: seed,
                    events: [], of: function, in: file)
        }
    }
}

private func seeds(_ environment: [String: String], _ runs: Int, _ property: String) throws -> ClosedRange<UInt64> {
    if let word = environment["BATON_PROPERTY_SEED"] {
        guard let seed = UInt64(word) else { throw Broken("BATON_PROPERTY_SEED is no number: \(word)") }
        return seed...seed
    }
    guard let word = environment["BATON_PROPERTY_RUNS"] else { return 1...UInt64(runs) }
    guard let number = UInt64(word), number > 0, number <= 1 << 32 else {
        throw Broken("BATON_PROPERTY_RUNS is no number of runs: \(word)")
    }
    let first = UInt64.random(in: 1...(1 << 48))
    print("\(property): BATON_PROPERTY_SEED=\(first) to \(first + number - 1)")
    return first...(first + number - 1)
}

/// Cuts events from the end as long as what is left still fails.
private func shortest(
    failing seed: UInt64, within steps: Int, _ body: (inout Run) async throws -> Void
) async -> (run: Run, error: any Error)? {
    for steps in 0...steps {
        var run = Run(seed: seed, steps: steps, isRecorded: true)
        do {
            try await body(&run)
        } catch {
            return (run, error)
        }
    }
    return nil
}

/// A property does not hold.
public struct PropertyFailure: Error, CustomStringConvertible {
    public let seed: UInt64
    public let description: String

    private static let shownEvents = 40

    init(_ error: any Error, seed: UInt64, events: [String], of function: String, in file: String) {
        self.seed = seed
        // Suites are called as their files, without `.swift`.
        let suite = file.replacingOccurrences(of: ".swift", with: "").replacingOccurrences(of: "/", with: ".")
        let hidden = max(0, events.count - PropertyFailure.shownEvents)
        description =
            """
            \(error)
            \(function) fails with seed \(seed). To see it again:
                BATON_PROPERTY_SEED=\(seed) swift test --filter \(suite)
            The fewest events that fail\(hidden > 0 ? ", without the first \(hidden)" : ""):
                \(events.dropFirst(hidden).joined(separator: "\n    "))
            """
    }
}
