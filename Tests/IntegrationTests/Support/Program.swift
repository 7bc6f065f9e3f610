import Foundation
import Glibc
import Synchronization
import Testing

/// One process, started with its outputs in files and killed, at the latest, when this value goes.
final class Program: Sendable {
    let pid: pid_t
    private let name: String
    private let folder: TemporaryFolder
    /// The wait status, once it has ended.
    private let ended = Mutex<CInt?>(nil)

    /// Starts `arguments[0]`, looked up in `PATH` unless it has a slash.
    ///
    /// - Parameters:
    ///   - environment: added to `PATH`, `HOME` and ``Sanitized/variables``; nothing else is inherited.
    ///   - directory: the working directory.
    init(_ arguments: [String], environment: [String: String] = [:], in directory: String? = nil) throws {
        name = arguments.joined(separator: " ")
        folder = try TemporaryFolder()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, folder.path("stdout"), O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, folder.path("stderr"), O_WRONLY | O_CREAT | O_APPEND, 0o600)

        // Whatever this process ignores or blocks, the program begins as from a shell.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        let names = ["PATH", "HOME"] + Sanitized.variables
        let inherited = ProcessInfo.processInfo.environment.filter { names.contains($0.key) }
        let variables = inherited.merging(environment) { $1 }.map { "\($0.key)=\($0.value)" }
        // `env` becomes the program, under the same process id.
        let arguments = (directory.map { ["env", "-C", $0] } ?? []) + arguments
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var environ: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
        defer { (argv + environ).forEach { free($0) } }
        var pid: pid_t = 0
        let result = posix_spawnp(&pid, arguments[0], &actions, &attributes, &argv, &environ)
        guard result == 0 else { throw Failure("cannot start \(name): \(String(cString: strerror(result)))") }
        self.pid = pid
    }

    deinit {
        guard poll() == nil else { return }
        Glibc.kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
    }

    var stdout: String { folder.text("stdout") }
    var stderr: String { folder.text("stderr") }
    var isRunning: Bool { poll() == nil }

    /// Whether it stands still by SIGSTOP (proc_pid_stat(5), third field).
    var isStopped: Bool {
        let text = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
        return text.split(separator: ")").last?.split(separator: " ").first == "T"
    }

    func send(_ signal: CInt) { Glibc.kill(pid, signal) }

    /// Ends it as a crash of its machine would, and waits until it is gone.
    func kill() async throws {
        send(SIGKILL)
        _ = try await status()
    }

    /// Waits for its end.
    ///
    /// - Returns: the exit status; 128+n if signal n ended it.
    func status(within limit: Duration = .seconds(30)) async throws -> CInt {
        try await eventually("the end of \(name)", within: limit) {
            self.poll() != nil
        } otherwise: {
            "stdout: \(self.stdout)\nstderr: \(self.stderr)"
        }
        let status = poll() ?? 0
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
    }

    private func poll() -> CInt? {
        ended.withLock { ended in
            var status: CInt = 0
            if ended == nil, waitpid(pid, &status, WNOHANG) == pid { ended = status }
            return ended
        }
    }

    /// What a program that has ended leaves.
    struct Output: Sendable, CustomStringConvertible {
        let status: CInt
        let stdout: String
        let stderr: String

        var description: String { "exit status \(status)\nstdout: \(stdout)\nstderr: \(stderr)" }

        /// The one JSON object on stdout.
        func json() throws -> [String: Any] {
            let value = try? JSONSerialization.jsonObject(with: Data(stdout.utf8))
            guard let object = value as? [String: Any] else { throw Failure("no JSON object on stdout\n\(self)") }
            return object
        }
    }

    func output(within limit: Duration = .seconds(30)) async throws -> Output {
        let status = try await status(within: limit)
        return Output(status: status, stdout: stdout, stderr: stderr)
    }

    /// The path of one of our own programs: beside the test bundle, or in `$BATON_BIN`.
    static func ours(_ name: String) throws -> String {
        let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let folder =
            ProcessInfo.processInfo.environment["BATON_BIN"] ?? URL(filePath: bundle).deletingLastPathComponent().path
        let path = folder + "/" + name
        guard access(path, X_OK) == 0 else { throw Failure("there is no program \(path): swift build makes it") }
        return path
    }
}

/// Runs a shell script that must succeed, and returns what it prints.
@discardableResult
func shell(_ script: String, in directory: String, within limit: Duration = .seconds(60)) async throws -> String {
    let program = try Program(["/bin/bash", "-c", "set -euo pipefail; umask 022; \(script)"], in: directory)
    let output = try await program.output(within: limit)
    guard output.status == 0 else { throw Failure("\(script): \(output)") }
    return output.stdout
}

/// Waits until `condition` holds, with the tests' patience.
///
/// - Throws: ``Failure`` if it does not within the limit.
func eventually(
    _ what: String, within limit: Duration = .seconds(20), _ condition: () async throws -> Bool,
    otherwise: () -> String = { "" }
) async throws {
    let limit = limit.patient
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw Failure("\(what): not within \(limit)\n\(otherwise())") }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// Tries all, one after another, also when some have failed, and says which.
func expectAll<Attempt>(
    _ attempts: [Attempt], _ body: (Attempt) async throws -> Void, sourceLocation: SourceLocation = #_sourceLocation
) async {
    var failures: [String] = []
    for attempt in attempts {
        do { try await body(attempt) } catch { failures.append("\(attempt): \(error)") }
    }
    #expect(
        failures.isEmpty, "\(failures.count) of \(attempts.count):\n\(failures.joined(separator: "\n\n"))",
        sourceLocation: sourceLocation)
}

struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
