import BatonProtocol

/// Compares what an asker already has with what would be sent, frame by frame. A value without I/O.
struct ResumeCheck {
    enum Verdict {
        /// It has this frame, and more.
        case more
        /// It has this frame, and the same ones before: the next is to be sent.
        case equal
        /// It has something else.
        case different
    }

    private let point: ResumePoint
    private var digest = TreeDigest()
    private var count: UInt64 = 0

    init(_ point: ResumePoint) { self.point = point }

    /// The next ENTRY is of a file whose data the asker has up to here; `nil` if the asker has all of it.
    var offsetInNext: UInt64? { count + 1 == point.entries ? point.offset : nil }

    /// - Parameter message: the next ENTRY or SKIPPED.
    mutating func add(_ message: Message) -> Verdict {
        digest.add(message)
        count += 1
        guard count >= point.entries else { return .more }
        return digest.value == point.digest ? .equal : .different
    }
}
