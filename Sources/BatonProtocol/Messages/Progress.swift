import NIOCore

/// How a running FETCH is getting on: bytes_in u64, bytes_out u64, entries u64, waiting u8, note text16 (chapter 5).
public struct Progress: Hashable, Sendable {
    /// What it waits for: the hop of the way that is slow.
    public enum Waiting: UInt8, Hashable, Sendable, CaseIterable {
        case nothing = 0
        case originDisk = 1
        case originNetwork = 2
        case relay = 3
        case receiverNetwork = 4
        case receiverDisk = 5
        /// The path, or the work that owns it, is not there (yet, or any more).
        case origin = 6

        /// The hop as a sentence names it.
        public var name: String {
            switch self {
            case .nothing: "nothing"
            case .originDisk: "the origin's disk"
            case .originNetwork: "the network between the origin and the relay"
            case .relay: "the relay, or the way to it"
            case .receiverNetwork: "the network between the relay and this machine"
            case .receiverDisk: "this machine's disk"
            case .origin: "the path or its work, which is not there"
            }
        }
    }

    /// Data bytes that have arrived.
    public var bytesIn: UInt64
    /// Data bytes that have been written.
    public var bytesOut: UInt64
    public var entries: UInt64
    public var waiting: Waiting
    /// What a person should know now, such as why the transfer was interrupted; else empty.
    public var note: String

    public init(bytesIn: UInt64, bytesOut: UInt64, entries: UInt64, waiting: Waiting, note: String = "") {
        self.bytesIn = bytesIn
        self.bytesOut = bytesOut
        self.entries = entries
        self.waiting = waiting
        self.note = note
    }

    init(_ fields: inout PayloadReader) throws(ProtocolViolation) {
        bytesIn = try fields.integer("bytes_in")
        bytesOut = try fields.integer("bytes_out")
        entries = try fields.integer("entries")
        waiting = try fields.value("waiting")
        note = try fields.text("note", length: UInt16.self, atMost: Limits.text)
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(bytesIn, bytesOut, entries, waiting.rawValue)
        buffer.write(text: note, length: UInt16.self, atMost: Limits.text)
    }
}

/// What one hop of a running GET says about itself once a second, so that a stall has a name: hop u8, waiting u8, bytes u64
/// (chapter 5).
public struct HopReport: Hashable, Sendable {
    public enum Hop: UInt8, Hashable, Sendable, CaseIterable {
        case relay = 1
        case owner = 2
    }

    public enum Waiting: UInt8, Hashable, Sendable, CaseIterable {
        case nothing = 0
        /// Where its own data comes from: the owner's disk; for the relay the owner.
        case source = 1
        /// The network towards the asker takes no more.
        case network = 2
        /// The asker's side has granted no more.
        case credit = 3
    }

    public var hop: Hop
    public var waiting: Waiting
    /// Lane payload sent on this stream so far.
    public var bytes: UInt64

    public init(hop: Hop, waiting: Waiting, bytes: UInt64) {
        self.hop = hop
        self.waiting = waiting
        self.bytes = bytes
    }

    init(_ fields: inout PayloadReader) throws(ProtocolViolation) {
        hop = try fields.value("hop")
        waiting = try fields.value("waiting")
        bytes = try fields.integer("bytes")
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(hop.rawValue, waiting.rawValue, bytes)
    }
}
