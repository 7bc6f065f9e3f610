import Synchronization

/// Hands jobs to whichever worker waits, the one that waited least first: its thread is the warmest.
package final class JobQueue: Sendable {
    private struct State {
        var jobs: [Job] = []
        var idle: [(id: UInt64, worker: CheckedContinuation<Job?, Never>)] = []
        var lastID: UInt64 = 0
    }

    private let state = Mutex(State())

    package init() {}

    package func push(_ job: Job) {
        let worker = state.withLock { state in
            if let last = state.idle.popLast() { return last.worker as CheckedContinuation<Job?, Never>? }
            state.jobs.append(job)
            return nil
        }
        worker?.resume(returning: job)
    }

    /// The next job; waits for one. `nil` once the task is cancelled.
    package func next() async -> Job? {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let ready = state.withLock { state -> Job?? in
                    if Task.isCancelled { return .some(nil) }
                    if !state.jobs.isEmpty { return .some(state.jobs.removeFirst()) }
                    state.idle.append((id, continuation))
                    return nil
                }
                if let ready { continuation.resume(returning: ready) }
            }
        } onCancel: {
            let worker = state.withLock { state in
                let index = state.idle.firstIndex { $0.id == id }
                return index.map { state.idle.remove(at: $0).worker }
            }
            worker?.resume(returning: nil)
        }
    }
}
