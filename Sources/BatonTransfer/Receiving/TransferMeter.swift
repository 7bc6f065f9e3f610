package import BatonProtocol
import Synchronization

/// How far a transfer is: told by the task that writes and by the session, read once a second by the one that watches.
package final class TransferMeter: Sendable {
    private struct State {
        var sample = StallWatch.Sample()
        var note = ""
        var interruption: BatonError?
        var patienceEnd: ContinuousClock.Instant?
        var end: ErrorCode?
    }

    private let state = Mutex(State())

    package init() {}

    /// Something of the tree has come since the start.
    package var hasBegun: Bool { state.withLock { $0.sample.entries > 0 } }

    /// Why there is no attempt under way; `nil` while there is one.
    package var interruption: BatonError? { state.withLock { $0.interruption } }

    /// A new attempt begins: what the hops said about the last one no longer holds.
    package func begin() {
        state.withLock { state in
            state.sample.received = 0
            (state.sample.relay, state.sample.owner) = (nil, nil)
            state.sample.isFromStore = false
            (state.sample.isInterrupted, state.sample.isPatient) = (false, false)
            state.interruption = nil
        }
    }

    /// An attempt has failed, and another will be made.
    package func interrupt(_ error: BatonError) {
        state.withLock { state in
            state.sample.isInterrupted = true
            state.interruption = error
            state.note = error.message
        }
    }

    /// Nothing is to move until then; without an end: what follows may take as long as it takes.
    package func bePatient(until end: ContinuousClock.Instant? = nil) {
        state.withLock { state in
            state.sample.isPatient = true
            state.patienceEnd = end
        }
    }

    /// What was waited for has not come in time.
    package var isOutOfPatience: Bool {
        state.withLock { $0.sample.isPatient && $0.patienceEnd.map { ContinuousClock.now > $0 } ?? false }
    }

    /// Whoever watches it has given it up, and will cancel its task.
    package func end(because code: ErrorCode) {
        state.withLock { $0.end = $0.end ?? code }
    }

    /// Why it was given up; `nil` if it was not.
    package var end: ErrorCode? { state.withLock { $0.end } }

    package func hear(_ report: HopReport) {
        state.withLock { state in
            switch report.hop {
            case .relay: state.sample.relay = StallWatch.Heard(report: report)
            case .owner: state.sample.owner = StallWatch.Heard(report: report)
            }
        }
    }

    /// A frame has come and is to be written.
    package func beginWriting(_ payload: Int) {
        state.withLock { state in
            state.sample.received += UInt64(payload)
            state.sample.isWriting = true
        }
    }

    package func endWriting(_ counts: TreeEnd, from source: AnswerSource) {
        state.withLock { state in
            state.sample.isWriting = false
            state.sample.isFromStore = source != .live
            state.sample.entries = counts.entries + counts.skipped
            state.sample.bytes = counts.bytes
        }
    }

    /// One second has passed: what is known now, and what is new to a person.
    package func tick() -> (sample: StallWatch.Sample, note: String) {
        state.withLock { state in
            state.sample.relay?.age += 1
            state.sample.owner?.age += 1
            defer { state.note = "" }
            return (state.sample, state.note)
        }
    }
}
