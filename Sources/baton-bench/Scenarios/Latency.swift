import BatonClient
import BatonProtocol
import Foundation

/// `exists` over kept connections, and the yardstick's echo, in turns within the same period: first while nothing else runs, then
/// while a large get does. One connection is a work's own with the relay: hop for hop what the echo goes through. The other is a local
/// program's with the receiving agent, which adds a process to the way.
func measureLatency(on stage: Stage, loadSize: ByteCount) async throws -> Table {
    _ = try stage.makeFile("file", loadSize)
    try stage.warmUp(loadSize)
    let team = try await Team(on: stage)
    let echo = try await Yardstick(on: stage).startEcho()
    let client = try await AgentClient.connect(socket: team.command.socket)
    let session = try await KeptSession(relay: team.address, certificates: stage.certificates(of: stage.probe))
    let probes = Probes(
        session: session, client: client, reference: try Reference(team.command.reference("file")), echo: echo)

    _ = try await probes.sample(200)
    let idle = try await probes.sample(2000)

    let load = Load()
    let (command, sink) = (team.command, stage.sinkDirectory)
    let loaded = try await withThrowingTaskGroup(returning: Samples.self) { group in
        group.addTask { try await load.run(command, into: sink) }
        defer { group.cancelAll() }
        return try await probes.sample(2000, whileRunning: load)
    }
    await client.close()
    try await session.close()

    func row(_ name: String, _ samples: Samples, _ share: Double, atMost: Double? = nil) -> Table.Row {
        let (exists, echo) = (samples.exists.percentile(share), samples.echo.percentile(share))
        return Table.Row(
            name: name,
            values: [
                "exists": exists, "echo": echo, "ratio": exists / echo,
                "by the agent": samples.byAgent.percentile(share),
            ],
            aims: atMost.map { [Table.Aim(column: "ratio", atMost: $0)] } ?? [])
    }
    return Table(
        title: "Latency: µs per round trip, \(loaded.exists.count) of each",
        columns: ["exists", "echo", "ratio", "by the agent"],
        rows: [
            row("idle, median", idle, 0.5),
            row("idle, p99", idle, 0.99),
            row("during a get, median", loaded, 0.5, atMost: 3),
            row("during a get, p99", loaded, 0.99),
        ])
}

private struct Samples {
    var exists: [Double] = []
    var byAgent: [Double] = []
    var echo: [Double] = []
}

/// The things that are timed, a few of one, then a few of the next.
private struct Probes {
    let session: KeptSession
    let client: AgentClient
    let reference: Reference
    let echo: EchoClient

    private static let batch = 10

    /// - Parameter load: batches during which it paused do not count.
    func sample(_ count: Int, whileRunning load: Load? = nil, within limit: Duration = .seconds(180)) async throws
        -> Samples
    {
        let end = ContinuousClock.now + limit
        var samples = Samples()
        while samples.exists.count < count {
            guard ContinuousClock.now < end else {
                throw BenchError("only \(samples.exists.count) of \(count) round trips in \(limit)")
            }
            try Task.checkCancellation()
            let before = load?.generation
            let echoes = try await echo.roundTrips(Probes.batch)
            let answers = try await session.timeExists(reference, Probes.batch)
            let byAgent = try await withTaskExecutorPreference(client.executor) {
                try await time(Probes.batch) { try await client.exists(reference, within: .seconds(10)).exists }
            }
            guard let load else {
                samples.add(echoes, answers, byAgent)
                continue
            }
            if let failure = load.failure { throw failure }
            if load.isUnderWay, before == load.generation {
                samples.add(echoes, answers, byAgent)
            } else {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        return samples
    }

    /// Each question waits for the answer to the one before, on the connection's own thread, as the echo's client does.
    private func time(_ count: Int, _ exists: () async throws -> Bool) async throws -> [Double] {
        let clock = ContinuousClock()
        var samples: [Double] = []
        for _ in 0..<count {
            let start = clock.now
            let isThere = try await exists()
            samples.append((clock.now - start).seconds * 1e6)
            guard isThere else { throw BenchError("\(reference) does not exist, says the origin") }
        }
        return samples
    }
}

extension Samples {
    fileprivate mutating func add(_ echoes: [Double], _ answers: [Double], _ byAgent: [Double]) {
        echo += echoes
        self.byAgent += byAgent
        exists += answers
    }
}
