public import NIOCore

/// Runs tasks on one event loop, so that whoever asks on a connection and waits for each answer does so on the connection's own thread:
/// no switch between threads for each of them. Nothing on it may block.
public final class LoopTaskExecutor: TaskExecutor {
    private let loop: any EventLoop

    public init(loop: any EventLoop) { self.loop = loop }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
