import Glibc
import NIOPosix

/// Runs tasks on threads that may block: whoever reads and writes files does so here, in plain sequential code, and holds up
/// neither an event loop nor Swift's own few threads.
public final class BlockingExecutor: TaskExecutor {
    private let pool: NIOThreadPool
    private let givesWay: Bool

    /// - Parameter givesWay: its threads leave processors that are scarce to those who answer questions.
    public init(threads: Int, givesWay: Bool = false) {
        self.givesWay = givesWay
        pool = NIOThreadPool(numberOfThreads: max(1, threads))
        pool.start()
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        pool.submit { [self] _ in
            // The pool does not tell when it begins a thread; once more costs next to nothing.
            if givesWay { giveWay() }
            job.runSynchronously(on: asUnownedTaskExecutor())
        }
    }

    public func shutdown() async {
        try? await pool.shutdownGracefully()
    }
}

/// Lets this thread give way to others when processors are scarce: bulk data keeps all of them busy if it can, and whoever asks a
/// question meanwhile should not wait in line with it.
func giveWay() {
    // Linux takes 0 for the calling thread, not the process.
    setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 5)
}
