import Foundation
import Glibc
import PropertyTesting
import Testing

/// When the relay is killed while it keeps the mixed tree; see `Moment` in BatonProtocol.
struct PersistKill: Sendable, CustomStringConvertible {
    let moment: String
    /// It is when the moment comes for this time.
    let count: Int

    var description: String { "relay killed at \(moment):\(count)" }

    /// Nothing of the new generation can answer yet.
    var isBefore: Bool { !PersistKill.published.contains(moment) }

    /// How often each comes at least while all of the tree comes.
    static let receiving: [(moment: String, times: Int)] = [
        ("stage-recorded", 1), ("stage-made", 1), ("entry-made", MixedTree.entriesBeforeTheLastFiles),
        ("chunk-written", MixedTree.chunksBeforeTheLastFiles), ("journal-flushed", 3),
    ]
    static let publishing = [
        "end-received", "before-manifest", "manifest-written", "before-exchange", "after-exchange", "before-generation",
        "after-generation", "before-generation-removal",
    ]
    private static let published: Set = ["after-generation", "before-generation-removal"]

    /// So many moments, the same each time: three in five while the tree comes, the others around publishing.
    static func plan(_ number: Int) -> [PersistKill] {
        let coming = number * 3 / 5
        let steps = (0..<coming).map { index in
            let (moment, times) = receiving[index % receiving.count]
            return PersistKill(moment: moment, count: max(1, index * times / max(1, coming - 1)))
        }
        return steps + (coming..<number).map { PersistKill(moment: publishing[$0 % publishing.count], count: 1) }
    }

    /// So many, drawn from all.
    static func plan(_ number: Int, random: inout some RandomNumberGenerator) -> [PersistKill] {
        let all = receiving + publishing.map { ($0, 1) }
        return (0..<number).map { _ in
            let (moment, times) = all[Int.random(in: all.indices, using: &random)]
            return PersistKill(moment: moment, count: Int.random(in: 1...times, using: &random))
        }
    }
}

/// `BATON_KILL_MOMENTS` and `BATON_KILL_SEED` as with the kills of gets.
@Suite("A relay that is killed while it keeps what a work leaves behind", .timeLimit(.patientMinutes(60)))
struct PersistKillTests {
    /// Side by side, each with a relay and a store of its own: most of the time somebody waits to connect again.
    private static let shares = 3

    @Test(
        "After each restart what is stored is clean, the previous generation answers whole, and the agent, which reconnects, ends with a receipt that is true",
        arguments: 0..<shares
    )
    func kill(share: Int) async throws {
        let kills = try plan().enumerated().filter { $0.offset % PersistKillTests.shares == share }.map(\.element)
        try await TestThreads.run {
            let bench = try await PersistKillBench()
            await expectAll(kills, bench.run)
        }
    }

    @Test("The plan for fifty has at least ten moments around publishing, and each there is")
    func fifty() {
        let kills = PersistKill.plan(50)
        #expect(kills.count == 50)
        #expect(kills.filter { PersistKill.publishing.contains($0.moment) }.count >= 10)
        for moment in PersistKill.receiving.map(\.moment) + PersistKill.publishing {
            #expect(kills.contains { $0.moment == moment }, "\(moment)")
        }
    }

    private func plan() throws -> [PersistKill] {
        let environment = ProcessInfo.processInfo.environment
        let number = environment["BATON_KILL_MOMENTS"].flatMap { Int($0) } ?? 50
        guard let word = environment["BATON_KILL_SEED"] else { return PersistKill.plan(number) }
        let seed = try #require(UInt64(word), "BATON_KILL_SEED is no number")
        print("the moments at which the relay is killed during persists are drawn with BATON_KILL_SEED=\(seed)")
        var generator = SeededGenerator(seed: seed)
        return PersistKill.plan(number, random: &generator)
    }
}

/// One store and two agents that live through many ends of their relay.
private final class PersistKillBench {
    private let folder: TemporaryFolder
    private let certificates: Certificates
    private let trainer: Agent
    private let deploy: Agent
    private var relay: Relay
    private var changes = 0

    private static let reference = "lit://trainer@outputs"

    init() async throws {
        folder = try TemporaryFolder()
        certificates = try await .shared()
        relay = try await Relay(in: folder, certificates: certificates.relay)
        let root = folder.path("trainer")
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        try await shell(MixedTree.script, in: root)
        trainer = try Agent(
            "trainer", root: root, relay: relay.address, certificates: certificates.work("trainer"),
            flags: ["--share", "outputs"])
        deploy = try Agent(
            "deploy", root: folder.path("deploy"), relay: relay.address, certificates: certificates.work("deploy"))
        try await trainer.ready()
        try await deploy.ready()
        // As many as are kept: each further one displaces another.
        for _ in 1...3 {
            try await change()
            try await trainer.persist()
        }
        try await keepCopy()
    }

    func run(_ kill: PersistKill) async throws {
        let before = try await newest(seenBy: deploy)
        try await change()
        try await startRelay(["BATON_KILL_AT": "\(kill.moment):\(kill.count)"])
        try await reconnected(trainer)
        let persist = try trainer.start(["persist", "--json"])
        try await eventually("the moment", within: .seconds(60)) {
            guard persist.isRunning || !relay.program.isRunning else {
                throw Failure("this moment never came\n\(try await persist.output())")
            }
            return !relay.program.isRunning
        } otherwise: {
            persist.stderr
        }

        try await look { witness in
            let now = try await newest(seenBy: witness)
            guard now == before || (!kill.isBefore && now == before + 1) else {
                throw Failure("generation \(before) was the newest, and now \(now) is")
            }
            try await expectStored(
                now == before ? folder.path("previous") : trainer.root + "/outputs", seenBy: witness)
        }
        try await startRelay()
        try await reconnected(trainer)
        try await trainer.artifacts("verify")

        let output = try await persist.output(within: .seconds(60))
        guard output.status == 0, let receipt = try output.persisted().first else {
            throw Failure("the persist: \(output)\n\(trainer.log.suffix(2000))")
        }
        let stored = try await trainer.artifacts("verify")
        guard let last = stored.last, last.generation == receipt.generation, last.newest,
            receipt.generation == before + 1, last.digest == receipt.digest
        else { throw Failure("the receipt says \(receipt), the store \(stored)") }
        let live = try await deploy.baton("stat", "--digest", "--json", PersistKillBench.reference).json()
        guard live["digest"] as? String == receipt.digest, live["source"] as? String == "live" else {
            throw Failure("the receipt says \(receipt), the work \(live)")
        }
        try await expectStored(trainer.root + "/outputs", seenBy: deploy)
        try await keepCopy()
    }

    // MARK: Steps

    /// Every file and directory is another one afterwards, so that all of it has to come.
    private func change() async throws {
        changes += 1
        try await shell(
            "find outputs -exec touch -h -d @\(1_600_000_000 + changes).5 {} +; echo \(changes) > outputs/tree/small-4/file-11",
            in: trainer.root)
    }

    private func keepCopy() async throws {
        try await shell("rm -rf previous; cp -a trainer/outputs previous", in: folder.path)
    }

    private func startRelay(_ environment: [String: String] = [:]) async throws {
        if relay.program.isRunning { try await relay.program.kill() }
        relay = try await Relay(
            in: folder, certificates: certificates.relay, listen: relay.address, environment: environment)
        try await reconnected(deploy)
    }

    private func reconnected(_ agent: Agent) async throws {
        try await eventually("an agent at the relay", within: .seconds(30)) {
            try await agent.baton("ping").status == 0
        } otherwise: {
            agent.log
        }
    }

    /// What the killed relay has left is looked at through another one, at an address where the agent that persists does not
    /// find it. (An agent that were stopped instead would be taken for dead by its `baton` after a while.)
    private func look(_ body: (Agent) async throws -> Void) async throws {
        let stand = try await Relay(in: folder, certificates: certificates.relay)
        let witness = try Agent(
            "witness", root: folder.path("witness"), relay: stand.address, certificates: certificates.work("third"))
        try await witness.ready()
        try await body(witness)
        try await witness.program.kill()
        try await stand.program.kill()
    }

    private func newest(seenBy agent: Agent) async throws -> Int {
        let items = try await agent.artifacts("ls", PersistKillBench.reference)
        guard let last = items.last, last.newest, !items.contains(where: \.damaged) else {
            throw Failure("there is stored: \(items)\n\(relay.log.suffix(2000))")
        }
        return last.generation
    }

    private func expectStored(_ source: String, seenBy agent: Agent) async throws {
        let get = try await agent.baton("get", "--stored", "--overwrite", PersistKillBench.reference, "copy")
        guard get.status == 0 else { throw Failure("\(get)\n\(relay.log.suffix(2000))") }
        let difference = try await difference(source, agent.root + "/copy")
        guard difference.isEmpty else { throw Failure("what is stored is not whole:\n\(difference)") }
    }
}
