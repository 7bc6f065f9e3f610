import Foundation
import Synchronization

/// One get after the other, until it is cancelled.
final class Load: Sendable {
    private struct State {
        /// Counts the gets that have begun and those that have ended.
        var generation = 0
        var started: ContinuousClock.Instant?
        var failure: (any Error)?
    }

    private let state = Mutex(State())

    var generation: Int { state.withLock { $0.generation } }
    var failure: (any Error)? { state.withLock { $0.failure } }

    /// A get has been running long enough for data to flow.
    var isUnderWay: Bool {
        state.withLock { $0.started.map { ContinuousClock.now - $0 > .milliseconds(100) } ?? false }
    }

    func run(_ command: BatonCommand, into sink: URL) async throws {
        do {
            while !Task.isCancelled {
                change { $0.started = .now }
                try await command.get("file", to: sink.appending(path: "copy"))
                change { $0.started = nil }
            }
        } catch is CancellationError {
        } catch {
            state.withLock { $0.failure = error }
            throw error
        }
    }

    private func change(_ body: (inout State) -> Void) {
        state.withLock {
            $0.generation += 1
            body(&$0)
        }
    }
}
