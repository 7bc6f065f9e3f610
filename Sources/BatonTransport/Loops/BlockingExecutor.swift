import NIOPosix

/// Runs tasks on threads that may block: whoever reads and writes files does so here, in plain sequential code, and holds up
/// neither an event loop nor Swift's own few threads.
public final class BlockingExecutor: TaskExecutor {
    private let pool: NIOThreadPool

    public init(threads: Int) {
        pool = NIOThreadPool(numberOfThreads: max(1, threads))
        pool.start()
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        pool.submit { _ in job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }

    public func shutdown() async {
        try? await pool.shutdownGracefully()
    }
}
