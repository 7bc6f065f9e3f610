public import BatonProtocol
import Synchronization

/// Hands what event loops produce to the one task that waits for it, a batch at a time. It has no bound of its own: credit
/// and stream limits bound what can be in it.
public final class Inbox<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var end: Result<Void, BatonError>?
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    public init() {}

    public func push(_ batch: [Element]) {
        wake { state in
            if state.end == nil { state.elements += batch }
        }
    }

    /// Nothing comes after this; what came before is still handed out.
    public func finish(_ error: BatonError? = nil) {
        wake { state in
            if state.end == nil { state.end = error.map { .failure($0) } ?? .success(()) }
        }
    }

    private func wake(_ change: (inout sending State) -> Void) {
        let waiter = state.withLock { state in
            change(&state)
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// For a task that takes long over one batch.
    ///
    /// - Throws: the error that ``finish(_:)`` was given meanwhile.
    public func checkOpen() throws(BatonError) {
        if case .failure(let error) = state.withLock({ $0.end }) { throw error }
    }

    /// Everything that has come since the last call; waits if that is nothing. `nil`: the end.
    ///
    /// - Throws: the error that ``finish(_:)`` was given, `cancelled` if the task is.
    public func next() async throws(BatonError) -> [Element]? {
        while true {
            let (batch, end) = state.withLock { state in
                defer { state.elements = [] }
                return (state.elements, state.end)
            }
            if !batch.isEmpty { return batch }
            switch end {
            case .success: return nil
            case .failure(let error): throw error
            case nil: break
            }
            if Task.isCancelled { throw BatonError(.cancelled, "the operation was cancelled") }
            await wait()
        }
    }

    private func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    if !state.elements.isEmpty || state.end != nil || Task.isCancelled { return true }
                    state.waiter = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            wake { _ in }
        }
    }
}
