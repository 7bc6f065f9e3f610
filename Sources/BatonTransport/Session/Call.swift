import BatonProtocol
import Synchronization

/// One request whose answer a task waits for. Whatever comes first decides: the answer, the deadline, the task's cancellation.
final class Call: Sendable {
    typealias Outcome = Result<Reply, BatonError>

    private enum State {
        case open
        case waiting(CheckedContinuation<Outcome, Never>)
        case done(Outcome)
        case over
    }

    private let state = Mutex(State.open)
    private let onProgress: @Sendable (Progress) -> Void

    init(_ onProgress: @escaping @Sendable (Progress) -> Void) { self.onProgress = onProgress }

    @Sendable func receive(_ event: StreamEvent) {
        switch event {
        case .progress(let progress): onProgress(progress)
        case .report: break
        case .reply(.error(let error)), .lost(let error): finish(.failure(error))
        case .reply(let reply): finish(.success(reply))
        }
    }

    func finish(_ outcome: Outcome) {
        let waiter = state.withLock { state -> CheckedContinuation<Outcome, Never>? in
            switch state {
            case .open: state = .done(outcome)
            case .waiting(let waiter):
                state = .over
                return waiter
            case .done, .over: break
            }
            return nil
        }
        waiter?.resume(returning: outcome)
    }

    func wait(_ waiter: CheckedContinuation<Outcome, Never>) {
        let outcome = state.withLock { state -> Outcome? in
            if case .done(let outcome) = state {
                state = .over
                return outcome
            }
            state = .waiting(waiter)
            return nil
        }
        if let outcome { waiter.resume(returning: outcome) }
    }
}
