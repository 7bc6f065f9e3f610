/// `close`: we end a connection.
struct CloseStep: Step {
    private let name: String
    private let how: Connection.Closing

    init(from keys: inout Keys) throws {
        name = try keys.string("close")
        let word = try keys.stringIfThere("how") ?? "notify"
        guard let how = Connection.Closing(rawValue: word) else {
            throw CaseError("\"how\" takes notify, truncate, reset or half")
        }
        self.how = how
    }

    func run(in world: World) throws {
        let connection = try world.connection(name)
        _ = try world.wait(atMost: .seconds(5)) { connection.backlog == 0 }
        connection.close(how)
    }
}

/// `closed`: the peer ends a connection.
struct ClosedStep: Step {
    private let name: String
    private let within: Duration
    private let notifies: Bool
    private let codes: [Int128]?
    /// Whether a GOAWAY comes before does not matter.
    private let isAnyGood: Bool

    init(from keys: inout Keys) throws {
        name = try keys.string("closed")
        within = try keys.milliseconds("within_ms") ?? .seconds(5)
        notifies = try keys.flagIfThere("notify") ?? true
        isAnyGood = keys.peek("goaway") == .string("any")
        if isAnyGood { _ = keys.json("goaway") }
        codes = try keys.codes("goaway")
    }

    func run(in world: World) throws {
        let connection = try world.connection(name)
        connection.isWanted = true
        defer { connection.isWanted = false }
        guard try world.wait(atMost: within, for: { connection.isFinished }) else {
            throw StepFailure(
                expected: "the end of the connection within \(within.text)",
                came: "it is open; frames: \(world.text(connection.inbox))", connection: name)
        }
        let frames = connection.inbox
        connection.inbox.removeAll()
        let type = world.layouts.types.goaway
        if let codes {
            let expected = "GOAWAY of \(codes.map { world.layouts.codeName($0) }.joined(separator: " or ")) at the end"
            guard let last = frames.last, frames.firstIndex(where: { $0.type == type }) == frames.count - 1,
                let code = world.layouts.code(last), codes.contains(code)
            else { throw StepFailure(expected: expected, came: world.text(frames.suffix(3)), connection: name) }
        } else if !isAnyGood, let goaway = frames.first(where: { $0.type == type }) {
            throw StepFailure(expected: "an end without GOAWAY", came: world.text(goaway), connection: name)
        }
        if notifies, let end = connection.end, end != .proper {
            throw StepFailure(expected: "an end with close_notify", came: "the connection \(end)", connection: name)
        }
    }
}

/// `alive`: PING is answered.
struct AliveStep: Step {
    private let name: String
    private let within: Duration

    init(from keys: inout Keys) throws {
        name = try keys.string("alive")
        within = try keys.milliseconds("within_ms") ?? .seconds(5)
    }

    func run(in world: World) throws {
        try world.ping(try world.connection(name), within: within)
    }
}

extension World {
    /// PING, and its PONG; what else comes before is kept.
    func ping(_ connection: Connection, within limit: Duration) throws {
        guard try !hasAnswered(connection, within: limit) else { return }
        throw StepFailure(
            expected: "PONG within \(limit.text)",
            came: connection.end.map { "the connection \($0)\(last(connection))" } ?? "none",
            connection: connection.name)
    }

    /// Whether PONG came, and the connection did not end before.
    func hasAnswered(_ connection: Connection, within limit: Duration) throws -> Bool {
        connection.isWanted = true
        defer { connection.isWanted = false }
        let opaque = randomBytes(8)
        connection.send(frame: Frame.encode(type: layouts.types.ping, stream: 0, payload: opaque))
        let isPong: (Frame) -> Bool = { [layouts] in
            $0.type == layouts.types.pong && $0.payload.prefix(8).elementsEqual(opaque)
        }
        _ = try wait(atMost: limit) { connection.isFinished || connection.inbox.contains(where: isPong) }
        guard let index = connection.inbox.firstIndex(where: isPong) else { return false }
        connection.inbox.remove(at: index)
        return true
    }
}

extension Layouts {
    /// The code of an ERROR, CANCEL or GOAWAY.
    func code(_ frame: Frame) -> Int128? {
        guard let message = message(frame.type),
            case .number(let code)? =
                PayloadDecoder.decode(frame.payload, as: message)?["code"]
        else { return nil }
        return code
    }

    func codeName(_ code: Int128) -> String {
        guard let kind = messages["GOAWAY"]?.field("code")?.kind else { return "\(code)" }
        return FrameText.text(.number(code), kind)
    }
}

extension World {
    /// What came last and was not taken.
    func last(_ connection: Connection) -> String {
        connection.inbox.last.map { ", after \(text($0))" } ?? ""
    }
}
