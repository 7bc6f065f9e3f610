import Foundation

/// Baton's three daemons, connected and serving: a relay, the agent that shares `data`, the agent that gets it.
struct Team {
    let relay: ProcessUsage
    let originAgent: ProcessUsage
    let receivingAgent: ProcessUsage
    /// Where the relay listens.
    let address: String
    /// The command of the receiving side.
    let command: BatonCommand

    init(on stage: Stage) async throws {
        let relay = try stage.start(
            "baton-relay", stage.installation.program("baton-relay"),
            [
                "--listen", "127.0.0.1:0", "--certs", stage.certificates(of: stage.relay),
                "--store", stage.directory.appending(path: "store").path,
            ])
        let address = try await relay.ready()
        self.address = address
        let agent = try stage.installation.program("baton-agent")
        func startAgent(_ work: String, _ more: [String]) throws -> Child {
            let root = stage.directory.appending(path: work)
            try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
            return try stage.start(
                "agent-of-\(work)", agent,
                ["--relay", address, "--certs", stage.certificates(of: work), "--root", root.path] + more)
        }
        let origin = try startAgent(stage.origin, ["--share", "data"])
        let receiver = try startAgent(stage.receiver, [])
        _ = try await origin.ready()
        let socket = try await receiver.ready()

        self.relay = ProcessUsage(processIdentifier: relay.processIdentifier)
        originAgent = ProcessUsage(processIdentifier: origin.processIdentifier)
        receivingAgent = ProcessUsage(processIdentifier: receiver.processIdentifier)
        command = BatonCommand(
            executable: try stage.installation.program("baton"), socket: socket, origin: stage.origin,
            logs: stage.directory.appending(path: "logs"))
    }

    /// CPU seconds so far of the relay, the origin's agent and the receiver's.
    func cpuSeconds() throws -> PerProcess {
        PerProcess(
            source: try originAgent.cpuSeconds(), relay: try relay.cpuSeconds(), sink: try receivingAgent.cpuSeconds())
    }
}

/// One figure for each of the three processes that a relayed transfer has, Baton's or the yardstick's.
struct PerProcess {
    var source: Double
    var relay: Double
    var sink: Double

    var sum: Double { source + relay + sink }

    static func - (left: Self, right: Self) -> Self {
        PerProcess(source: left.source - right.source, relay: left.relay - right.relay, sink: left.sink - right.sink)
    }

    static func / (figure: Self, divisor: Double) -> Self {
        PerProcess(source: figure.source / divisor, relay: figure.relay / divisor, sink: figure.sink / divisor)
    }
}

/// `baton get` through the receiving agent.
struct BatonCommand: Sendable {
    let executable: URL
    let socket: String
    let origin: String
    let logs: URL

    /// Gets `data/NAME` of the origin and returns how long the command took.
    @discardableResult
    func get(_ name: String, to destination: URL, within limit: Duration = .seconds(600)) async throws -> Duration {
        let clock = ContinuousClock()
        let start = clock.now
        let child = try Child(
            "baton-get", executable,
            ["--socket", socket, "get", reference(name), destination.path, "--overwrite", "--quiet"], outputIn: logs)
        try await child.finish(within: limit)
        return clock.now - start
    }

    func reference(_ name: String) -> String { "lit://\(origin)@data/\(name)" }
}
