/// `session`, and `local`: a connection with HELLO and WELCOME.
struct SessionStep: Step {
    private let name: String
    private let opening: Opening
    private let hello: [String: Value]
    private let welcome: [String: Value]
    /// Of an agent, whose relay we are.
    private let awaitsHello: Bool
    private let expectation: Expectation

    init(from keys: inout Keys) throws {
        let isLocal = !keys.has("session")
        name = try keys.string(isLocal ? "local" : "session")
        opening = try Opening(from: &keys, isLocal: isLocal)
        hello = try keys.values("hello")
        welcome = try keys.values("welcome")
        awaitsHello = keys.tested == .agent && !opening.isLocal
        expectation = try Expectation(awaitsHello ? "HELLO" : "WELCOME", bind: &keys)
        _ = try FrameSpec("HELLO", hello, keys.layouts)
        _ = try FrameSpec("WELCOME", welcome, keys.layouts)
    }

    func run(in world: World) throws {
        if !awaitsHello {
            let connection = try opening.open(name, in: world)
            let usual: [String: Value] = [
                "version": .number(1), "max_streams": .number(256), "keepalive": .number(5000),
                "software": .string("baton-conformance"),
            ]
            let frame = try FrameSpec("HELLO", usual.merging(hello) { $1 }, world.layouts)
            connection.send(frame: try frame.encode(world.bindings))
            _ = try Awaiting(connection, in: world).next(expectation, within: .seconds(5))
            return
        }
        let type = world.layouts.types.hello
        let connection = try opening.open(name, in: world, awaiting: .beginning(with: type))
        let frame = try Awaiting(connection, in: world).next(expectation, within: .seconds(5))
        let said = world.layouts.message(type).flatMap { PayloadDecoder.decode(frame.payload, as: $0) }
        var keepalive: Int128 = 5000
        if case .number(let proposed)? = said?["keepalive"] { keepalive = min(max(proposed, 1000), 60_000) }
        let usual: [String: Value] = [
            "version": .number(1), "session": .number(world.counterpart.nextSession()), "max_streams": .number(256),
            "keepalive": .number(keepalive), "window": .number(4 << 20), "app": .string("conformance"),
            "work": .string("alpha"), "ticket": .bytes(randomBytes(32)), "software": .string("baton-conformance"),
        ]
        let answer = try FrameSpec("WELCOME", usual.merging(welcome) { $1 }, world.layouts)
        connection.send(frame: try answer.encode(world.bindings))
        // What a program asks the agent next may depend on it that the agent has taken WELCOME up.
        if !opening.isMute, !opening.isDeaf { _ = try world.hasAnswered(connection, within: .seconds(5)) }
    }
}

/// `lane`: one more connection of a session.
struct LaneStep: Step {
    private let name: String
    private let session: String
    private let opening: Opening
    private let ticket: Value?
    private let joined: Expectation

    init(from keys: inout Keys) throws {
        name = try keys.string("lane")
        session = try keys.string("of")
        opening = try Opening(from: &keys)
        ticket = try keys.value("ticket")
        joined = try Expectation(keys.tested == .agent ? "JOIN" : "JOINED", bind: &keys)
    }

    func run(in world: World) throws {
        let control = try world.connection(session)
        if world.counterpart.side == .relay {
            let opening = opening.work == nil ? opening.with(work: control.opening?.work) : opening
            let lane = try opening.open(name, in: world)
            lane.ledger.adopt(control.ledger)
            let seen = control.ledger.tickets
            let frame = try FrameSpec(
                "JOIN", ["version": .number(1), "ticket": ticket ?? .bytes(control.ledger.newestTicket)], world.layouts)
            lane.send(frame: try frame.encode(world.bindings))
            _ = try Awaiting(lane, in: world).next(joined, within: .seconds(5))
            guard try world.wait(atMost: .seconds(5), for: { control.ledger.tickets > seen }) else {
                throw StepFailure(expected: "TICKET on \(session)", came: "none within 5 s", connection: session)
            }
            if let index = control.inbox.lastIndex(where: { $0.type == world.layouts.types.ticket }) {
                control.inbox.remove(at: index)
            }
            return
        }
        world.promises.removeAll { $0.name == name }
        world.promises.append(LanePromise(name: name, control: control, ticket: ticket, opening: opening))
        try world.keepPromises()
    }
}

/// A lane that an agent is to join. It need not do so before it needs one, so a step only waits for the lane when it names it.
struct LanePromise {
    let name: String
    let control: Connection
    let ticket: Value?
    let opening: Opening

    /// Answers JOIN.
    func keep(with lane: Connection, in world: World) throws {
        lane.rename(name)
        lane.isMute = opening.isMute
        lane.isDeaf = opening.isDeaf
        try world.add(lane)
        let frame = lane.inbox.removeFirst()
        let said = world.layouts.message(frame.type).flatMap { PayloadDecoder.decode(frame.payload, as: $0) }
        guard said?["ticket"] == .bytes(control.ledger.newestTicket), said?["version"] == .number(1) else {
            throw StepFailure(
                expected: "JOIN with version 1 and the newest ticket of \(control.name)", came: world.text(frame),
                connection: name)
        }
        lane.ledger.adopt(control.ledger)
        lane.send(
            frame: try FrameSpec("JOINED", ["lane": .number(control.ledger.lanes)], world.layouts).encode(
                world.bindings))
        control.ledger.lanes = (control.ledger.lanes + 1) % 8
        let next = try FrameSpec("TICKET", ["ticket": ticket ?? .bytes(randomBytes(32))], world.layouts)
        control.send(frame: try next.encode(world.bindings))
    }
}

extension World {
    /// Answers the JOINs that have come and were promised a lane, in the order of the steps.
    func keepPromises() throws {
        guard !promises.isEmpty else { return }
        let type = layouts.types.join
        while let promise = promises.first,
            let index = arrivals.firstIndex(where: { $0.inbox.first?.type == type && !$0.isFinished })
        {
            promises.removeFirst()
            try promise.keep(with: arrivals.remove(at: index), in: self)
        }
    }
}
