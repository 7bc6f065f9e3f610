public import BatonProtocol

/// Who a session is with, as far as this side knows.
public struct SessionPeer: Sendable {
    /// The app of the work; on the work's side its own.
    public let app: WorkName
    /// The work; on the work's side its own.
    public let work: WorkName
    /// The session's epoch.
    public let epoch: UInt64
    /// Where it comes from, for logs.
    public let address: String
    /// The other side's program, for logs; safe to print.
    public let software: String

    public init(app: WorkName, work: WorkName, epoch: UInt64, address: String, software: String) {
        self.app = app
        self.work = work
        self.epoch = epoch
        self.address = address
        self.software = Escaping.printable(software)
    }
}

/// Takes what a session's peer asks for. All calls come on the session's event loop.
public protocol SessionDelegate: AnyObject, Sendable {
    /// A session that this side dialled has begun. Comes before everything else of it: what the peer sends right behind its
    /// WELCOME is delivered before whoever awaits the session hears of it.
    func session(_ session: Session, beganWith ticket: [UInt8])
    /// The peer asks; sooner or later ``Session/reply(_:on:)`` must follow, or END on the lane.
    func session(_ session: Session, received request: Request, on stream: StreamID)
    /// The peer no longer wants the answer; still, the stream must be ended.
    func session(_ session: Session, cancelled stream: StreamID, because code: ErrorCode)
    /// The peer takes lane payload of this stream up to `limit`.
    func session(_ session: Session, granted limit: UInt64, to stream: StreamID)
    /// A ticket for one more lane.
    func session(_ session: Session, received ticket: [UInt8])
    /// The peer says goodbye. With the code `shutdown` it only wants no new streams; with any other the end is near.
    func session(_ session: Session, received goAway: GoAway)
    /// Called once; no stream of the session lives on.
    func sessionEnded(_ session: Session, _ error: BatonError)
}

extension SessionDelegate {
    public func session(_ session: Session, beganWith ticket: [UInt8]) {}
    public func session(_ session: Session, granted limit: UInt64, to stream: StreamID) {}
    public func session(_ session: Session, received ticket: [UInt8]) {}
    public func session(_ session: Session, received goAway: GoAway) {}
}

/// What happens to a stream that this side has opened.
public enum StreamEvent: Sendable {
    case progress(Progress)
    case report(HopReport)
    /// The end, but for a GET that went well: that ends on the lane.
    case reply(Reply)
    /// The end: the session is gone.
    case lost(BatonError)
}
