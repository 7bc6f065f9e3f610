internal import Glibc

/// One connection of a peer that the runner plays: its bytes, the frames that have come, and what is known of the session.
final class Connection {
    enum Kind { case unknown, control, lane, local }
    /// What was sent on a lane for one stream.
    struct Tally {
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
    }

    private(set) var name: String
    private let layouts: Layouts
    private let link: Link
    let isAcceptor: Bool
    /// How many lanes were joined to this session.
    var lanes: Int128 = 0
    var kind = Kind.unknown

    /// Frames that have come and that no step has taken yet.
    var inbox: [Frame] = []
    private(set) var end: End?
    /// What came breaks a rule that holds in every case.
    private(set) var violation: String?
    private var conduct: Conduct
    private var received: [UInt8] = []
    private var outgoing: [UInt8] = []
    private var written = 0
    private var isConnecting: Bool
    private(set) var cannotWrite = false
    private(set) var hasFinished = false

    /// Neither answers PING nor sends any.
    var isMute = false
    /// Is not read unless a step waits for it.
    var isDeaf = false
    var isWanted = false
    /// There may be more to read at once.
    private(set) var hasMore = false

    private(set) var isEstablished = false
    /// The peer has said more than its greeting and goodbye.
    private(set) var hasBegun = false
    /// A GOAWAY was sent or has come.
    private(set) var isLeaving = false
    /// It asked the peer not to come back.
    private(set) var forbidsReturn = false
    private var keepalive = Duration.seconds(5)
    private var lastSent = ContinuousClock.now

    private(set) var sentLog: [[UInt8]] = []
    private(set) var newestTicket: [UInt8] = []
    private(set) var ticketsSeen = 0
    private(set) var highestOpened: UInt32 = 0
    private(set) var highestStream: UInt32 = 0
    /// Limits that came with GET and CREDIT, by stream.
    private(set) var granted: [UInt32: UInt64] = [:]
    /// Limits that were sent with GET and CREDIT, by stream.
    var granting: [UInt32: UInt64] = [:]
    private(set) var tallies: [UInt32: Tally] = [:]
    /// The same of what has come.
    private(set) var receivedTallies: [UInt32: Tally] = [:]
    private(set) var window: UInt64 = 4 << 20
    /// How it was opened.
    var opening: Opening?
    /// One of a crowd: nobody waits for its end.
    var isHeld = false
    var hasConnected: Bool { !isConnecting }
    /// Its handshake succeeded.
    var wasOpen: Bool { !isConnecting && link.isReady }

    init(_ name: String, _ link: Link, isAcceptor: Bool, isConnecting: Bool, _ layouts: Layouts) {
        self.name = name
        self.link = link
        self.isAcceptor = isAcceptor
        self.isConnecting = isConnecting
        self.layouts = layouts
        conduct = Conduct(peerIsDialer: isAcceptor, layouts)
    }

    func rename(_ name: String) { self.name = name }

    var descriptor: Int32 { link.descriptor }
    var isOpen: Bool { !isConnecting && link.isReady && end == nil }
    var applicationProtocol: String { link.applicationProtocol }
    var hasToWrite: Bool { written < outgoing.count && !cannotWrite && end == nil }
    var isFinished: Bool { end != nil }
    /// Frames have come in full, and nothing of a further one.
    var endsBetweenFrames: Bool { received.isEmpty }

    /// What `poll` is to look for.
    var events: Int16 {
        guard end == nil else { return 0 }
        if isConnecting { return Int16(POLLOUT) }
        let writes = link.wantsToWrite || (link.isReady && hasToWrite)
        let reads = !link.isReady || !isDeaf || isWanted
        return (reads ? Int16(POLLIN) : 0) | (writes ? Int16(POLLOUT) : 0)
    }

    // MARK: Bytes

    /// Goes on with whatever the socket allows.
    func proceed(canRead: Bool, canWrite: Bool) {
        guard end == nil else { return }
        if isConnecting {
            guard canWrite || canRead else { return }
            isConnecting = false
            if Sockets.failure(descriptor) { return finish(.reset) }
        }
        if !link.isReady {
            if let end = link.shakeHands() { return finish(end) }
            guard link.isReady else { return }
        }
        if canWrite || hasToWrite { write() }
        if canRead && (!isDeaf || isWanted) { read() }
    }

    private static let readSize = 1 << 16
    /// How much is read before others have their turn.
    private static let turn = 32

    private func read() {
        hasMore = false
        for _ in 0..<Self.turn {
            let progress = withUnsafeTemporaryAllocation(byteCount: Self.readSize, alignment: 16) { buffer in
                let progress = link.read(into: buffer)
                if case .done(let count) = progress { received += buffer[..<count] }
                return progress
            }
            switch progress {
            case .done:
                takeFrames()
                if link.hasSessionTicket { violation = "a ticket to resume TLS with, which breaks TLS-4" }
            case .later: return
            case .ended(let end): return finish(end)
            }
            if violation != nil { return }
        }
        hasMore = true
    }

    private func finish(_ end: End) {
        self.end = end
        hasMore = false
    }

    func queue(_ bytes: [UInt8]) {
        outgoing += bytes
        lastSent = .now
        if isOpen { write() }
    }

    /// What is still to be written.
    var backlog: Int { cannotWrite || end != nil ? 0 : outgoing.count - written }

    private func write() {
        while hasToWrite {
            let progress = outgoing.withUnsafeBytes { link.write(UnsafeRawBufferPointer(rebasing: $0[written...])) }
            switch progress {
            case .done(let count): written += count
            case .later: return
            case .ended:
                // What came before is still to be read, and says why.
                cannotWrite = true
            }
        }
        outgoing.removeAll(keepingCapacity: outgoing.count < 1 << 20)
        written = 0
    }

    enum Closing: String { case notify, truncate, reset, half }

    /// Ends our side; what the peer sends is still read.
    func close(_ how: Closing) {
        hasFinished = true
        switch how {
        case .notify:
            link.notify()
            link.finish()
        case .truncate, .half: link.finish()
        case .reset:
            link.reset()
            finish(.reset)
        }
    }

    // MARK: Frames

    private func takeFrames() {
        var offset = 0
        let now = ContinuousClock.now
        while violation == nil {
            checkHeader(at: offset)
            guard violation == nil, let frame = Frame(received, at: &offset, arrived: now) else { break }
            if let problem = conduct.judge(frame, on: kind) { violation = "a frame that breaks \(problem)" }
            note(frame)
            inbox.append(frame)
        }
        if offset > 0 { received.removeFirst(offset) }
    }

    /// A peer that keeps to the protocol never sends what breaks these rules.
    private func checkHeader(at offset: Int) {
        guard received.count - offset >= Frame.headerSize else { return }
        let header = received[offset..<offset + Frame.headerSize]
        if let problem = conduct.judge(header: header, on: kind) {
            violation = "a frame that breaks \(problem) [\(Hex.text(header))]"
        }
    }

    private func values(_ payload: [UInt8], _ type: UInt8) -> [String: FieldValue] {
        layouts.message(type).flatMap { PayloadDecoder.decode(payload, as: $0) } ?? [:]
    }

    private func note(_ frame: Frame) {
        let types = layouts.types
        if layouts.message(frame.type)?.isOfLanes == true || (kind == .lane && frame.type == types.error) {
            receivedTallies[frame.stream, default: Tally()].count(frame.type, payload: frame.payload.count, types)
        }
        if ![types.hello, types.join, types.goaway].contains(frame.type) { hasBegun = true }
        switch frame.type {
        case types.ping:
            if !isMute { queue(Frame.encode(type: types.pong, stream: 0, payload: frame.payload)) }
        case types.hello where kind == .unknown: kind = .control
        case types.join where kind == .unknown: kind = .lane
        case types.welcome:
            let values = values(frame.payload, frame.type)
            if kind == .unknown { kind = .control }
            keepTicket(values)
            if case .number(let number)? = values["window"] { window = UInt64(clamping: number) }
            establish(values)
        case types.joined:
            if kind == .unknown { kind = .lane }
            establish([:])
        case types.ticket: keepTicket(values(frame.payload, frame.type))
        case types.goaway: isLeaving = true
        case types.get, types.credit:
            let values = values(frame.payload, frame.type)
            if case .number(let number)? = values[frame.type == types.get ? "credit" : "limit"] {
                granted[frame.stream] = UInt64(clamping: number)
            }
        default: break
        }
    }

    private func keepTicket(_ values: [String: FieldValue]) {
        guard case .bytes(let ticket)? = values["ticket"], !ticket.isEmpty else { return }
        newestTicket = ticket
        ticketsSeen += 1
    }

    private func establish(_ values: [String: FieldValue]) {
        isEstablished = true
        if case .number(let milliseconds)? = values["keepalive"] {
            keepalive = .milliseconds(min(max(Int(clamping: milliseconds), 1000), 60_000))
        }
    }

    /// Lanes have the interval of their session.
    func adopt(_ session: Connection) { keepalive = session.keepalive }

    private static let logged = 4
    private static let loggedBytes = 1024

    /// Sends one frame and takes note of what it means for the session.
    func send(frame bytes: [UInt8]) {
        note(sending: bytes)
        queue(bytes)
    }

    /// For a frame that is about to be sent.
    func note(sending bytes: [UInt8]) {
        log(bytes)
        if bytes.count >= Frame.headerSize { noteSent(bytes) }
    }

    /// Sends bytes that need not be frames.
    func send(raw bytes: [UInt8]) {
        log(bytes)
        queue(bytes)
    }

    private func log(_ bytes: [UInt8]) {
        sentLog.append(bytes.count > Self.loggedBytes ? Array(bytes.prefix(Self.loggedBytes)) : bytes)
        if sentLog.count > Self.logged { sentLog.removeFirst() }
    }

    private func noteSent(_ bytes: [UInt8]) {
        let types = layouts.types
        let type = bytes[4]
        let stream = UInt32(BigEndian.read(bytes[8..<12]))
        highestStream = max(highestStream, stream)
        guard let message = layouts.message(type) else { return }
        if message.isRequest { highestOpened = max(highestOpened, stream) }
        if message.isOfLanes || (kind == .lane && type == types.error) {
            tallies[stream, default: Tally()].count(type, payload: bytes.count - Frame.headerSize, types)
            return
        }
        switch type {
        case types.hello where kind == .unknown: kind = .control
        case types.join where kind == .unknown: kind = .lane
        case types.welcome, types.joined:
            if kind == .unknown { kind = type == types.welcome ? .control : .lane }
            let values = values(Array(bytes[Frame.headerSize...]), type)
            if isAcceptor {
                keepTicket(values)
                establish(values)
            }
        case types.goaway:
            isLeaving = true
            let values = values(Array(bytes[Frame.headerSize...]), type)
            forbidsReturn = values["reconnect_ms"] == .number(0xFFFF_FFFF)
        case types.ticket where isAcceptor: keepTicket(values(Array(bytes[Frame.headerSize...]), type))
        case types.get, types.credit:
            let values = values(Array(bytes[Frame.headerSize...]), type)
            if case .number(let number)? = values[type == types.get ? "credit" : "limit"] {
                granting[stream] = UInt64(clamping: number)
            }
        default: break
        }
    }

    /// When the next PING is due; nil if none is sent here.
    var nextPing: ContinuousClock.Instant? {
        isEstablished && !isMute && isOpen && !hasFinished ? lastSent + keepalive * 0.8 : nil
    }

    func ping() {
        queue(Frame.encode(type: layouts.types.ping, stream: 0, payload: randomBytes(8)))
    }
}
