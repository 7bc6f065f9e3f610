import BatonProtocol
import Foundation

/// `exists` over a kept connection while a hostile peer floods the relay: each case of the corpus's floods, begun anew as soon as the
/// relay has ended it, beside a time without one just before it. And how long another agent takes to connect meanwhile, and what the
/// flood costs the relay.
func measureFloods(on stage: Stage, seconds: Int) async throws -> Table {
    _ = try stage.makeFile("file", ByteCount(1 << 20))
    let team = try await Team(on: stage)
    let attacker = try await Attacker(on: stage, relay: team.address)
    let session = try await KeptSession(relay: team.address, certificates: stage.certificates(of: stage.probe))
    let reference = try Reference(team.command.reference("file"))

    func sample(for time: Duration) async throws -> (exists: [Double], memory: Double) {
        let end = ContinuousClock.now + time
        var (samples, memory): ([Double], Double) = ([], 0)
        while ContinuousClock.now < end {
            samples += try await session.timeExists(reference, 10)
            memory = max(memory, try team.relay.anonymousMiB())
            // A session that asks now and then, not one that takes what processor there is.
            try await Task.sleep(for: .milliseconds(5))
        }
        return (samples, memory)
    }

    let time = Duration.seconds(seconds)
    _ = try await sample(for: .seconds(1))
    var rows: [Table.Row] = []
    // A handshake that waits takes 60 KB by itself, and the next thousand begins while the last one ends.
    let halfOpen = try await attacker.names("half-open handshakes")
    for flood in try await attacker.names("floods.json") + halfOpen {
        note("floods: \(flood)")
        let quiet = try await sample(for: time)
        let (cpu, start) = (try team.relay.cpuSeconds(), ContinuousClock.now)
        let child = try attacker.start(flood, seconds: seconds + 1)
        let flooded = try await sample(for: time)
        let spent = (try team.relay.cpuSeconds() - cpu) / (ContinuousClock.now - start).seconds
        let connecting = ContinuousClock.now
        let newcomer = try await KeptSession(
            relay: team.address, certificates: stage.certificates(of: attacker.newcomer))
        let connected = (ContinuousClock.now - connecting).seconds * 1e6
        try await newcomer.close()
        // Whether it ends as the specification demands is not asked here: these processes share the machine.
        let status = try await child.end(within: .seconds(120))
        if status == 1 << 8 { note("floods: \(child.said)") } else if status != 0 { throw child.failure() }
        let (before, during) = (quiet.exists.percentile(0.99), flooded.exists.percentile(0.99))
        rows.append(
            Table.Row(
                name: flood,
                values: [
                    "p99 without": before, "p99": during, "ratio": during / before, "connect": connected,
                    "relay CPU": spent, "relay MiB": flooded.memory - quiet.memory,
                ],
                aims: [
                    Table.Aim(column: "ratio", atMost: 5), Table.Aim(column: "relay CPU", atMost: 1.5),
                    Table.Aim(column: "relay MiB", atMost: halfOpen.contains(flood) ? 128 : 16),
                ]))
    }
    try await session.close()
    return Table(
        title: """
            Floods: exists beside each, µs; another agent that connects, µs; CPU seconds per second of the relay, and its growth in \
            MiB
            """,
        columns: ["p99 without", "p99", "ratio", "connect", "relay CPU", "relay MiB"], rows: rows)
}

/// `baton-conformance`, which plays the hostile peer.
private struct Attacker {
    private let stage: Stage
    private let relay: String
    private let program: URL
    private let corpus: URL

    init(on stage: Stage, relay: String) async throws {
        self.stage = stage
        self.relay = relay
        program = try stage.installation.program("baton-conformance")
        corpus = stage.installation.specification
        for work in ["alpha", "beta", newcomer] { try await stage.makeWork(work, app: "conformance") }
    }

    /// A work that no case speaks for.
    let newcomer = "newcomer"

    private struct Listed: Decodable {
        let name: String
    }

    /// The names of the cases of this file, or with this in their name.
    func names(_ filter: String) async throws -> [String] {
        let decoder = JSONDecoder()
        let lines = try await stage.output(
            "list-floods", program, options + ["--list", "--json", "--filter", filter], within: .seconds(30))
        return try lines.split(separator: "\n").map { try decoder.decode(Listed.self, from: Data($0.utf8)).name }
    }

    func start(_ flood: String, seconds: Int) throws -> Child {
        // It would have a machine of its own: here it leaves the processors to those it attacks, and takes what is left.
        try stage.start(
            "flood", URL(filePath: "/usr/bin/nice"),
            ["-n", "10", program.path] + options + ["--filter", flood, "--for", "\(seconds)", "--alone"])
    }

    private var options: [String] {
        [
            "--relay", relay, "--certs", stage.certificates, "--cases", corpus.appending(path: "hostile").path,
            "--vectors", corpus.appending(path: "vectors").path,
        ]
    }
}
