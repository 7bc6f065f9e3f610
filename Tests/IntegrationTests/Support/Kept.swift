import Foundation

/// A generation as `baton artifacts` prints it.
struct Artifact: Decodable, Equatable {
    let path: String
    let origin: String
    let generation: Int
    let created: String
    let files: Int
    let bytes: Int
    let digest: String
    let pinned: Bool
    let damaged: Bool
    let newest: Bool
}

/// What became of a path, as `baton persist` prints it.
struct PersistedPath: Decodable, Equatable {
    let path: String
    let outcome: String
    let generation: Int
    let digest: String
    let files: Int
    let bytes: Int
    let sent: Int
}

extension Program.Output {
    /// The one JSON object on stdout.
    func json<Value: Decodable>(as type: Value.Type) throws -> Value {
        do { return try JSONDecoder().decode(type, from: Data(stdout.utf8)) } catch {
            throw Failure("\(error)\n\(self)")
        }
    }
}

extension Agent {
    /// `baton artifacts` in its root, with status 0.
    @discardableResult
    func artifacts(_ arguments: String...) async throws -> [Artifact] {
        struct Answer: Decodable { let artifacts: [Artifact] }
        let output = try await start(["artifacts"] + arguments + ["--json"]).output(within: .seconds(60))
        guard output.status == 0 else { throw Failure("artifacts \(arguments): \(output)") }
        return try output.json(as: Answer.self).artifacts
    }

    /// The numbers of what is stored of its work, or of a path.
    func generations(_ path: String...) async throws -> [Int] {
        struct Answer: Decodable { let artifacts: [Artifact] }
        let output = try await start(["artifacts", "ls", "--json"] + path).output(within: .seconds(60))
        // Nothing at all is stored of a path.
        if output.status == 66 { return [] }
        guard output.status == 0 else { throw Failure("artifacts ls \(path): \(output)") }
        return try output.json(as: Answer.self).artifacts.map(\.generation)
    }

    /// `baton persist` in its root, with status 0.
    @discardableResult
    func persist(_ paths: String...) async throws -> [PersistedPath] {
        let output = try await start(["persist", "--json"] + paths).output(within: .seconds(120))
        guard output.status == 0 else { throw Failure("persist \(paths): \(output)\n\(log)") }
        return try output.persisted()
    }

    /// Tells it to end, and waits until it has.
    func end(within limit: Duration = .seconds(60)) async throws -> CInt {
        program.send(SIGTERM)
        return try await program.status(within: limit)
    }
}

extension Program.Output {
    func persisted() throws -> [PersistedPath] {
        struct Answer: Decodable { let persisted: [PersistedPath] }
        return try json(as: Answer.self).persisted
    }
}

extension Cluster {
    /// Ends the relay as a crash would, and starts one at the same address with the same store.
    func restartRelay(flags: [String] = [], environment: [String: String] = [:]) async throws -> Relay {
        try await relay.program.kill()
        let again = try await Relay(
            in: folder, certificates: certificates.relay, listen: relay.address, flags: flags, environment: environment)
        try await reconnected(deploy)
        return again
    }

    /// Waits until an agent has found the relay again.
    func reconnected(_ agent: Agent) async throws {
        try await eventually("an agent at the relay", within: .seconds(30)) {
            try await agent.baton("ping").status == 0
        } otherwise: {
            agent.log
        }
    }

    /// Waits until a work has gone from the relay.
    func away(_ work: String) async throws {
        try await eventually("the end of a session") { try await deploy.baton("ping", work).status == 69 }
    }
}

/// Where the relay has put what it keeps.
struct StoreOnDisk {
    let path: String

    init(_ cluster: Cluster) { path = cluster.folder.path("store/artifacts") }

    /// Files of that name, as a person finds them.
    func files(named name: String) async throws -> [String] {
        try await shell("find . -type f -name '\(name)' | sort", in: path).split(separator: "\n").map {
            "\(path)/\($0.dropFirst(2))"
        }
    }
}
