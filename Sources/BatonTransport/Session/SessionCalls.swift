public import BatonProtocol
import NIOCore

extension Session {
    /// Asks and waits for the answer, at most as long as the request says (to within a second).
    ///
    /// - Throws: the error that the other side answered, `deadline`, `cancelled` if the task is, `busy`, or why the session
    ///   ended.
    public func call(
        _ request: Request, onProgress: @escaping @Sendable (Progress) -> Void = { _ in }
    ) async throws(BatonError) -> Reply {
        let call = Call(onProgress)
        guard let stream = open(request, onEvent: call.receive) else {
            if isOver {
                throw BatonError(
                    .unreachable, "the connection is gone: whoever was asked has ended", path: request.path)
            }
            throw BatonError(.busy, "too many requests at once on this connection; try again", path: request.path)
        }
        // Who answers a WAIT or a PERSIST too late tells why, and looks at the time once a second.
        let grace: TimeAmount
        switch request.operation {
        case .wait, .persist: grace = .seconds(3)
        case .call(let order): grace = .seconds(Int64(order.runSeconds) + 3)
        default: grace = .zero
        }
        expire(stream, after: .milliseconds(Int64(request.deadline)) + grace) {
            let subject =
                request.type == .call ? "to the call of \(request.ownerText)" : "about \(request.reference)"
            call.finish(
                .failure(BatonError(.deadline, "no answer \(subject) within the deadline", path: request.path)))
        }
        let result = await withTaskCancellationHandler {
            await outcome(of: call)
        } onCancel: {
            call.finish(.failure(BatonError(.cancelled, "the request was cancelled", path: request.path)))
        }
        do throws(BatonError) {
            return try result.get()
        } catch {
            // Without effect if the stream has ended.
            cancel(stream, because: error.code)
            throw error
        }
    }

    /// A method, so that the wait is the session's: a closure that does not name the session would leave its loop to wait, and come back.
    private func outcome(of call: Call) async -> Call.Outcome {
        await withCheckedContinuation { call.wait($0) }
    }
}
