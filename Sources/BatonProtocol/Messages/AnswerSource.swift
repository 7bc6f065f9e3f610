import NIOCore

/// Who answered for a path (chapter 5).
public enum AnswerSource: Hashable, Sendable {
    /// The work itself.
    case live
    /// The relay, from what the work left behind.
    case stored(generation: UInt64)

    public var name: String { generation == nil ? "live" : "stored" }

    /// Which generation of the stored path answered, from 1; `nil`: the work itself did.
    public var generation: UInt64? {
        switch self {
        case .live: nil
        case .stored(let generation): generation
        }
    }

    /// The `source` field of replies; what belongs to it follows as their last field.
    var wireValue: UInt8 { generation == nil ? 0 : 1 }
}

extension PayloadReader {
    /// The `source` field of a reply: its ``source(isStored:)`` ends with it.
    mutating func isStored() throws(ProtocolViolation) -> Bool { try flag("source") }

    mutating func source(isStored: Bool) throws(ProtocolViolation) -> AnswerSource {
        isStored ? .stored(generation: try generation()) : .live
    }
}

extension ByteBuffer {
    /// The last field of a reply that comes from the store.
    mutating func write(generationOf source: AnswerSource) {
        if let generation = source.generation { writeInteger(generation) }
    }
}
