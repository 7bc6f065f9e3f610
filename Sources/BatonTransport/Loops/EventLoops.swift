import Glibc
public import NIOCore
import NIOPosix

/// The threads of a program: one event loop for control, on which nothing may take long, and others for bulk data, so that a
/// question never waits behind a transfer.
public final class EventLoops: Sendable {
    private let controlGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let bulkGroup: MultiThreadedEventLoopGroup
    public let control: any EventLoop
    private let bulk: [any EventLoop]

    /// - Parameter bulkThreads: event loops that carry lanes, at least 1.
    public init(bulkThreads: Int) {
        bulkGroup = MultiThreadedEventLoopGroup(numberOfThreads: max(1, bulkThreads))
        control = controlGroup.next()
        bulk = Array(bulkGroup.makeIterator())
        for loop in bulk { loop.execute { EventLoops.giveWay() } }
    }

    /// Lets this thread give way to others when processors are scarce: a lane keeps all of them busy if it can, and whoever asks a question
    /// meanwhile should not wait in line with it.
    private static func giveWay() {
        // Linux takes 0 for the calling thread, not the process.
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 5)
    }

    /// The loop for the lanes of the session with this number: all lanes of one session share one.
    public func bulk(for session: UInt64) -> any EventLoop {
        bulk[Int(session % UInt64(bulk.count))]
    }

    /// Bulk first: a lane that ends tells so on the control loop.
    public func shutdown() async {
        try? await bulkGroup.shutdownGracefully()
        try? await controlGroup.shutdownGracefully()
    }
}
