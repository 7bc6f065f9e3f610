/// What a peer did against the protocol: the connection ends with GOAWAY and this code (chapters 3 and 8).
public struct ProtocolViolation: Error, Hashable, Sendable, CustomStringConvertible {
    public let code: ErrorCode
    /// What was wrong, for the peer's log and for ours.
    public let message: String

    public init(_ code: ErrorCode, _ message: String) {
        self.code = code
        self.message = message
    }

    static func malformed(_ message: String) -> ProtocolViolation { ProtocolViolation(.malformed, message) }

    public var description: String { "\(code.name): \(message)" }
}
