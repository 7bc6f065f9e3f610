import BatonProtocol
import BatonTransport
import NIOEmbedded
import Testing

@testable import BatonTransfer

@Suite("The jobs that are under way")
struct JobListTests {
    @Test("A job that is done is let go, and its session with it, though what cancelling it would do refers to it")
    func done() async throws {
        let jobs = JobList()
        let served = try await serveOne(jobs)
        #expect(served.job == nil)
        #expect(served.session == nil)
    }

    /// What is left of a job and of its session when nobody here refers to them any more.
    private struct Left {
        weak var job: Job?
        weak var session: Session?
    }

    private func serveOne(_ jobs: JobList) async throws -> Left {
        let work = try WorkName("trainer")
        let session = Session(
            channel: NIOAsyncTestingChannel(), role: .acceptor, side: .owner,
            peer: SessionPeer(app: work, work: work, epoch: 1, address: "local", software: "test"), allowedByPeer: 1,
            delegate: Nobody())
        let path = try PathName(Array("outputs".utf8))
        jobs.add(
            Request(.persist(all: false), deadline: 1000, origin: nil, path: path), session: session,
            stream: 1)
        let job = try #require(await jobs.queue.next())
        job.onCancel { job.reply(.error($0)) }
        jobs.remove(job)
        return Left(job: job, session: session)
    }
}

private final class Nobody: SessionDelegate {
    func session(_ session: Session, received request: Request, on stream: StreamID) {}
    func session(_ session: Session, cancelled stream: StreamID, because code: ErrorCode) {}
    func sessionEnded(_ session: Session, _ error: BatonError) {}
}
