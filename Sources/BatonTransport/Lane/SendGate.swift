public import BatonProtocol
import Synchronization

/// Holds the one producer of a stream back while enough of what it made waits to be sent.
public final class SendGate: Sendable {
    private struct State {
        var queued = 0
        var failure: BatonError?
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let capacity: Int
    private let state = Mutex(State())

    /// - Parameter capacity: bytes that may wait.
    public init(capacity: Int) { self.capacity = capacity }

    /// Waits until there is room, then counts `bytes` as waiting.
    ///
    /// - Throws: the error that ended the stream.
    public func enter(_ bytes: Int) async throws(BatonError) {
        try await wait { $0 < capacity }
        state.withLock { $0.queued += bytes }
    }

    public func leave(_ bytes: Int) { change { $0.queued -= bytes } }

    public func fail(_ error: BatonError) { change { $0.failure = $0.failure ?? error } }

    private func change(_ body: (inout sending State) -> Void) {
        let waiter = state.withLock { state in
            body(&state)
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    private func wait(until isReady: (Int) -> Bool) async throws(BatonError) {
        while true {
            let (queued, failure) = state.withLock { ($0.queued, $0.failure) }
            if let failure { throw failure }
            if isReady(queued) { return }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let hasChanged = state.withLock { state in
                        if state.queued != queued || state.failure != nil { return true }
                        state.waiter = continuation
                        return false
                    }
                    if hasChanged { continuation.resume() }
                }
            } onCancel: {
                fail(BatonError(.cancelled, "the operation was cancelled"))
            }
        }
    }
}
