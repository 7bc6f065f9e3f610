import CXXHash

/// One frame of the protocol, written and read by hand after chapter 2 of `Protocol/`: the tests share no code with what
/// they test.
struct RawFrame: Sendable, Equatable {
    var type: UInt8
    var flags: UInt8 = 0
    var reserved: UInt16 = 0
    var stream: UInt32 = 0
    var payload: [UInt8] = []
    /// What the header says of the payload, where that is not the truth.
    var claimedLength: UInt32?

    static let headerSize = 12

    var bytes: [UInt8] {
        (claimedLength ?? UInt32(payload.count)).wire + [type, flags] + reserved.wire + stream.wire + payload
    }

    /// The first frame in `bytes`, which is taken out of it; `nil` if it has not come whole.
    static func take(from bytes: inout [UInt8]) -> RawFrame? {
        guard bytes.count >= headerSize else { return nil }
        let length = Int(UInt32(wire: bytes[0..<4]))
        guard bytes.count >= headerSize + length else { return nil }
        let frame = RawFrame(
            type: bytes[4], flags: bytes[5], reserved: UInt16(wire: bytes[6..<8]), stream: UInt32(wire: bytes[8..<12]),
            payload: Array(bytes[headerSize..<(headerSize + length)]))
        bytes.removeFirst(headerSize + length)
        return frame
    }
}

// MARK: Messages, after chapters 3, 5 and 7

extension RawFrame {
    static func hello(
        version: UInt16 = 1, capabilities: UInt64 = 0, maxStreams: UInt16 = 256, keepalive: UInt32 = 5000
    ) -> RawFrame {
        RawFrame(
            type: 0x01, payload: version.wire + capabilities.wire + maxStreams.wire + keepalive.wire + short("test"))
    }

    static func join(_ ticket: [UInt8]) -> RawFrame {
        RawFrame(type: 0x03, payload: UInt16(1).wire + [UInt8(ticket.count)] + ticket)
    }

    static let ping = RawFrame(type: 0x06, payload: UInt64(7).wire)

    static func exists(_ path: String, of origin: String, deadline: UInt32 = 20_000, stream: UInt32) -> RawFrame {
        RawFrame(type: 0x10, stream: stream, payload: deadline.wire + short(origin) + long(path))
    }

    static func wait(_ path: String, of origin: String, deadline: UInt32 = 60_000, stream: UInt32) -> RawFrame {
        RawFrame(type: wait, stream: stream, payload: deadline.wire + short(origin) + long(path))
    }

    /// Asks whether anyone is there: the relay, without a name.
    static func echo(_ origin: String = "", stream: UInt32) -> RawFrame {
        RawFrame(type: 0x14, stream: stream, payload: UInt32(20_000).wire + short(origin))
    }

    /// The answer to EXISTS: yes, the live work says so.
    static func existsReply(stream: UInt32) -> RawFrame {
        RawFrame(type: existsReply, stream: stream, payload: [1, 0])
    }

    /// The answer to STAT: a file of this time, in seconds.
    static func statReply(modified: Int64, stream: UInt32) -> RawFrame {
        RawFrame(
            type: 0x21, stream: stream,
            payload: [1, 0] + UInt16(0o644).wire + UInt64(1).wire + UInt64(1).wire + modified.wire + UInt32(0).wire
                + [0])
    }

    static func cancel(_ code: UInt16 = 12, stream: UInt32) -> RawFrame {
        RawFrame(type: cancel, stream: stream, payload: code.wire)
    }

    static func credit(_ limit: UInt64, stream: UInt32) -> RawFrame {
        RawFrame(type: 0x31, stream: stream, payload: limit.wire)
    }

    static func get(
        _ path: String, of origin: String, deadline: UInt32 = 60_000, credit: UInt64 = 1 << 20, stream: UInt32
    ) -> RawFrame {
        RawFrame(
            type: 0x13, stream: stream,
            payload: deadline.wire + short(origin) + long(path) + credit.wire + [0]
                + UInt64(0).wire + UInt64(0).wire + UInt64(0).wire)
    }

    /// A GET with BASE, as only a relay may send it.
    static func getWithBase(_ path: String, of origin: String, base: UInt64, stream: UInt32) -> RawFrame {
        var frame = get(path, of: origin, stream: stream)
        frame.payload[frame.payload.count - 25] = 8
        frame.payload += base.wire
        return frame
    }

    static func persist(_ path: String, of origin: String = "", stream: UInt32) -> RawFrame {
        RawFrame(
            type: 0x16, stream: stream, payload: UInt32(60_000).wire + short(origin) + long(path) + [0])
    }

    /// Remove, pin, unpin or verify all, or the newest, of a path.
    static func artifacts(_ action: UInt8, _ path: String, of origin: String = "", stream: UInt32) -> RawFrame {
        RawFrame(
            type: 0x17, stream: stream,
            payload: UInt32(20_000).wire + short(origin) + long(path) + [action] + UInt64(0).wire + long("")
                + UInt64(0).wire)
    }

    enum Kind: UInt8 {
        case file = 1
        case directory = 2
        case link = 3
        case hardLink = 5
    }

    /// A file, a directory or a link of a tree.
    static func entry(
        _ kind: Kind, _ path: String, size: UInt64 = 0, mode: UInt16 = 0o644, target: String = "", isLast: Bool = false,
        stream: UInt32
    ) -> RawFrame {
        RawFrame(
            type: entry, flags: isLast ? 1 : 0, stream: stream,
            payload: [kind.rawValue] + mode.wire + size.wire + UInt64(1_700_000_000).wire + UInt32(0).wire
                + UInt64(1).wire + long(path) + long(target) + UInt16(0).wire)
    }

    /// A file whose content is that of the same path in the base.
    static func kept(_ path: String, size: UInt64, mode: UInt16 = 0o644, stream: UInt32) -> RawFrame {
        var frame = entry(.file, path, size: size, mode: mode, stream: stream)
        frame.flags = 3
        return frame
    }

    static func skipped(_ path: String, reason: UInt16 = 2, stream: UInt32) -> RawFrame {
        RawFrame(type: 0x42, stream: stream, payload: reason.wire + long(path))
    }

    static func again(_ pass: UInt16, stream: UInt32) -> RawFrame {
        RawFrame(type: 0x44, stream: stream, payload: pass.wire)
    }

    static func keep(_ path: String, stream: UInt32) -> RawFrame {
        RawFrame(type: 0x45, stream: stream, payload: long(path))
    }

    /// An ERROR of the owner without a path.
    static func failure(code: UInt16, _ sentence: String, stream: UInt32) -> RawFrame {
        RawFrame(type: error, stream: stream, payload: code.wire + [2] + long("") + long(sentence))
    }

    static func end(entries: UInt64, bytes: UInt64 = 0, skipped: UInt64 = 0, stream: UInt32) -> RawFrame {
        RawFrame(type: end, stream: stream, payload: entries.wire + bytes.wire + skipped.wire)
    }

    static func chunk(
        _ data: [UInt8], at offset: UInt64 = 0, checksum: UInt64, isLast: Bool, stream: UInt32
    ) -> RawFrame {
        RawFrame(
            type: chunk, flags: isLast ? 1 : 0, stream: stream, payload: offset.wire + checksum.wire + data)
    }

    /// 512 times the letter x: the least that a chunk without LAST carries.
    static func chunk(at offset: UInt64, isLast: Bool = false, stream: UInt32) -> RawFrame {
        .chunk(offset, [UInt8](repeating: UInt8(ascii: "x"), count: 512), isLast: isLast, stream: stream)
    }

    /// What an owner says about itself.
    static func report(waiting: UInt8, bytes: UInt64, stream: UInt32) -> RawFrame {
        RawFrame(type: 0x33, stream: stream, payload: [2, waiting] + bytes.wire)
    }

    /// With the checksum that belongs to the data.
    static func chunk(_ offset: UInt64, _ data: [UInt8], isLast: Bool = false, stream: UInt32) -> RawFrame {
        let checksum = data.withUnsafeBytes { baton_xxh3_64($0.baseAddress, $0.count) }
        return RawFrame(
            type: 0x41, flags: isLast ? 1 : 0, stream: stream, payload: offset.wire + checksum.wire + data)
    }

    static func short(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + text.utf8 }
    static func long(_ text: String) -> [UInt8] { UInt16(text.utf8.count).wire + text.utf8 }
}

extension RawFrame {
    static let welcome: UInt8 = 0x02
    static let joined: UInt8 = 0x04
    static let ticket: UInt8 = 0x05
    static let pong: UInt8 = 0x07
    static let goAway: UInt8 = 0x08
    static let get: UInt8 = 0x13
    static let exists: UInt8 = 0x10
    static let stat: UInt8 = 0x11
    static let wait: UInt8 = 0x15
    static let cancel: UInt8 = 0x30
    static let existsReply: UInt8 = 0x20
    static let echoReply: UInt8 = 0x24
    static let persistReply: UInt8 = 0x26
    static let artifactsReply: UInt8 = 0x27
    static let progress: UInt8 = 0x32
    static let error: UInt8 = 0x2F
    static let entry: UInt8 = 0x40
    static let chunk: UInt8 = 0x41
    static let end: UInt8 = 0x43
    static let credit: UInt8 = 0x31

    /// The code of a GOAWAY or an ERROR.
    var code: UInt16 { UInt16(wire: payload.prefix(2)) }

    /// Who says what an ERROR says: 1 the relay, 2 the owner.
    var saidBy: UInt8? { payload.dropFirst(2).first }

    /// The path and the sentence of an ERROR, as they stand behind each other.
    var words: String { String(decoding: payload.dropFirst(3), as: UTF8.self) }

    /// The deadline of a request, in milliseconds.
    var deadline: UInt32 { UInt32(wire: payload.prefix(4)) }

    /// The sentence of a GOAWAY, which stands behind code, last stream and reconnect.
    var sentence: String { String(decoding: payload.dropFirst(12), as: UTF8.self) }

    /// The ticket in a WELCOME: behind 28 bytes of numbers, the app and the work.
    var ticketOfWelcome: [UInt8] {
        var rest = payload.dropFirst(28)
        for _ in 0..<2 { rest = rest.dropFirst(1 + Int(rest.first ?? 0)) }
        return Array(rest.dropFirst().prefix(32))
    }

    /// The session's epoch in a WELCOME: behind the version and the capabilities.
    var epochOfWelcome: UInt64 { UInt64(wire: payload.dropFirst(10).prefix(8)) }

    /// The streams in a WELCOME that its receiver may have open: behind the epoch.
    var maxStreamsOfWelcome: UInt32 { UInt32(wire: payload.dropFirst(18).prefix(2)) }

    /// Where a GET asks to go on: its last 25 bytes, before the digest.
    struct Resume: Equatable {
        let options: UInt8
        let entries: UInt64
        let offset: UInt64
    }

    var resume: Resume {
        let tail = payload.suffix(25)
        return Resume(
            options: tail.first ?? 0, entries: UInt64(wire: tail.dropFirst().prefix(8)),
            offset: UInt64(wire: tail.dropFirst(9).prefix(8)))
    }

    /// What a GET with BASE says of both: its last 8 bytes are the base.
    var keeping: (resume: Resume, base: UInt64) {
        let tail = RawFrame(type: type, payload: payload.dropLast(8))
        return (tail.resume, UInt64(wire: payload.suffix(8)))
    }

    /// The one receipt of a PERSIST_REPLY.
    struct Receipt: Equatable {
        let path: String
        let outcome: UInt8
        let generation: UInt64
        let stamp: UInt64
        /// Data bytes that travelled.
        let sent: UInt64
    }

    var receipt: Receipt {
        let path = payload.dropFirst(4).prefix(Int(UInt16(wire: payload.dropFirst(2).prefix(2))))
        let rest = payload.dropFirst(4 + path.count)
        return Receipt(
            path: String(decoding: path, as: UTF8.self), outcome: rest.first ?? 0,
            generation: UInt64(wire: rest.dropFirst().prefix(8)), stamp: UInt64(wire: rest.dropFirst(9).prefix(8)),
            sent: UInt64(wire: rest.suffix(8)))
    }

    /// The first limit of a GET, which stands before these.
    var creditOfGet: UInt64 { UInt64(wire: payload.suffix(33).prefix(8)) }

    /// The limit of a CREDIT.
    var limitOfCredit: UInt64 { UInt64(wire: payload.prefix(8)) }

    /// The ticket in a TICKET.
    var ticketOfTicket: [UInt8] { Array(payload.dropFirst().prefix(32)) }
}

extension FixedWidthInteger {
    var wire: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }

    init(wire bytes: ArraySlice<UInt8>) { self = bytes.reduce(0) { $0 << 8 | Self($1) } }
}
