internal import COpenSSL

/// `crowd`: many connections, held to the end of the case.
struct CrowdStep: Step {
    private enum What: String { case tcp, hello, dribble, tls, local }
    private let count: Int
    private let what: What
    private let work: String

    init(from keys: inout Keys) throws {
        count = try keys.number("crowd", in: 1...20_000)
        let word = try keys.string("what")
        guard let what = What(rawValue: word), (what == .local) == (keys.tested == .agent) else {
            throw CaseError("\"what\" takes tcp, hello, dribble or tls for a relay, local for an agent")
        }
        self.what = what
        work = try keys.stringIfThere("work") ?? "alpha"
    }

    private static let within = Duration.seconds(20)

    func run(in world: World) throws {
        try world.counterpart.startIfNeeded(world.startArguments, in: world)
        let hello = what == .hello || what == .dribble ? try clientHello(world) : []
        var crowd: [Connection] = []
        for index in 0..<count {
            guard let link = try link(world) else { continue }
            let connection = Connection(
                "crowd \(index)", link, isAcceptor: false, isConnecting: what != .local, .crowd, world.layouts)
            switch what {
            case .hello: connection.queue(hello)
            case .dribble: world.drips.append(Drip(connection: connection, bytes: hello))
            case .tcp, .tls, .local: break
            }
            world.hold(connection)
            crowd.append(connection)
            // Whoever listens has to come to accepting them.
            if index % 64 == 63 { try world.turn(until: .now + .milliseconds(1)) }
        }
        _ = try world.wait(atMost: Self.within, poll: .milliseconds(10)) {
            crowd.allSatisfy { $0.isFinished || (what == .tls ? $0.wasOpen : $0.hasConnected) }
        }
    }

    private func link(_ world: World) throws -> Link? {
        if what == .local {
            var descriptor: Int32?
            _ = try world.wait(atMost: .seconds(5), poll: .milliseconds(10)) {
                descriptor = try Sockets.dial(path: world.counterpart.socket)
                return descriptor != nil
            }
            return try descriptor.map { try Link($0, nil, host: nil) }
        }
        guard let address = world.counterpart.relay else { throw CaseError("the relay does not run") }
        let context = what == .tls ? try world.context(.dialer, work: work) : nil
        return try Link(try Sockets.dial(address), context, host: address.host)
    }

    /// What a TLS client says first.
    private func clientHello(_ world: World) throws -> [UInt8] {
        let context = try world.context(.dialer, work: work)
        ERR_clear_error()
        guard let ssl = SSL_new(context.pointer) else { throw CaseError("OpenSSL: \(TLSErrors.drain())") }
        defer { SSL_free(ssl) }
        let output = BIO_new(BIO_s_mem())
        SSL_set_bio(ssl, BIO_new(BIO_s_mem()), output)
        SSL_set_connect_state(ssl)
        SSL_do_handshake(ssl)
        ERR_clear_error()
        var bytes = [UInt8](repeating: 0, count: 16 << 10)
        let count = BIO_read(output, &bytes, Int32(bytes.count))
        return Array(bytes.prefix(max(0, Int(count))))
    }
}

/// Bytes that are sent one a second.
struct Drip {
    let connection: Connection
    let bytes: [UInt8]
    private var index = 0
    private(set) var due = ContinuousClock.now

    init(connection: Connection, bytes: [UInt8]) {
        self.connection = connection
        self.bytes = bytes
    }

    var isOver: Bool { index >= bytes.count || connection.isFinished }

    mutating func fall(at now: ContinuousClock.Instant) {
        guard !isOver, due <= now else { return }
        connection.queue([bytes[index]])
        index += 1
        due = now + .seconds(1)
    }
}
