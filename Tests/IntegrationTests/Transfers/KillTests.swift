import Foundation
import Glibc
import PropertyTesting
import Testing

/// `BATON_KILL_MOMENTS` says at how many moments each of the processes is killed (50 if it is not set), `BATON_KILL_SEED` lets
/// them be drawn instead of taken from the plan. `make soak` sets both.
@Suite("A process that is killed at a chosen moment", .timeLimit(.patientMinutes(60)))
struct KillTests {
    @Test(
        "The destination was whole-old before, or is whole-new; it is exact after the process has come back and the get is repeated; what had come is not sent again",
        arguments: Kill.Process.allCases)
    func kill(_ victim: Kill.Process) async throws {
        let kills = try plan(victim)
        try await TestThreads.run {
            let bench = try await KillBench()
            await expectAll(kills, bench.run)
        }
    }

    @Test("The plan for fifty has at least ten moments between the first and the last chunk, and ten around publishing")
    func plan() {
        for victim in Kill.Process.allCases {
            let kills = Kill.plan(victim, 50)
            #expect(kills.count == 50)
            #expect(kills.filter(\.mustResume).count >= 10)
            #expect(kills.filter { [.publishing, .published].contains($0.moment.phase) }.count >= 10)
            for (moment, _) in Kill.Moment.all { #expect(kills.contains { $0.moment == moment }, "\(moment)") }
        }
    }

    private func plan(_ victim: Kill.Process) throws -> [Kill] {
        let environment = ProcessInfo.processInfo.environment
        let number = environment["BATON_KILL_MOMENTS"].flatMap { Int($0) } ?? 50
        guard let word = environment["BATON_KILL_SEED"] else { return Kill.plan(victim, number) }
        let seed = try #require(UInt64(word), "BATON_KILL_SEED is no number")
        print("the moments at which the \(victim) is killed are drawn with BATON_KILL_SEED=\(seed)")
        var generator = SeededGenerator(seed: seed)
        return Kill.plan(victim, number, random: &generator)
    }
}

/// Two roots that live through many kills. The processes are new for each.
private struct KillBench {
    private let folder: TemporaryFolder
    private let certificates: Certificates
    private let trainer: String
    private let deploy: String

    private static let reference = "lit://trainer@outputs/tree"

    init() async throws {
        folder = try TemporaryFolder()
        certificates = try await .shared()
        trainer = folder.path("trainer")
        deploy = folder.path("deploy")
        try FileManager.default.createDirectory(atPath: trainer, withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: deploy, withIntermediateDirectories: true)
        try await shell(MixedTree.script, in: trainer)
        for old in MixedTree.Old.allCases {
            try await shell("mkdir old; set old/\(old.rawValue); \(old.script)", in: folder.path)
            try await shell("mv old old-\(old.rawValue)", in: folder.path)
        }
    }

    func run(_ kill: Kill) async throws {
        try await shell(
            "rm -rf copy; if test -e ../old-\(kill.old)/\(kill.old); then cp -a ../old-\(kill.old)/\(kill.old) copy; fi",
            in: deploy)
        // A process cannot kill another: where it is not the victim itself, it stops, and the test kills.
        let variable = kill.moment.of == kill.victim ? "BATON_KILL_AT" : "BATON_STOP_AT"
        let trap = [variable: "\(kill.moment.name):\(kill.count)"]
        var team = try await start { $0 == kill.moment.of ? trap : [:] }
        let get = try team.deploy.start(KillBench.arguments)
        let trapped = team.program(of: kill.moment.of)
        let wasReached = try await eventuallyTrapped(trapped, or: get)
        guard wasReached else { throw Failure("this moment never came\n\(try await get.output())") }

        if kill.moment.of != kill.victim { try await team.program(of: kill.victim).kill() }
        // Whatever else still runs must not make a difference now: END has not been sent, or everything is over.
        try await expect(kill.moment.phase == .published ? .new : .old, over: kill.old)
        trapped.send(SIGCONT)
        try await restart(kill.victim, &team)
        // It ends with its receiver, or else goes on as soon as the other two are back.
        let first = try await get.output(within: .seconds(60))
        guard [0, 69, 75].contains(first.status) else { throw Failure("the get that was interrupted: \(first)") }
        try await expect(first.status == 0 || kill.moment.phase == .published ? .new : .old, over: kill.old)

        try await reconnected(team)
        let second = try await team.deploy.start(KillBench.arguments).output(within: .seconds(60))
        guard second.status == 0 else { throw Failure("the repeated get: \(second)\n\(team.deploy.log)") }
        try await expect(.new, over: kill.old)
        let left = try await leftovers(in: team.deploy)
        guard left.isEmpty else { throw Failure("left behind: \(left)") }
        guard kill.mustResume else { return }
        let resumed = try (first.status == 0 ? first : second).json()["resumed_bytes"] as? Int ?? 0
        guard resumed > 0 else { throw Failure("nothing was resumed\nfirst: \(first)\nsecond: \(second)") }
    }

    private static let arguments = ["get", "--overwrite", "--json", reference, "copy"]

    // MARK: Processes

    private struct Team {
        var relay: Relay
        var trainer: Agent
        var deploy: Agent

        func program(of process: Kill.Process) -> Program {
            switch process {
            case .relay: relay.program
            case .origin: trainer.program
            case .receiver: deploy.program
            }
        }
    }

    private func start(_ environment: (Kill.Process) -> [String: String]) async throws -> Team {
        let relay = try await Relay(in: folder, certificates: certificates.relay, environment: environment(.relay))
        let team = Team(
            relay: relay, trainer: try startTrainer(relay, environment(.origin)),
            deploy: try startDeploy(relay, environment(.receiver)))
        try await team.trainer.ready()
        try await team.deploy.ready()
        return team
    }

    private func startTrainer(_ relay: Relay, _ environment: [String: String] = [:]) throws -> Agent {
        try Agent(
            "trainer", root: trainer, relay: relay.address, certificates: certificates.work("trainer"),
            flags: ["--share", "outputs"], environment: environment)
    }

    private func startDeploy(_ relay: Relay, _ environment: [String: String] = [:]) throws -> Agent {
        try Agent(
            "deploy", root: deploy, relay: relay.address, certificates: certificates.work("deploy"),
            environment: environment)
    }

    private func restart(_ victim: Kill.Process, _ team: inout Team) async throws {
        switch victim {
        case .relay:
            team.relay = try await Relay(
                in: folder, certificates: certificates.relay, listen: team.relay.address)
        case .origin:
            team.trainer = try startTrainer(team.relay)
            try await team.trainer.ready()
        case .receiver:
            team.deploy = try startDeploy(team.relay)
            try await team.deploy.ready()
        }
    }

    /// Both agents have found the relay again.
    private func reconnected(_ team: Team) async throws {
        try await eventually("the agents at the relay", within: .seconds(30)) {
            try await team.deploy.baton("exists", KillBench.reference).status == 0
        } otherwise: {
            team.deploy.log
        }
    }

    /// - Returns: false if the get ended without that moment.
    private func eventuallyTrapped(_ program: Program, or get: Program) async throws -> Bool {
        var isTrapped = false
        var end: ContinuousClock.Instant?
        try await eventually("the moment", within: .seconds(60)) {
            isTrapped = !program.isRunning || program.isStopped
            // The get may notice that its agent dies before that is quite dead.
            if end == nil, !get.isRunning { end = .now + .seconds(2) }
            return isTrapped || end.map { .now > $0 } ?? false
        } otherwise: {
            get.stderr
        }
        return isTrapped
    }

    // MARK: The destination

    private enum Content { case old, new }

    private func expect(_ content: Content, over old: MixedTree.Old) async throws {
        let copy = deploy + "/copy"
        if content == .old, old == .nothing {
            var status = stat()
            guard lstat(copy, &status) != 0 else { throw Failure("there is something where nothing was") }
            return
        }
        let expected = content == .new ? trainer + "/outputs/tree" : folder.path("old-\(old)/\(old)")
        let difference = try await difference(expected, copy)
        guard difference.isEmpty else { throw Failure("the destination is not whole-\(content):\n\(difference)") }
    }
}
