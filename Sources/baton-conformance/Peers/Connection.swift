internal import Glibc

/// One connection of a peer that the runner plays: its bytes, the frames that have come, and what is known of the session.
final class Connection {
    enum Kind { case unknown, control, lane, local }

    private(set) var name: String
    private let layouts: Layouts
    private let link: Link
    let isAcceptor: Bool
    /// What is known of the session.
    var ledger: Ledger
    /// Nil where what comes need not be frames: on plain TCP, and of a crowd.
    private var conduct: Conduct?

    /// Frames that have come and that no step has taken yet.
    var inbox: [Frame] = []
    private(set) var end: End?
    /// What came breaks a rule that holds in every case.
    private(set) var violation: String?
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

    private var lastSent = ContinuousClock.now

    private(set) var sentLog: [[UInt8]] = []
    /// How it was opened.
    var opening: Opening?
    /// One of a crowd: nobody waits for its end.
    let isHeld: Bool
    var hasConnected: Bool { !isConnecting }
    /// Its handshake succeeded.
    var wasOpen: Bool { !isConnecting && link.isReady }

    /// What a connection carries.
    enum Content { case frames, localFrames, bytes, crowd }

    init(
        _ name: String, _ link: Link, isAcceptor: Bool, isConnecting: Bool, _ content: Content,
        _ layouts: Layouts
    ) {
        self.name = name
        self.link = link
        self.isAcceptor = isAcceptor
        self.isConnecting = isConnecting
        self.layouts = layouts
        isHeld = content == .crowd
        ledger = Ledger(isAcceptor: isAcceptor, isLocal: content == .localFrames, layouts)
        let carriesFrames = content == .frames || content == .localFrames
        conduct = carriesFrames ? Conduct(peerIsDialer: isAcceptor, layouts) : nil
    }

    var kind: Kind { ledger.kind }
    func rename(_ name: String) { self.name = name }

    var descriptor: Int32 { link.descriptor }
    var isOpen: Bool { !isConnecting && link.isReady && end == nil }
    var applicationProtocol: String { link.applicationProtocol }
    var hasToWrite: Bool { written < outgoing.count && !cannotWrite && end == nil }
    var isFinished: Bool { end != nil }

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

    /// Sends KeyUpdates, or as many of them as the network takes.
    func updateKeys(times: Int) {
        lastSent = .now
        for _ in 0..<times where backlog == 0 && !isFinished {
            guard link.updateKeys() else { return }
        }
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
        guard conduct != nil else { return received.removeAll() }
        var offset = 0
        let now = ContinuousClock.now
        while violation == nil {
            if received.count - offset >= Frame.headerSize {
                let header = received[offset..<offset + Frame.headerSize]
                let problem = conduct?.judge(header: header, on: kind)
                violation = problem.map { "a frame that breaks \($0) [\(Hex.text(header))]" }
            }
            guard violation == nil, let frame = Frame(received, at: &offset, arrived: now) else { break }
            violation = conduct?.judge(frame, on: kind).map { "a frame that breaks \($0)" }
            ledger.note(received: frame)
            if frame.type == layouts.types.ping, !isMute {
                queue(Frame.encode(type: layouts.types.pong, stream: 0, payload: frame.payload))
            }
            inbox.append(frame)
        }
        if offset > 0 { received.removeFirst(offset) }
    }

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
        ledger.note(sent: bytes)
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

    /// When the next PING is due; nil if none is sent here.
    var nextPing: ContinuousClock.Instant? {
        ledger.isEstablished && !isMute && isOpen && !hasFinished ? lastSent + ledger.keepalive * 0.8 : nil
    }

    func ping() {
        queue(Frame.encode(type: layouts.types.ping, stream: 0, payload: randomBytes(8)))
    }
}
