internal import Foundation
internal import Synchronization

/// What must still work meanwhile: two works on a thread of their own, of which one asks for what the other has.
final class Beside: Sendable {
    struct Outcome: Sendable {
        var latencies = Latencies([])
        var failure: Failure?
    }

    private struct State {
        var isToStop = false
        var hasStarted = false
        var outcome: Outcome?
    }

    private let state = Mutex(State())

    init(_ limit: Duration, relay: Address?, _ certificates: String, _ layouts: Layouts) throws {
        guard let relay else { throw CaseError("the relay does not run") }
        let thread = Thread { [self] in
            let outcome = run(limit, relay: relay, certificates, layouts)
            state.withLock { $0.outcome = outcome }
        }
        thread.start()
    }

    /// Until the first answer is there.
    func awaitStart(in world: World) throws {
        let isUp = try world.wait(atMost: .seconds(20), poll: .milliseconds(5)) {
            state.withLock { $0.hasStarted || $0.outcome != nil }
        }
        if let failure = state.withLock({ $0.outcome?.failure }) {
            throw StepFailure(expected: failure.expected, came: failure.came)
        }
        guard isUp else { throw StepFailure(expected: "an answer beside the case within 20 s", came: "none") }
    }

    /// Ends the thread, and waits for that.
    @discardableResult
    func stop() -> Outcome {
        state.withLock { $0.isToStop = true }
        while true {
            if let outcome = state.withLock({ $0.outcome }) { return outcome }
            Thread.sleep(forTimeInterval: 0.005)
        }
    }

    private func run(
        _ limit: Duration, relay: Address, _ certificates: String, _ layouts: Layouts
    ) -> Outcome {
        var outcome = Outcome()
        var durations: [Duration] = []
        do {
            let counterpart = try Counterpart(relay: relay, command: [], certificates: certificates)
            let world = World(layouts, certificates: certificates, counterpart: counterpart)
            world.deadline = .now + .seconds(3600)
            defer { world.finish() }
            do {
                try ask(in: world, limit, &durations)
            } catch let failure as StepFailure {
                outcome.failure = world.describe(failure, step: nil, text: "beside the case")
            }
        } catch {
            outcome.failure = Failure(text: "beside the case", sent: [], expected: "that it can run", came: "\(error)")
        }
        outcome.latencies = Latencies(durations)
        return outcome
    }

    private static let pause = Duration.milliseconds(2)
    private static let betweenFiles = Duration.milliseconds(500)

    private func ask(in world: World, _ limit: Duration, _ durations: inout [Duration]) throws {
        let couple = try Couple(in: world)
        var nextFile = ContinuousClock.now
        while !state.withLock({ $0.isToStop }) {
            let begin = ContinuousClock.now
            if begin >= nextFile {
                nextFile = begin + Self.betweenFiles
                try couple.get(within: limit)
            } else {
                try couple.exists(within: limit)
                durations.append(.now - begin)
            }
            state.withLock { $0.hasStarted = true }
            try world.idle(Self.pause)
        }
    }
}

/// The works gamma and delta.
private final class Couple {
    private let world: World
    private let asker: Connection
    private let owner: Connection
    private var stream: UInt32 = 1
    /// The stream on which the owner was asked for the file.
    private var wanted: UInt32?
    private static let path = "beside"
    private static let size = 64 << 10

    init(in world: World) throws {
        self.world = world
        for (work, name) in [("gamma", "g"), ("delta", "d")] {
            let session: [String: JSON] = ["session": .string(name), "work": .string(work)]
            let lane: [String: JSON] = ["lane": .string(name + "1"), "of": .string(name)]
            for step in [session, lane] {
                try Verbs.read(.object(step), tested: .relay, world.layouts).run(in: world)
            }
        }
        asker = try world.connection("g")
        owner = try world.connection("d")
    }

    func exists(within limit: Duration) throws {
        let begin = ContinuousClock.now
        let id = try send("EXISTS", within: limit)
        let reply = try answer("EXISTS_REPLY", to: id, within: limit)
        guard reply.payload.prefix(2).elementsEqual([1, 0]) else {
            throw StepFailure(expected: "that it exists, live", came: world.text(reply), connection: asker.name)
        }
        try judge(.now - begin, limit, "EXISTS")
    }

    func get(within limit: Duration) throws {
        let begin = ContinuousClock.now
        wanted = nil
        let id = try send("GET", within: limit)
        let isAsked = try world.wait(atMost: limit) { [self] in
            try serve()
            return wanted != nil || asker.isFinished || owner.isFinished
        }
        guard isAsked, let wanted else {
            throw StepFailure(expected: "GET within \(limit.text)", came: "none", connection: owner.name)
        }
        let milliseconds = JSON.number(Int128(limit.milliseconds))
        let give: [String: JSON] = [
            "give": "d1", "control": "d", "stream": .number(Int128(wanted)), "bytes": .number(Int128(Self.size)),
            "chunk": 16_384, "within_ms": milliseconds,
        ]
        let take: [String: JSON] = [
            "take": "g1", "control": "g", "stream": .number(Int128(id)),
            "tree": .object(["": .object(["size": .number(Int128(Self.size))])]), "within_ms": milliseconds,
        ]
        for step in [give, take] { try Verbs.read(.object(step), tested: .relay, world.layouts).run(in: world) }
        try judge(.now - begin, limit, "a file of \(Self.size) bytes")
    }

    private func send(_ name: String, within limit: Duration) throws -> UInt32 {
        defer { stream += 2 }
        // Who is to be waited for is not to give up before.
        let deadline = max(10_000, limit.milliseconds)
        let frame = try FrameSpec(
            name, stream: stream,
            ["origin": .string("delta"), "path": .string(Self.path), "deadline_ms": .number(Int128(deadline))],
            world.layouts)
        asker.send(frame: try frame.encode(world.bindings))
        return stream
    }

    private func answer(_ type: String, to id: UInt32, within limit: Duration) throws -> Frame {
        var reply: Frame?
        let came = try world.wait(atMost: limit) { [self] in
            try serve()
            if let index = asker.inbox.firstIndex(where: { $0.stream == id }) { reply = asker.inbox.remove(at: index) }
            return reply != nil || asker.isFinished || owner.isFinished
        }
        guard came, let reply, world.layouts.message(reply.type)?.name == type else {
            let end = [asker, owner].compactMap { connection in connection.end.map { "\(connection.name) \($0)" } }
                .first
            throw StepFailure(
                expected: "\(type) within \(limit.text)", came: reply.map { world.text($0) } ?? end ?? "none",
                connection: asker.name)
        }
        return reply
    }

    /// Answers what the two are asked, by each other and by works of the case: EXISTS with yes, all else but WAIT with
    /// notShared.
    private func serve() throws {
        for connection in [asker, owner] {
            for frame in connection.inbox {
                guard let message = world.layouts.message(frame.type), frame.stream.isMultiple(of: 2) else { continue }
                let answer: FrameSpec?
                switch message.name {
                case "EXISTS":
                    answer = try FrameSpec("EXISTS_REPLY", stream: frame.stream, ["exists": .number(1)], world.layouts)
                case "GET"
                where PayloadDecoder.decode(frame.payload, as: message)?["path"] == .bytes(Array(Self.path.utf8)):
                    wanted = frame.stream
                    answer = nil
                case "CANCEL": answer = try error("cancelled", frame.stream)
                case "WAIT": answer = nil
                default: answer = message.isRequest ? try error("notShared", frame.stream) : nil
                }
                if let answer { connection.send(frame: try answer.encode(world.bindings)) }
            }
            connection.inbox.removeAll { $0.stream.isMultiple(of: 2) }
        }
    }

    private func error(_ code: String, _ stream: UInt32) throws -> FrameSpec {
        try FrameSpec(
            "ERROR", stream: stream, ["code": .string(code), "said_by": .string("owner")], world.layouts)
    }

    private func judge(_ duration: Duration, _ limit: Duration, _ what: String) throws {
        guard duration > limit else { return }
        throw StepFailure(
            expected: "\(what) within \(limit.text)", came: "it took \(duration.text)",
            connection: asker.name)
    }
}
