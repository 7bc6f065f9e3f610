/// What one receiver of a stream has granted and got, in absolute offsets of lane payload (chapter 6).
public struct ReceiveWindow: Hashable, Sendable {
    /// How far ahead of what was consumed the sender may be, in bytes.
    public let size: UInt64
    /// Lane payload that has arrived.
    public private(set) var received: UInt64 = 0
    /// Lane payload that has been passed on or written.
    public private(set) var consumed: UInt64 = 0
    /// Up to here the sender may send.
    public private(set) var limit: UInt64

    public init(size: UInt64) {
        self.size = size
        limit = size
    }

    /// A frame of `length` bytes of payload has arrived.
    ///
    /// - Parameter isTerminal: END and ERROR need no credit.
    /// - Throws: `flowControl` if it was not granted.
    public mutating func receive(_ length: Int, isTerminal: Bool) throws(ProtocolViolation) {
        let (total, overflow) = received.addingReportingOverflow(UInt64(length))
        guard !overflow, total <= limit || isTerminal else {
            throw ProtocolViolation(.flowControl, "\(total) bytes on a stream with credit for \(limit)")
        }
        received = total
    }

    /// Notes that bytes are done with.
    ///
    /// - Returns: the new limit to grant, once it is worth a message: a quarter of the window.
    public mutating func consume(_ bytes: UInt64) -> UInt64? {
        consumed += bytes
        guard consumed + size >= limit + size / 4 else { return nil }
        limit = consumed + size
        return limit
    }
}
