import NIOCore

/// What a GET says beyond whose path it means: credit u64, options u8, entries u64, offset u64, digest u64, and base u64 if
/// the options say so (chapter 5).
public struct GetOptions: Hashable, Sendable {
    /// Lane payload that may be sent before more is granted (chapter 6).
    public var credit: UInt64
    /// Send extended attributes and access control lists, too.
    public var attributes: Bool
    /// What an earlier GET has brought; `nil`: begin with the top.
    public var resume: ResumePoint?
    /// The stamp of a generation that the asker has, 0 for none: files that are as they were in it need not travel. Only a relay
    /// asks so, for itself. `nil`: everything travels.
    public var base: UInt64?
    /// Answer from the store, even if the work is there. Only a relay does.
    public var storedOnly: Bool

    /// - Parameter base: not together with `storedOnly`.
    public init(
        credit: UInt64, attributes: Bool = false, resume: ResumePoint? = nil, base: UInt64? = nil,
        storedOnly: Bool = false
    ) {
        self.credit = credit
        self.attributes = attributes
        self.resume = resume
        self.base = base
        self.storedOnly = storedOnly
    }

    private enum Bit {
        static let attributes: UInt8 = 1
        static let resume: UInt8 = 2
        static let openFile: UInt8 = 4
        static let base: UInt8 = 8
        static let storedOnly: UInt8 = 16
        static let all: UInt8 = 0b1_1111
    }

    init(_ fields: inout PayloadReader) throws(ProtocolViolation) {
        credit = try fields.integer("credit")
        guard credit >= Limits.smallestWindow else {
            throw fields.malformed("credit", "is less than one frame needs")
        }
        let options = try fields.options("options", known: Bit.all)
        let entries: UInt64 = try fields.integer("entries")
        let offset: UInt64 = try fields.integer("offset")
        let digest: UInt64 = try fields.integer("digest")
        attributes = options & Bit.attributes != 0
        let isOpen = options & Bit.openFile != 0
        if options & Bit.resume != 0 {
            guard entries > 0 else { throw fields.malformed("entries", "is 0, yet the transfer is to be resumed") }
            guard isOpen || offset == 0 else { throw fields.malformed("offset", "is of no open file") }
            resume = ResumePoint(entries: entries, offset: isOpen ? offset : nil, digest: digest)
        } else {
            guard !isOpen, entries == 0, offset == 0, digest == 0 else {
                throw fields.malformed("options", "say that nothing is to be resumed, yet there is where")
            }
        }
        storedOnly = options & Bit.storedOnly != 0
        guard options & Bit.base != 0 else { return }
        guard !storedOnly else { throw fields.malformed("options", "ask the store for what the relay lacks") }
        base = try fields.integer("base")
    }

    func write(to buffer: inout ByteBuffer) {
        var options = (attributes ? Bit.attributes : 0) | (storedOnly ? Bit.storedOnly : 0)
        if let resume { options |= Bit.resume | (resume.offset == nil ? 0 : Bit.openFile) }
        if base != nil { options |= Bit.base }
        buffer.writeMultipleIntegers(
            credit, options, resume?.entries ?? 0, resume?.offset ?? 0, resume?.digest ?? 0)
        if let base { buffer.writeInteger(base) }
    }
}

/// Where a transfer that was interrupted stands (chapter 7).
public struct ResumePoint: Hashable, Sendable {
    /// ENTRY and SKIPPED frames of the tree that are there, from its top on; at least 1.
    public var entries: UInt64
    /// The last of them is a file of which the data up to here is there; `nil`: it is complete.
    public var offset: UInt64?
    /// ``TreeDigest`` of these frames.
    public var digest: UInt64

    public init(entries: UInt64, offset: UInt64?, digest: UInt64) {
        self.entries = entries
        self.offset = offset
        self.digest = digest
    }
}

/// A rolling digest over the ENTRY and SKIPPED frames of a tree: both sides know by it whether they mean the same versions of
/// the same files (chapter 7).
public struct TreeDigest: Hashable, Sendable {
    public private(set) var value: UInt64 = 0

    /// Of no frames.
    public init() {}

    /// Takes the next frame, as it came.
    public mutating func add(_ frame: Frame) { add(frame.type, frame.payload) }

    /// Takes the next frame, as it is or would be sent.
    public mutating func add(_ message: Message) {
        var payload = ByteBuffer()
        message.writePayload(to: &payload)
        add(message.type, payload)
    }

    /// XXH3, 64 bits, of the type and the payload, seeded with the digest of the frames before.
    private mutating func add(_ type: FrameType, _ payload: ByteBuffer) {
        value = Checksum.of([type.rawValue] + payload.readableBytesView, seed: value)
    }
}
