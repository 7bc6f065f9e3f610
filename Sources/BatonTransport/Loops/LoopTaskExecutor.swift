public import NIOCore

/// Runs tasks on one event loop, so that whoever asks on a connection and waits for each answer does so on the connection's own thread:
/// no switch between threads for each of them. Nothing on it may block.
public final class LoopTaskExecutor: TaskExecutor {
    private let loop: any EventLoop

    public init(loop: any EventLoop) { self.loop = loop }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute {
            // Where the loop's actors run, too: a task that goes on to one of them need not be enqueued once more.
            job.runSynchronously(
                isolatedTo: self.loop.executor.asUnownedSerialExecutor(), taskExecutor: self.asUnownedTaskExecutor())
        }
    }
}
