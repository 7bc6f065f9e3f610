package import BatonFiles
package import BatonProtocol
package import BatonTransport
import NIOCore

/// Sends trees on a lane, each as far ahead as the network and the asker's credit let it. Blocking: to be run on threads that may.
package struct TreeSender: Sendable {
    private let lane: Lane

    /// Bytes of a transfer that may wait for the network.
    private static let sendAhead = 1 << 20

    package init(lane: Lane) { self.lane = lane }

    /// Sends what `reader` reads as the answer to a GET.
    ///
    /// - Parameters:
    ///   - first: goes before the tree.
    ///   - onEnd: told on the lane's loop when the stream's last frame has been handed to the network, or why it cannot be.
    /// - Throws: why the tree could not be sent whole; the stream is then still to be ended with that.
    package func send(
        _ reader: TreeReader, for job: Job, credit: UInt64, first: Message? = nil,
        onEnd: @escaping @Sendable (BatonError?) -> Void = { _ in }
    ) async throws(BatonError) {
        let gate = SendGate(capacity: TreeSender.sendAhead)
        job.onCancel { gate.fail($0) }
        lane.open(
            job.stream, limit: credit,
            observer: OutflowObserver {
                gate.leave($0)
            } ended: { error in
                if let error { gate.fail(error) }
                onEnd(error)
            })
        if let first {
            let burst = LaneBurst(first, on: job.stream, allocator: lane.channel.allocator)
            try await gate.enter(burst.payload)
            lane.enqueue(burst, on: job.stream)
        }
        while let step = try reader.next() {
            switch step {
            case .burst(let burst):
                try await gate.enter(burst.payload)
                lane.enqueue(burst, on: job.stream)
            case .pause(let milliseconds):
                try await gate.enter(0)
                try? await Task.sleep(for: .milliseconds(milliseconds))
            }
        }
    }
}
