import NIOCore

/// What became of one path that was to be persisted; PERSIST_REPLY: count u16, then per receipt path bytes16, outcome u8,
/// generation u64, stamp u64, digest bytes8, files u64, bytes u64, sent u64 (chapters 5 and 12).
public struct Receipt: Hashable, Sendable {
    public enum Outcome: UInt8, Hashable, Sendable, CaseIterable {
        /// A new generation.
        case stored = 1
        /// The newest generation is the same tree already.
        case unchanged = 2
        /// There is nothing at the path: nothing was stored.
        case missing = 3

        public var name: String { "\(self)" }
    }

    public var outcome: Outcome
    public var path: PathName
    /// From 1, per work and declared path; like all other numbers 0 with ``Outcome/missing``.
    public var generation: UInt64
    /// Random and not 0: tells this generation from any other.
    public var stamp: UInt64
    /// Of the tree or file (chapter 11); empty with ``Outcome/missing``.
    public var digest: [UInt8]
    /// Regular files, hard links once.
    public var files: UInt64
    /// Apparent bytes of these files.
    public var bytes: UInt64
    /// Data bytes that travelled for it.
    public var sent: UInt64

    public init(
        outcome: Outcome, path: PathName, generation: UInt64 = 0, stamp: UInt64 = 0, digest: [UInt8] = [],
        files: UInt64 = 0, bytes: UInt64 = 0, sent: UInt64 = 0
    ) {
        self.outcome = outcome
        self.path = path
        self.generation = generation
        self.stamp = stamp
        self.digest = digest
        self.files = files
        self.bytes = bytes
        self.sent = sent
    }

    /// Bytes of receipts that fit one reply.
    public static let room = Limits.controlPayload - 2

    /// Bytes of the receipt on the wire.
    public var encodedSize: Int { 44 + path.bytes.count + digest.count }

    /// Bytes that the receipt of this path may take on the wire.
    public static func largestEncodedSize(_ path: PathName) -> Int { 44 + path.bytes.count + Limits.digest }
}

extension Receipt {
    init(_ fields: inout PayloadReader) throws(ProtocolViolation) {
        path = try fields.path("path")
        outcome = try fields.value("outcome")
        generation = try fields.integer("generation")
        stamp = try fields.integer("stamp")
        digest = try fields.bytes("digest", length: UInt8.self, atMost: Limits.digest)
        files = try fields.integer("files")
        bytes = try fields.integer("bytes")
        sent = try fields.integer("sent")
        guard isConsistent else { throw fields.malformed("outcome", "contradicts the numbers of its generation") }
    }

    private var isConsistent: Bool {
        if outcome != .missing { return generation > 0 && stamp > 0 && digest.count == Limits.digest }
        return digest.isEmpty && [generation, stamp, files, bytes, sent].allSatisfy { $0 == 0 }
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.write(path)
        buffer.writeMultipleIntegers(outcome.rawValue, generation, stamp)
        buffer.write(bytes: digest, length: UInt8.self)
        buffer.writeMultipleIntegers(files, bytes, sent)
    }

    static func list(_ fields: inout PayloadReader) throws(ProtocolViolation) -> [Receipt] {
        let count: UInt16 = try fields.integer("count")
        var receipts: [Receipt] = []
        for _ in 0..<count { receipts.append(try Receipt(&fields)) }
        return receipts
    }

    /// As many as fit: whoever persists many paths sees to it beforehand that their receipts do.
    static func write(_ receipts: [Receipt], to buffer: inout ByteBuffer) {
        var room = Receipt.room
        let fitting = receipts.prefix { receipt in
            room -= receipt.encodedSize
            return room >= 0
        }
        buffer.writeInteger(UInt16(clamping: fitting.count))
        fitting.forEach { $0.write(to: &buffer) }
    }
}
