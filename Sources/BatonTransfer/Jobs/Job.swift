package import BatonProtocol
package import BatonTransport
import Synchronization

/// One request that takes time: who asked it on which stream, and whether the answer is still wanted.
package final class Job: Sendable {
    package let session: Session
    package let stream: StreamID
    package let request: Request
    /// Asked by the relay, not by a program on this machine.
    package let isFromRelay: Bool

    private struct State {
        var cancelled: BatonError?
        var onCancel: (@Sendable (BatonError) -> Void)?
    }

    private let state = Mutex(State())

    init(_ request: Request, session: Session, stream: StreamID, isFromRelay: Bool) {
        self.isFromRelay = isFromRelay
        self.request = request
        self.session = session
        self.stream = stream
    }

    package func reply(_ reply: Reply) { session.reply(reply, on: stream) }

    /// The answer is no longer wanted.
    package func cancel(_ error: BatonError) {
        let action = state.withLock { state in
            guard state.cancelled == nil else { return nil as (@Sendable (BatonError) -> Void)? }
            state.cancelled = error
            return state.onCancel
        }
        action?(error)
    }

    /// What to do when the answer is no longer wanted; at once if it is so already.
    package func onCancel(_ action: @escaping @Sendable (BatonError) -> Void) {
        let cancelled = state.withLock { state in
            state.onCancel = action
            return state.cancelled
        }
        if let cancelled { action(cancelled) }
    }

    /// It is done, and nothing can be cancelled any more: what was to be done then is let go, for it may hold this job.
    func end() {
        let action = state.withLock { state in
            defer { state.onCancel = nil }
            return state.onCancel
        }
        // Whatever goes with it does so outside of the lock.
        withExtendedLifetime(action) {}
    }

    /// - Throws: why the answer is no longer wanted.
    package func checkWanted() throws(BatonError) {
        if let cancelled = state.withLock({ $0.cancelled }) { throw cancelled }
    }
}
