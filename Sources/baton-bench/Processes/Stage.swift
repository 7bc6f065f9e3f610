import Foundation

/// A scratch directory with certificates for a relay and two works, and the programs started in it.
final class Stage {
    let installation: Installation
    let directory: URL
    private var children: [Child] = []

    /// The work that owns the files, the work that gets them, and who plays the relay: their certificate directories.
    let origin = "origin"
    let receiver = "receiver"
    /// A third work, that only asks.
    let probe = "probe"
    let relay = "relay"

    /// Runs `body` on a new stage; afterwards its processes have ended and its files are gone.
    static func with<Result>(
        _ installation: Installation, in parent: String?, _ body: (Stage) async throws -> Result
    ) async throws -> Result {
        let stage = try Stage(installation, in: parent)
        do {
            try await stage.makeCertificates()
            let result = try await body(stage)
            stage.tearDown()
            return result
        } catch {
            stage.tearDown()
            throw error
        }
    }

    private init(_ installation: Installation, in parent: String?) throws {
        self.installation = installation
        let parent = parent.map { URL(fileURLWithPath: $0) } ?? FileManager.default.temporaryDirectory
        directory = parent.appending(path: "baton-bench-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        for name in [dataDirectory, sinkDirectory, directory.appending(path: "logs")] {
            try FileManager.default.createDirectory(at: name, withIntermediateDirectories: true)
        }
    }

    private func tearDown() {
        children.forEach { $0.kill() }
        do {
            try FileManager.default.removeItem(at: directory)
        } catch {
            note("cannot remove \(directory.path): \(error.localizedDescription)")
        }
    }

    /// What the origin shares, as `data`.
    var dataDirectory: URL { directory.appending(path: "origin/data") }
    /// Where copies go, Baton's and all others'.
    var sinkDirectory: URL { directory.appending(path: "sink") }

    /// One directory for each name.
    var certificates: String { directory.appending(path: "certs").path }

    func certificates(of name: String) -> String { "\(certificates)/\(name)" }

    /// Starts a program that runs until the stage is torn down or ends by itself.
    func start(
        _ name: String, _ executable: URL, _ arguments: [String], input: Pipe? = nil, answers: Pipe? = nil
    ) throws -> Child {
        let child = try Child(
            name, executable, arguments, outputIn: directory.appending(path: "logs"), input: input, answers: answers)
        children.append(child)
        return child
    }

    /// Runs a program to its successful end and returns how long it took.
    func time(_ name: String, _ executable: URL, _ arguments: [String], within limit: Duration) async throws -> Duration
    {
        let clock = ContinuousClock()
        let start = clock.now
        let child = try Child(name, executable, arguments, outputIn: directory.appending(path: "logs"))
        try await child.finish(within: limit)
        return clock.now - start
    }

    /// Runs a program to its successful end and returns what it wrote on stdout.
    func output(
        _ name: String, _ executable: URL, _ arguments: [String], within limit: Duration
    ) async throws -> String {
        let logs = directory.appending(path: "logs")
        let child = try Child(name, executable, arguments, outputIn: logs)
        try await child.finish(within: limit)
        return try String(contentsOf: logs.appending(path: "\(name).out"), encoding: .utf8)
    }

    private func makeCertificates() async throws {
        try await make("make-authority", [certificates(of: "authority")])
        try await make("make-relay", [certificates(of: "authority"), certificates(of: relay)])
        for work in [origin, receiver, probe] { try await makeWork(work, app: "bench") }
    }

    func makeWork(_ work: String, app: String) async throws {
        try await make("make-work", [certificates(of: "authority"), certificates(of: work), app, work])
    }

    private func make(_ script: String, _ arguments: [String]) async throws {
        _ = try await time(script, installation.certificateScript(script), arguments, within: .seconds(30))
    }
}
