public import NIOCore
import NIOPosix

/// The threads of a program: one event loop for control, on which nothing may take long, and others for bulk data and handshakes,
/// so that a question never waits behind a transfer.
public final class EventLoops: Sendable {
    private let controlGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let bulkGroup: MultiThreadedEventLoopGroup
    public let control: any EventLoop
    private let bulk: [any EventLoop]

    /// - Parameter bulkThreads: event loops that carry lanes, at least 1.
    public init(bulkThreads: Int) {
        bulkGroup = MultiThreadedEventLoopGroup(numberOfThreads: max(1, bulkThreads))
        control = controlGroup.next()
        bulk = Array(bulkGroup.makeIterator())
        for loop in bulk { loop.execute { giveWay() } }
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
