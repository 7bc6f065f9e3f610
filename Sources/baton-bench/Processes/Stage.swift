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

    func certificates(of name: String) -> String { directory.appending(path: "certs/\(name)").path }

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

    private func makeCertificates() async throws {
        let authority = certificates(of: "authority")
        func make(_ script: String, _ arguments: [String]) async throws {
            let executable = try installation.certificateScript(script)
            _ = try await time(script, executable, arguments, within: .seconds(30))
        }
        try await make("make-authority", [authority])
        try await make("make-relay", [authority, certificates(of: relay)])
        for work in [origin, receiver, probe] {
            try await make("make-work", [authority, certificates(of: work), "bench", work])
        }
    }
}
