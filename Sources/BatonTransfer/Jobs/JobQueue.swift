import Synchronization

/// Hands jobs to whichever worker waits, the one that waited least first: its thread is the warmest.
package final class JobQueue: Sendable {
    private struct State {
        var jobs: [Job] = []
        var idle: [(id: UInt64, worker: CheckedContinuation<Void, Never>)] = []
        /// What workers that were idle are to do next. It goes through the lock and not with the continuation, which hands it on in
        /// the language's runtime, where no sanitizer sees that all is in order.
        var handed: [UInt64: Job] = [:]
        var lastID: UInt64 = 0
    }

    private let state = Mutex(State())

    package init() {}

    package func push(_ job: Job) {
        let worker = state.withLock { state in
            guard let last = state.idle.popLast() else {
                state.jobs.append(job)
                return nil as CheckedContinuation<Void, Never>?
            }
            state.handed[last.id] = job
            return last.worker
        }
        worker?.resume()
    }

    /// The next job; waits for one. `nil` once the task is cancelled.
    package func next() async -> Job? {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mustWait = state.withLock { state in
                    if Task.isCancelled { return false }
                    if !state.jobs.isEmpty {
                        state.handed[id] = state.jobs.removeFirst()
                        return false
                    }
                    state.idle.append((id, continuation))
                    return true
                }
                if !mustWait { continuation.resume() }
            }
        } onCancel: {
            let worker = state.withLock { state in
                let index = state.idle.firstIndex { $0.id == id }
                return index.map { state.idle.remove(at: $0).worker }
            }
            worker?.resume()
        }
        return state.withLock { $0.handed.removeValue(forKey: id) }
    }
}
