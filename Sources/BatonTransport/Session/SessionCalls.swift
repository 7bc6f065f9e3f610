public import BatonProtocol
import NIOCore

extension Session {
    /// Asks and waits for the answer, at most as long as the request says.
    ///
    /// - Throws: the error that the other side answered, `deadline`, `cancelled` if the task is, `busy`, or why the session
    ///   ended.
    public nonisolated func call(
        _ request: Request, onProgress: @Sendable (Progress) -> Void = { _ in }
    ) async throws(BatonError) -> Reply {
        let events = Inbox<StreamEvent>()
        guard let stream = await open(request, onEvent: { events.push([$0]) }) else {
            throw BatonError(.busy, "too many requests at once on this connection; try again", path: request.path)
        }
        let timer = loop.scheduleTask(in: .milliseconds(Int64(request.deadline))) {
            events.finish(BatonError(.deadline, "no answer about \(request.reference) within the deadline", path: request.path))
        }
        defer { timer.cancel() }
        do throws(BatonError) {
            while let batch = try await events.next() {
                for event in batch {
                    switch event {
                    case .progress(let progress): onProgress(progress)
                    case .reply(.error(let error)): throw error
                    case .reply(let reply): return reply
                    case .lost(let error): throw error
                    }
                }
            }
        } catch {
            cancel(stream, because: error.code)
            throw error
        }
        throw BatonError(.internal, "the answer about \(request.reference) never came", path: request.path)
    }
}
