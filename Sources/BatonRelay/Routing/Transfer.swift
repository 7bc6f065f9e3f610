import BatonProtocol
import BatonTransport
import Synchronization

/// One GET on its way through the relay: from the owner's lane to the asker's, each under its own stream id.
///
/// The owner's lane may join only after it has been asked, hence the lock.
final class Transfer: Sendable {
    /// What the relay holds of the stream at most, in bytes.
    let window: UInt64
    let holder: WorkKey
    private let askerLane: Lane
    private let askerStream: StreamID
    private let owner = Mutex<(lane: Lane?, stream: StreamID, isCancelled: Bool)>((nil, 0, false))
    private let begun = Atomic(false)

    init(window: UInt64, of holder: WorkKey, to lane: Lane, as stream: StreamID) {
        self.window = window
        self.holder = holder
        askerLane = lane
        askerStream = stream
    }

    /// The owner's side is known: its frames are expected on `lane`.
    func attach(_ lane: Lane, stream: StreamID) {
        let isCancelled = owner.withLock { owner in
            owner.lane = lane
            owner.stream = stream
            return owner.isCancelled
        }
        let inflow =
            isCancelled ? Inflow.endOnly(to: askerLane, as: askerStream) : .forward(to: askerLane, as: askerStream)
        lane.expect(stream, window: window, inflow)
    }

    /// Whether the asker has been sent anything of it.
    var hasBegun: Bool { begun.load(ordering: .relaxed) }

    /// The asker has been sent so much: the owner may send as much again.
    func passedOn(_ bytes: Int) {
        begun.store(true, ordering: .relaxed)
        let (lane, stream) = owner.withLock { ($0.lane, $0.stream) }
        lane?.consumed(bytes, of: stream)
    }

    /// The asker no longer wants it, but waits for the end.
    func cancel() {
        let (lane, stream) = owner.withLock { owner in
            owner.isCancelled = true
            return (owner.lane, owner.stream)
        }
        lane?.redirect(stream, .endOnly(to: askerLane, as: askerStream))
        askerLane.drop(askerStream)
    }

    /// The asker is gone.
    func abandon() {
        let (lane, stream) = owner.withLock { ($0.lane, $0.stream) }
        lane?.redirect(stream, .discard)
    }

    /// The owner takes too long. What it still sends is thrown away.
    func giveUp(_ error: BatonError) {
        abandon()
        askerLane.end(askerStream, with: error)
    }

    /// The owner has ended it on control: nothing of it comes any more.
    func forget() {
        let (lane, stream) = owner.withLock { ($0.lane, $0.stream) }
        lane?.forget(stream)
    }

    /// The owner has answered with an error instead, or is gone.
    func fail(_ error: BatonError) {
        let (lane, stream) = owner.withLock { ($0.lane, $0.stream) }
        lane?.forget(stream)
        askerLane.end(askerStream, with: error)
    }
}
