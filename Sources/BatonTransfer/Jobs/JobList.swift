package import BatonProtocol
package import BatonTransport
import Synchronization

/// The jobs that are under way, to be found again when they are cancelled, and the queues of those that wait for a task.
package final class JobList: Sendable {
    private struct Key: Hashable {
        let session: ObjectIdentifier
        let stream: StreamID
    }

    package init() {}

    package let queue = JobQueue()
    /// WAIT requests: they may take a day, and are kept from the workers that serve the others.
    package let waits = Inbox<Job>()
    private let running = Mutex<[Key: Job]>([:])
    /// Why nobody is to wait any more.
    private let waitsEnd = Mutex<BatonError?>(nil)

    package func add(_ request: Request, session: Session, stream: StreamID, isFromRelay: Bool = false) {
        queue.push(note(request, session, stream, isFromRelay))
    }

    /// A WAIT, to be taken from ``waits``.
    package func addWait(_ request: Request, session: Session, stream: StreamID) {
        let job = note(request, session, stream, false)
        if let error = waitsEnd.withLock({ $0 }) { job.cancel(error) }
        waits.push([job])
    }

    private func note(_ request: Request, _ session: Session, _ stream: StreamID, _ isFromRelay: Bool) -> Job {
        let job = Job(request, session: session, stream: stream, isFromRelay: isFromRelay)
        running.withLock { $0[Key(session: ObjectIdentifier(session), stream: stream)] = job }
        return job
    }

    /// Whoever waits for a path, and whoever comes to wait, is told that there is no use.
    package func endWaits(_ error: BatonError) {
        waitsEnd.withLock { $0 = error }
        let waiting = running.withLock { $0.values.filter { $0.request.operation == .wait } }
        for job in waiting { job.cancel(error) }
    }

    /// The job is done.
    package func remove(_ job: Job) {
        let key = Key(session: ObjectIdentifier(job.session), stream: job.stream)
        // A WAIT can come to the store a second time.
        running.withLock { if $0[key] === job { $0[key] = nil } }
        job.end()
    }

    /// - Returns: false if there is no such job.
    package func cancel(_ stream: StreamID, of session: Session, because code: ErrorCode) -> Bool {
        let job = running.withLock { $0[Key(session: ObjectIdentifier(session), stream: stream)] }
        let reason =
            code == .deadline ? "the answer took longer than allowed" : "the other side no longer wants the answer"
        job?.cancel(BatonError(code, reason))
        return job != nil
    }

    /// The session is gone, and with it all who wanted answers there.
    package func cancelAll(of session: Session) {
        let jobs = running.withLock { $0.filter { $0.key.session == ObjectIdentifier(session) }.map(\.value) }
        for job in jobs { job.cancel(BatonError(.interrupted, "the connection to whoever asked is gone")) }
    }
}
