internal import Glibc

/// `start`: the tested program with these further arguments.
struct StartStep: Step {
    private let arguments: [String]
    private let root: String?

    init(from keys: inout Keys) throws {
        arguments = try keys.strings("start") ?? []
        root = keys.tested == .agent ? try keys.stringIfThere("root") : nil
    }

    func run(in world: World) throws { try world.counterpart.start(arguments, root: root, in: world) }
}

/// `signal`: to the tested program.
struct SignalStep: Step {
    private let number: Int32

    private static let numbers = [
        "TERM": SIGTERM, "INT": SIGINT, "KILL": SIGKILL, "HUP": SIGHUP, "STOP": SIGSTOP, "CONT": SIGCONT,
        "USR1": SIGUSR1,
    ]

    init(from keys: inout Keys) throws {
        let name = try keys.string("signal")
        guard let number = Self.numbers[name] else {
            throw CaseError("\"signal\" takes \(Self.numbers.keys.sorted().joined(separator: ", "))")
        }
        self.number = number
    }

    func run(in world: World) throws {
        guard let program = world.counterpart.program else { throw CaseError("nothing was started") }
        program.send(number)
    }
}

/// `exited`: the tested program has ended.
struct ExitedStep: Step {
    private let status: Int32
    private let within: Duration

    init(from keys: inout Keys) throws {
        status = Int32(try keys.number("exited", in: 0...255))
        within = try keys.milliseconds("within_ms") ?? .seconds(5)
    }

    func run(in world: World) throws {
        guard let program = world.counterpart.program else { throw CaseError("nothing was started") }
        guard try world.wait(atMost: within, poll: .milliseconds(5), for: { program.hasEnded != nil }) else {
            throw StepFailure(expected: "the end of the program within \(within.text)", came: "it runs")
        }
        world.hasSeenExit = true
        guard program.exitStatus == status else {
            throw StepFailure(
                expected: "the exit status \(status)", came: "\(program.exitStatus ?? -1): \(program.lastWords)")
        }
    }
}

/// `no_connection`: the agent does not dial.
struct NoConnectionStep: Step {
    private let duration: Duration

    init(from keys: inout Keys) throws {
        guard try keys.flag("no_connection") else { throw CaseError("\"no_connection\" takes true") }
        guard let duration = try keys.milliseconds("for_ms") else { throw CaseError("\"for_ms\" is missing") }
        self.duration = duration
    }

    func run(in world: World) throws {
        for connection in world.arrivals where connection.isFinished { world.drop(connection) }
        world.arrivals.removeAll { $0.isFinished }
        guard try !world.wait(until: .now + duration, for: { !world.arrivals.isEmpty }) else {
            throw StepFailure(expected: "no connection", came: "the agent dialled")
        }
    }
}
