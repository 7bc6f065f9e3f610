/// How a connection is opened: what `open`, `session`, `lane`, `local` and `refused` have in common.
struct Opening {
    private(set) var work: String?
    let proposal: TLSProposal
    let isPlain: Bool
    let isLocal: Bool
    let isMute: Bool
    let isDeaf: Bool

    /// Which of the connections of an agent is meant.
    enum Arrival {
        case any
        case open
        /// The one whose first frame has this type.
        case beginning(with: UInt8)
    }

    init(from keys: inout Keys, isLocal: Bool = false) throws {
        work = try keys.stringIfThere("work")
        let layouts = keys.layouts
        proposal = try keys.object("tls").map { try TLSProposal($0, layouts) } ?? TLSProposal()
        isPlain = try keys.flag("plain")
        self.isLocal = try keys.flag("local") || isLocal
        isMute = try keys.flag("mute")
        isDeaf = try keys.flag("deaf")
        if let work, work.contains("/") || work.isEmpty { throw CaseError("\"\(work)\" is no name of certificates") }
    }

    func with(work: String?) -> Opening {
        var opening = self
        opening.work = work
        return opening
    }

    static let within = Duration.seconds(10)

    /// Dials the relay, or waits for the agent's next connection, without judging how the handshake ends.
    ///
    func begin(_ name: String, in world: World, awaiting arrival: Arrival = .any) throws -> Connection {
        let connection: Connection
        switch world.counterpart.side {
        case .relay: connection = try dial(name, in: world)
        case .agent: connection = try isLocal ? dialLocal(name, in: world) : accept(name, in: world, arrival)
        }
        connection.isMute = isMute
        connection.isDeaf = isDeaf
        connection.opening = self
        try world.add(connection)
        return connection
    }

    /// The same, for a handshake that must succeed.
    func open(_ name: String, in world: World, awaiting arrival: Arrival = .open) throws -> Connection {
        let connection = try begin(name, in: world, awaiting: arrival)
        guard try world.wait(atMost: Self.within, for: { connection.isOpen || connection.isFinished }) else {
            throw StepFailure(
                expected: "a handshake within \(Self.within.text)", came: "it is not over yet", connection: name)
        }
        if let end = connection.end, !connection.wasOpen {
            throw StepFailure(expected: "a connection", came: "it \(end)", connection: name)
        }
        let needsProtocol = !isPlain && !isLocal && proposal == TLSProposal()
        if needsProtocol, connection.applicationProtocol != "baton/1" {
            throw StepFailure(
                expected: "the ALPN baton/1", came: "\"\(connection.applicationProtocol)\" was selected",
                connection: name)
        }
        return connection
    }

    private func dial(_ name: String, in world: World) throws -> Connection {
        guard !isLocal else { throw CaseError("a relay has no Unix socket") }
        guard let address = world.counterpart.relay else { throw CaseError("the relay does not run") }
        guard let work = isPlain ? "" : work else { throw CaseError("\"work\" is missing") }
        let context = isPlain ? nil : try world.context(.dialer, work: work, proposal: proposal)
        let link = try Link(try Sockets.dial(address), context, host: address.host)
        return Connection(name, link, isAcceptor: false, isConnecting: true, isPlain ? .bytes : .frames, world.layouts)
    }

    private func dialLocal(_ name: String, in world: World) throws -> Connection {
        let counterpart = world.counterpart
        try counterpart.startIfNeeded(world.startArguments, in: world)
        var descriptor: Int32?
        _ = try world.wait(atMost: Self.within, poll: .milliseconds(10)) {
            descriptor = try Sockets.dial(path: counterpart.socket)
            return descriptor != nil || counterpart.program?.hasEnded != nil
        }
        guard let descriptor else {
            throw StepFailure(
                expected: "a Unix socket that is listened on within \(Self.within.text)",
                came: "none at \(counterpart.socket); \(counterpart.program?.lastWords ?? "")")
        }
        let connection = Connection(
            name, try Link(descriptor, nil, host: nil), isAcceptor: false, isConnecting: false, .localFrames,
            world.layouts)
        return connection
    }

    private func accept(_ name: String, in world: World, _ arrival: Arrival) throws -> Connection {
        let counterpart = world.counterpart
        if let work = proposal.certificate ?? work, counterpart.credentials != (work, proposal) {
            try show(work, in: world)
        } else if proposal != TLSProposal() {
            try show("server", in: world)
        }
        defer { counterpart.credentials = ("server", TLSProposal()) }
        try counterpart.startIfNeeded(world.startArguments, in: world)
        let isMeant: (Connection) -> Bool = { connection in
            switch arrival {
            case .any: true
            case .open: !connection.isFinished
            case .beginning(let type): connection.inbox.first?.type == type && !connection.isFinished
            }
        }
        _ = try world.wait(atMost: .seconds(20), poll: .milliseconds(100)) {
            world.arrivals.contains(where: isMeant) || counterpart.program?.hasEnded != nil
        }
        guard let index = world.arrivals.firstIndex(where: isMeant) else {
            let ended = counterpart.program?.exitStatus.map { "the agent has ended with status \($0): " } ?? ""
            throw StepFailure(expected: "a connection of the agent", came: ended + world.unclaimed)
        }
        let connection = world.arrivals.remove(at: index)
        connection.rename(name)
        return connection
    }

    /// Shows other credentials from now on; who came before has seen the usual ones.
    private func show(_ work: String, in world: World) throws {
        world.counterpart.credentials = (work, proposal)
        for connection in world.arrivals {
            connection.close(.reset)
            world.drop(connection)
        }
        world.arrivals.removeAll()
    }
}

/// `open`: a connection on which nothing is sent.
struct OpenStep: Step {
    private let name: String
    private let opening: Opening

    init(from keys: inout Keys) throws {
        name = try keys.string("open")
        opening = try Opening(from: &keys)
    }

    func run(in world: World) throws { _ = try opening.open(name, in: world) }
}

/// `refused`: a connection that comes to nothing.
struct RefusedStep: Step {
    private let name: String
    private let opening: Opening
    private let codes: [Int128]
    private let within: Duration

    init(from keys: inout Keys) throws {
        name = try keys.string("refused")
        opening = try Opening(from: &keys)
        codes = try keys.codes("codes") ?? []
        within = try keys.milliseconds("within_ms") ?? .seconds(5)
    }

    func run(in world: World) throws {
        let connection = try opening.begin(name, in: world)
        guard try world.wait(atMost: within, for: { connection.isFinished }) else {
            throw StepFailure(
                expected: "an end of the connection within \(within.text)",
                came: connection.isOpen ? "it is open" : "the handshake is not over", connection: name)
        }
        let expected = codes.isEmpty ? "no frame" : "nothing but GOAWAY of \(codes)"
        guard let frame = connection.inbox.first else { return }
        guard connection.inbox.count == 1, frame.type == world.layouts.types.goaway,
            let code = world.layouts.code(frame), codes.contains(code)
        else { throw StepFailure(expected: expected, came: world.text(connection.inbox), connection: name) }
        connection.inbox.removeAll()
    }
}
