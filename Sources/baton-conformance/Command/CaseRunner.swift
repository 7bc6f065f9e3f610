internal import Foundation
internal import Glibc

/// Runs cases, one after another.
final class CaseRunner {
    private let layouts: Layouts
    private let certificates: String
    private let counterpart: Counterpart
    /// Somebody else watches what is tested.
    private let isAlone: Bool
    private let patience: Int

    init(_ layouts: Layouts, certificates: String, counterpart: Counterpart, isAlone: Bool, patience: Int) {
        self.isAlone = isAlone
        self.patience = patience
        self.layouts = layouts
        self.certificates = certificates
        self.counterpart = counterpart
    }

    /// Whether files do not keep this process out by their modes, nor those that it starts: CAP_DAC_OVERRIDE (capabilities(7)).
    private static let overridesModes: Bool = {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
        let effective = line.flatMap { UInt64($0.dropFirst("CapEff:".count).drop { $0 == "\t" }, radix: 16) } ?? 0
        return effective & 1 << 1 != 0
    }()

    /// Whether a work can begin a session with the relay at all; why not.
    func greeting() throws -> Failure? {
        try AfterCase(World(layouts, certificates: certificates, counterpart: counterpart)).relay()
    }

    /// - Throws: ``CaseError`` for a case that cannot be run as it is written.
    func run(_ tested: Case) throws -> Outcome {
        guard !tested.needsProcess || counterpart.hasProcess else {
            return Outcome(tested: tested, verdict: .notRun("it needs a process"), duration: .zero)
        }
        guard !tested.needsUser || !CaseRunner.overridesModes else {
            return Outcome(tested: tested, verdict: .notRun("it needs a user other than root"), duration: .zero)
        }
        guard !tested.needsQuiet || patience == 1 else {
            return Outcome(tested: tested, verdict: .notRun("it needs a machine that is not busy"), duration: .zero)
        }
        let begin = ContinuousClock.now
        var latencies: Latencies?
        let world = World(layouts, certificates: certificates, counterpart: counterpart)
        var failure: Failure?
        do {
            defer {
                counterpart.conclude()
                world.finish()
            }
            failure = try run(tested, in: world, &latencies)
            if failure == nil, counterpart.side == .agent, !tested.isVector { failure = try AfterCase(world).agent() }
            if failure == nil, tested.isVector { failure = AfterCase(world).process() }
        } catch let error as CaseError {
            throw error.at("\"\(tested.name)\"").at(tested.file)
        }
        if failure == nil, !isAlone, counterpart.side == .relay, tested.beside == nil, !tested.isVector,
            !world.hasSeenExit
        {
            failure = try AfterCase(World(layouts, certificates: certificates, counterpart: counterpart)).relay()
        }
        return Outcome(
            tested: tested, verdict: failure.map { .failed($0) } ?? .passed, duration: .now - begin, beside: latencies)
    }

    private func run(_ tested: Case, in world: World, _ latencies: inout Latencies?) throws -> Failure? {
        let beside: Beside?
        do {
            try counterpart.prepare(tested, in: world)
            beside = try (isAlone ? nil : tested.beside).map {
                try Beside($0.exists * patience, relay: counterpart.relay, certificates, layouts)
            }
            try beside?.awaitStart(in: world)
        } catch let failure as StepFailure {
            return world.describe(failure, step: nil, text: "before the first step")
        }
        // Also if a step throws, the thread has ended before the next case begins.
        defer { beside?.stop() }
        if let failure = try steps(tested, in: world) { return failure }
        guard let beside else { return nil }
        let outcome = beside.stop()
        latencies = outcome.latencies
        return outcome.failure
    }

    private func steps(_ tested: Case, in world: World) throws -> Failure? {
        let expansion = Expansion(root: counterpart.root, run: Expansion.letters())
        world.startArguments = try tested.arguments(expansion)
        world.patience = patience
        world.deadline = .now + tested.within * patience
        for (index, line) in try tested.steps(expansion).enumerated() {
            do {
                try line.step.run(in: world)
            } catch let failure as StepFailure {
                return world.describe(failure, step: index + 1, text: line.text)
            } catch let error as CaseError {
                throw error.at("step \(index + 1), \(line.text.prefix(300))")
            }
        }
        return nil
    }
}

/// Whether what is tested still answers when a case is over.
struct AfterCase {
    private let world: World

    init(_ world: World) {
        self.world = world
        world.deadline = .now + .seconds(40)
    }

    /// A relay, on a new session.
    func relay() throws -> Failure? {
        defer { world.finish() }
        return try judge {
            try run(["session": .string("after"), "work": .string("delta")], of: .relay)
            try echo(on: "after", stream: 1, of: .relay)
        }
    }

    /// An agent, on the session that it has, or on a new one.
    func agent() throws -> Failure? {
        guard let program = world.counterpart.program, !world.hasSeenExit else { return nil }
        if program.signalled != nil { return nil }
        // It was told not to come back, or has never had a session with this relay: it may have given up, but not crashed.
        let forbidden = world.all.contains { $0.ledger.forbidsReturn }
        let hasBegun = world.all.contains { $0.isAcceptor && $0.ledger.hasBegun }
        let hasCrashed = program.exitStatus ?? 0 >= 128
        if forbidden, !hasCrashed { return nil }
        if !hasBegun, program.hasEnded != nil, !hasCrashed { return nil }
        return try judge {
            if let (name, session) = world.connections.first(where: { $0.value.isSession }) {
                session.isDeaf = false
                session.isMute = false
                let next = session.ledger.highestStream &+ 2
                guard next > session.ledger.highestStream, next - next % 2 != 0 else {
                    return try world.ping(session, within: .seconds(10))
                }
                return try echo(on: name, stream: next - next % 2, of: .agent)
            }
            try run(["session": .string("after the last step")], of: .agent)
            try echo(on: "after the last step", stream: 2, of: .agent)
        }
    }

    /// Whether the process has ended, which it may not by a frame.
    func process() -> Failure? {
        guard let program = world.counterpart.program, let status = program.exitStatus else { return nil }
        return Failure(
            text: "after the last step", sent: [], expected: "that the program runs",
            came: "it has ended with status \(status): \(program.lastWords)")
    }

    private func judge(_ body: () throws -> Void) throws -> Failure? {
        do {
            try body()
            return nil
        } catch let failure as StepFailure {
            var failure = failure
            if let status = world.counterpart.program?.exitStatus {
                let words = world.counterpart.program?.lastWords ?? ""
                failure.came += "; the tested program has ended with status \(status): \(words)"
            }
            return world.describe(failure, step: nil, text: "after the last step: does it still answer?")
        }
    }

    private func echo(on name: String, stream: UInt32, of tested: Case.Tested) throws {
        let number = JSON.number(Int128(stream))
        try run(["send": .string(name), "frame": .object(["type": .string("ECHO"), "stream": number])], of: tested)
        let connection = try world.connection(name)
        let isAnswer: (Frame) -> Bool = { [layouts = world.layouts] frame in
            frame.stream == stream && layouts.message(frame.type)?.name == "ECHO_REPLY"
        }
        _ = try world.wait(atMost: .seconds(10)) { connection.isFinished || connection.inbox.contains(where: isAnswer) }
        guard connection.inbox.contains(where: isAnswer) else {
            throw StepFailure(
                expected: "ECHO_REPLY",
                came: connection.end.map { "the connection \($0)" } ?? "none; \(world.text(connection.inbox))",
                connection: name)
        }
    }

    private func run(_ step: [String: JSON], of tested: Case.Tested) throws {
        try Verbs.read(.object(step), tested: tested, world.layouts).run(in: world)
    }
}

extension Connection {
    /// Of an agent, open in both directions.
    fileprivate var isSession: Bool {
        isAcceptor && kind == .control && ledger.isEstablished && isOpen && !hasFinished && !ledger.isLeaving
    }
}

extension World {
    func describe(_ failure: StepFailure, step: Int?, text: String) -> Failure {
        let connection = failure.connection.flatMap { connections[$0] }
        let frames = FrameText(layouts: layouts)
        let elsewhere: [String] = connections.values.filter { $0 !== connection }.compactMap { other in
            let end = other.end.map { ["it \($0)"] } ?? []
            let telling = other.inbox.filter { $0.type != layouts.types.ping && $0.type != layouts.types.pong }
            let words = telling.suffix(3).map { frames($0) } + end
            return words.isEmpty ? nil : "\(other.name): \(words.joined(separator: "; "))"
        }
        return Failure(
            step: step, text: text, connection: failure.connection,
            sent: connection?.sentLog.map { frames.sent($0) } ?? [], expected: failure.expected, came: failure.came,
            elsewhere: elsewhere.sorted())
    }
}
