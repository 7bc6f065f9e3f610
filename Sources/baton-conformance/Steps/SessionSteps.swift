/// `session`, and `local`: a connection with HELLO and WELCOME.
struct SessionStep: Step {
    private let name: String
    private let opening: Opening
    private let hello: [String: Value]
    private let welcome: [String: Value]
    private let expectation: Expectation

    init(from keys: inout Keys) throws {
        let isLocal = !keys.has("session")
        name = try keys.string(isLocal ? "local" : "session")
        opening = try Opening(from: &keys, isLocal: isLocal)
        hello = try keys.values("hello")
        welcome = try keys.values("welcome")
        expectation = try Expectation("WELCOME", bind: &keys)
        _ = try FrameSpec("HELLO", hello, keys.layouts)
        _ = try FrameSpec("WELCOME", welcome, keys.layouts)
    }

    func run(in world: World) throws {
        if world.counterpart.side == .relay || opening.isLocal {
            let connection = try opening.open(name, in: world)
            let usual: [String: Value] = [
                "version": .number(1), "max_streams": .number(256), "keepalive": .number(5000),
                "software": .string("baton-conformance"),
            ]
            if opening.isLocal { connection.kind = .local }
            let frame = try FrameSpec("HELLO", usual.merging(hello) { $1 }, world.layouts)
            connection.send(frame: try frame.encode(world.bindings))
            _ = try Awaiting(connection, in: world).next(expectation, within: .seconds(5))
            return
        }
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
        joined = try Expectation("JOINED", bind: &keys)
    }

    func run(in world: World) throws {
        let control = try world.connection(session)
        if world.counterpart.side == .relay {
            let opening = opening.work == nil ? opening.with(work: control.opening?.work) : opening
            let lane = try opening.open(name, in: world)
            lane.adopt(control)
            let seen = control.ticketsSeen
            let frame = try FrameSpec(
                "JOIN", ["version": .number(1), "ticket": ticket ?? .bytes(control.newestTicket)], world.layouts)
            lane.send(frame: try frame.encode(world.bindings))
            _ = try Awaiting(lane, in: world).next(joined, within: .seconds(5))
            guard try world.wait(atMost: .seconds(5), for: { control.ticketsSeen > seen }) else {
                throw StepFailure(expected: "TICKET on \(session)", came: "none within 5 s", connection: session)
            }
            return
        }
    }
}
