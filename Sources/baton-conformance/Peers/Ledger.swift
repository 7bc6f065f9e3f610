/// What was sent on a lane, or has come there, for one stream.
struct Tally {
    /// Lane payload.
    var payload: UInt64 = 0
    var entries: UInt64 = 0
    var bytes: UInt64 = 0
    var skipped: UInt64 = 0

    mutating func count(_ type: UInt8, payload length: Int, _ types: KnownTypes) {
        payload &+= UInt64(length)
        if type == types.entry { entries += 1 }
        if type == types.skipped { skipped += 1 }
        if type == types.chunk { bytes &+= UInt64(max(0, length - 16)) }
    }

    func without(_ other: Tally) -> Tally {
        func difference(_ path: KeyPath<Tally, UInt64>) -> UInt64 {
            self[keyPath: path] - min(self[keyPath: path], other[keyPath: path])
        }
        return Tally(
            payload: difference(\.payload), entries: difference(\.entries), bytes: difference(\.bytes),
            skipped: difference(\.skipped))
    }
}

/// What the frames that came and went on one connection mean for its session.
struct Ledger {
    private let layouts: Layouts
    private let isAcceptor: Bool

    private(set) var kind = Connection.Kind.unknown
    /// WELCOME or JOINED was sent, or has come.
    private(set) var isEstablished = false
    /// The peer has said more than its greeting and goodbye.
    private(set) var hasBegun = false
    /// A GOAWAY was sent or has come.
    private(set) var isLeaving = false
    /// The peer was asked not to come back.
    private(set) var forbidsReturn = false
    private(set) var keepalive = Duration.seconds(5)
    private(set) var window: UInt64 = 4 << 20
    private(set) var newestTicket: [UInt8] = []
    private(set) var tickets = 0
    /// How many lanes were joined.
    var lanes: Int128 = 0
    /// Of all streams for which something was sent.
    private(set) var highestStream: UInt32 = 0
    /// Limits that came with GET and CREDIT, by stream.
    private(set) var granted: [UInt32: UInt64] = [:]
    /// Limits that were sent with GET and CREDIT, by stream.
    var granting: [UInt32: UInt64] = [:]
    /// Of a lane, by stream.
    private(set) var sent: [UInt32: Tally] = [:]
    private(set) var received: [UInt32: Tally] = [:]

    init(isAcceptor: Bool, isLocal: Bool, _ layouts: Layouts) {
        self.layouts = layouts
        self.isAcceptor = isAcceptor
        if isLocal { kind = .local }
    }

    /// Lanes have the interval of their session.
    mutating func adopt(_ session: Ledger) { keepalive = session.keepalive }

    mutating func note(received frame: Frame) {
        let types = layouts.types
        if countsForCredit(frame.type) {
            received[frame.stream, default: Tally()].count(frame.type, payload: frame.payload.count, types)
        }
        if ![types.hello, types.join, types.goaway].contains(frame.type) { hasBegun = true }
        greet(frame.type)
        switch frame.type {
        case types.welcome, types.joined: establish(values(frame.payload[...], frame.type))
        case types.ticket: keepTicket(values(frame.payload[...], frame.type))
        case types.goaway: isLeaving = true
        case types.get, types.credit: granted[frame.stream] = limit(frame.payload[...], frame.type)
        default: break
        }
    }

    /// - Parameter bytes: header and payload, whatever they are.
    mutating func note(sent bytes: [UInt8]) {
        guard bytes.count >= Frame.headerSize else { return }
        let types = layouts.types
        let type = bytes[4]
        let stream = UInt32(BigEndian.read(bytes[8..<12]))
        let payload = bytes[Frame.headerSize...]
        highestStream = max(highestStream, stream)
        if countsForCredit(type) { sent[stream, default: Tally()].count(type, payload: payload.count, types) }
        greet(type)
        switch type {
        case types.welcome, types.joined: if isAcceptor { establish(values(payload, type)) }
        case types.ticket: if isAcceptor { keepTicket(values(payload, type)) }
        case types.goaway:
            isLeaving = true
            forbidsReturn = values(payload, type)["reconnect_ms"] == .number(0xFFFF_FFFF)
        case types.get, types.credit: granting[stream] = limit(payload, type)
        default: break
        }
    }

    /// The first frame decides what the connection is.
    private mutating func greet(_ type: UInt8) {
        guard kind == .unknown else { return }
        let types = layouts.types
        if type == types.hello || type == types.welcome { kind = .control }
        if type == types.join || type == types.joined { kind = .lane }
    }

    private mutating func establish(_ values: [String: FieldValue]) {
        isEstablished = true
        keepTicket(values)
        if case .number(let bytes)? = values["window"] { window = UInt64(clamping: bytes) }
        if case .number(let milliseconds)? = values["keepalive"] {
            keepalive = .milliseconds(min(max(Int(clamping: milliseconds), 1000), 60_000))
        }
    }

    private mutating func keepTicket(_ values: [String: FieldValue]) {
        guard case .bytes(let ticket)? = values["ticket"], !ticket.isEmpty else { return }
        newestTicket = ticket
        tickets += 1
    }

    private func countsForCredit(_ type: UInt8) -> Bool {
        layouts.message(type)?.isOfLanes == true || (kind == .lane && type == layouts.types.error)
    }

    private func limit(_ payload: ArraySlice<UInt8>, _ type: UInt8) -> UInt64? {
        let value = values(payload, type)[type == layouts.types.get ? "credit" : "limit"]
        guard case .number(let number)? = value else { return nil }
        return UInt64(clamping: number)
    }

    private func values(_ payload: ArraySlice<UInt8>, _ type: UInt8) -> [String: FieldValue] {
        layouts.message(type).flatMap { PayloadDecoder.decode(Array(payload), as: $0) } ?? [:]
    }
}
