import Baton
import BatonProtocol
import Foundation
import Synchronization

/// `exists` over a kept connection to the receiving agent, and the yardstick's echo, in turns within the same period:
/// first while nothing else runs, then while a large get does.
func measureLatency(on stage: Stage, loadSize: ByteCount) async throws -> Table {
    _ = try stage.makeFile("file", loadSize)
    try stage.warmUp(loadSize)
    let team = try await Team(on: stage)
    let echo = try await Yardstick(on: stage).startEcho()
    let client = try await AgentClient.connect(socket: team.command.socket)
    let probes = Probes(client: client, reference: try Reference(team.command.reference("file")), echo: echo)

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

    func row(_ name: String, _ samples: Samples, _ share: Double, atMost: Double? = nil) -> Table.Row {
        let (exists, echo) = (samples.exists.percentile(share), samples.echo.percentile(share))
        return Table.Row(
            name: name, values: ["exists": exists, "echo": echo, "ratio": exists / echo],
            aim: atMost.map { Table.Aim(column: "ratio", atMost: $0) })
    }
    return Table(
        title: "Latency: µs per round trip, \(loaded.exists.count) of each", columns: ["exists", "echo", "ratio"],
        rows: [
            row("idle, median", idle, 0.5),
            row("idle, p99", idle, 0.99),
            row("during a get, median", loaded, 0.5, atMost: 3),
            row("during a get, p99", loaded, 0.99),
        ])
}

private struct Samples {
    var exists: [Double] = []
    var echo: [Double] = []
}

/// The two things that are timed, a few of one, then a few of the other.
private struct Probes {
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
            let answers = try await existsRoundTrips(Probes.batch)
            guard let load else {
                samples.add(echoes, answers)
                continue
            }
            if let failure = load.failure { throw failure }
            if load.isUnderWay, before == load.generation {
                samples.add(echoes, answers)
            } else {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        return samples
    }

    private func existsRoundTrips(_ count: Int) async throws -> [Double] {
        let clock = ContinuousClock()
        var samples: [Double] = []
        for _ in 0..<count {
            let start = clock.now
            let presence = try await client.exists(reference, within: .seconds(10))
            samples.append((clock.now - start).seconds * 1e6)
            guard presence.exists else { throw BenchError("\(reference) does not exist, says the origin") }
        }
        return samples
    }
}

extension Samples {
    fileprivate mutating func add(_ echoes: [Double], _ answers: [Double]) {
        echo += echoes
        exists += answers
    }
}

/// One get after the other, until it is cancelled.
private final class Load: Sendable {
    private struct State {
        /// Counts the gets that have begun and those that have ended.
        var generation = 0
        var started: ContinuousClock.Instant?
        var failure: (any Error)?
    }

    private let state = Mutex(State())

    var generation: Int { state.withLock { $0.generation } }
    var failure: (any Error)? { state.withLock { $0.failure } }

    /// A get has been running long enough for data to flow.
    var isUnderWay: Bool {
        state.withLock { $0.started.map { ContinuousClock.now - $0 > .milliseconds(100) } ?? false }
    }

    func run(_ command: BatonCommand, into sink: URL) async throws {
        do {
            while !Task.isCancelled {
                change { $0.started = .now }
                try await command.get("file", to: sink.appending(path: "copy"))
                change { $0.started = nil }
            }
        } catch is CancellationError {
        } catch {
            state.withLock { $0.failure = error }
            throw error
        }
    }

    private func change(_ body: (inout State) -> Void) {
        state.withLock {
            $0.generation += 1
            body(&$0)
        }
    }
}
