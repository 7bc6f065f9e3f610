import BatonProtocol

@testable import BatonTransport

/// An owner whom nothing concerns.
final class Nobody: ConnectionOwner {
    func received(_ frame: Frame) throws(ProtocolViolation) {}
    func batchEnded() {}
    func pong(_ opaque: UInt64) {}
    func goAway(_ goAway: GoAway) {}
    func becameWritable() {}
    func tick() {}
    func ended(_ error: BatonError) {}
}
