import Foundation

/// Parts of the test app (`Tests/TestApp`) as processes, beside a cluster.
struct TestApp {
    let cluster: Cluster
    /// The executable: the one that was built, or a copy.
    let executable: String
    /// Where its parts make what they need for a while.
    let temporary: String

    init(_ cluster: Cluster, executable: String? = nil) throws {
        self.cluster = cluster
        self.executable = try executable ?? Program.ours("baton-test-app")
        temporary = cluster.folder.path("tmp")
        try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: true)
    }

    /// A part that runs.
    struct Part: Sendable {
        let program: Program
        /// Of the work; of a flow, of nothing.
        let root: String

        /// The lines that its work has noted.
        var log: [String] {
            let data = FileManager.default.contents(atPath: root + "/outputs/log") ?? Data()
            return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
        }

        /// Waits for a line in its log.
        func says(_ line: String, within limit: Duration = .seconds(20)) async throws {
            try await eventually("'\(line)' in the log of \(root)", within: limit) {
                log.contains(line)
            } otherwise: {
                "\(log)\n\(program.stdout)\n\(program.stderr)"
            }
        }

        /// What waits for it may go on.
        func go() throws {
            guard FileManager.default.createFile(atPath: root + "/go", contents: nil) else {
                throw Failure("no file can be made in \(root)")
            }
        }

        /// Waits until the work can be called.
        func ready(within limit: Duration = .seconds(20)) async throws {
            _ = try await readyLine(of: program, within: limit) { program.stderr }
        }
    }

    func root(of work: String) -> String { cluster.folder.path("app/\(work)") }

    /// `work NAME`, with an agent of its own.
    func work(
        _ name: String, certificates: String? = nil, root: String? = nil, environment: [String: String] = [:],
        relay: String? = nil
    ) throws -> Part {
        let root = root ?? self.root(of: name)
        return try start(
            [
                "work", name, "--relay", relay ?? cluster.relay.address, "--root", root, "--certs",
                certificates ?? cluster.certificates.work(name),
            ], root, environment)
    }

    /// `work NAME`, with the agent of its machine.
    func work(_ name: String, at agent: Agent) throws -> Part {
        try start(["work", name], agent.root, ["BATON_SOCKET": agent.socket])
    }

    /// `flow`, which does what it is told.
    func flow(_ script: String, relay: String? = nil, as name: String = "flow") throws -> Part {
        try start(
            [
                "flow", "--relay", relay ?? cluster.relay.address, "--certs", cluster.certificates.work(name),
            ], "", ["TEST_FLOW": script])
    }

    /// `run`, which has the works `left`, `right` and `other` below this root.
    func run(_ script: String, root: String) throws -> Part {
        try start(["run", "--root", root], root + "/left", ["TEST_FLOW": script])
    }

    private func start(_ arguments: [String], _ root: String, _ environment: [String: String]) throws -> Part {
        let environment = environment.merging(["TMPDIR": temporary, "BATON_LOG_LEVEL": "info"]) { $1 }
        return Part(
            program: try Program([executable] + arguments, environment: environment, in: cluster.folder.path),
            root: root)
    }
}
