import Foundation

/// A program that the bench started. Its output goes to files, so that it never waits for a reader.
///
/// Not a `Foundation.Process`: that takes a daemon that closes what it has inherited, as sshd does, for one that has ended,
/// and waits for it before any other.
final class Child {
    let name: String
    let processIdentifier: Int32
    private let output: URL
    private let errors: URL
    /// The wait status, once it has ended.
    private var ended: CInt?

    /// - Parameters:
    ///   - name: unique in the directory; names the files of its output.
    ///   - input, answers: pipes in place of no input and the output file.
    init(
        _ name: String, _ executable: URL, _ arguments: [String], outputIn directory: URL,
        input: Pipe? = nil, answers: Pipe? = nil
    ) throws {
        self.name = name
        output = directory.appending(path: "\(name).out")
        errors = directory.appending(path: "\(name).err")
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let (create, mode) = (O_WRONLY | O_CREAT | O_TRUNC, mode_t(0o600))
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input.fileHandleForReading.fileDescriptor, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        if let answers {
            posix_spawn_file_actions_adddup2(&actions, answers.fileHandleForWriting.fileDescriptor, 1)
        } else {
            posix_spawn_file_actions_addopen(&actions, 1, output.path, create, mode)
        }
        posix_spawn_file_actions_addopen(&actions, 2, errors.path, create, mode)
        // No other program may hold the pipes, or their ends would never be seen.
        for pipe in [input, answers].compactMap(\.self) {
            for end in [pipe.fileHandleForReading, pipe.fileHandleForWriting] {
                _ = fcntl(end.fileDescriptor, F_SETFD, FD_CLOEXEC)
            }
        }

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

        var argv: [UnsafeMutablePointer<CChar>?] = ([executable.path] + arguments).map { strdup($0) } + [nil]
        defer { argv.forEach { free($0) } }
        var identifier: pid_t = 0
        let result = posix_spawn(&identifier, executable.path, &actions, &attributes, &argv, environ)
        guard result == 0 else {
            throw BenchError("cannot start \(executable.path): \(String(cString: strerror(result)))")
        }
        processIdentifier = identifier
        try input?.fileHandleForReading.close()
        try answers?.fileHandleForWriting.close()
    }

    deinit {
        kill()
    }

    /// What stands behind `ready` in the line by which a daemon says that it serves.
    func ready(within limit: Duration = .seconds(20)) async throws -> String {
        var announced: String?
        try await poll("\(name) to say that it is ready", within: limit) {
            let lines = read(output).split(separator: "\n", omittingEmptySubsequences: false)
            // The last piece has no line end yet.
            announced = lines.dropLast().first { $0.hasPrefix("ready ") }.map { String($0.dropFirst("ready ".count)) }
            return try announced != nil || !checkRunning()
        }
        guard let announced else { throw BenchError("\(name) is ready, but nowhere") }
        return announced
    }

    /// Waits for its end, which must be a success, and returns what it wrote on stderr.
    @discardableResult
    func finish(within limit: Duration) async throws -> String {
        guard try await end(within: limit) == 0 else { throw failure() }
        return read(errors)
    }

    /// Waits for its end, however that is; the wait status.
    func end(within limit: Duration) async throws -> CInt {
        try await poll("\(name) to end", within: limit) { status() != nil }
        return status() ?? 0
    }

    /// What it has written to its output file.
    var said: String { read(output) }

    /// Ends it at once: an agent that is asked politely would persist gigabytes first.
    func kill() {
        guard status() == nil else { return }
        Foundation.kill(processIdentifier, SIGKILL)
        var status: CInt = 0
        if waitpid(processIdentifier, &status, 0) == processIdentifier { ended = status }
    }

    /// - Returns: true
    /// - Throws: if it has ended.
    @discardableResult
    func checkRunning() throws -> Bool {
        guard status() == nil else { throw failure() }
        return true
    }

    private func status() -> CInt? {
        var status: CInt = 0
        if ended == nil, waitpid(processIdentifier, &status, WNOHANG) == processIdentifier { ended = status }
        return ended
    }

    func failure() -> BenchError {
        let status = status() ?? 0
        let how = status & 0x7F == 0 ? "status \(status >> 8 & 0xFF)" : "signal \(status & 0x7F)"
        return BenchError("\(name) ended with \(how); its last words: \(read(errors).suffix(2000))")
    }

    private func read(_ file: URL) -> String {
        (try? Data(contentsOf: file)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}

/// Waits until `condition` holds, looking every 2 ms.
func poll(_ what: String, within limit: Duration, until condition: () throws -> Bool) async throws {
    let end = ContinuousClock.now + limit
    while try !condition() {
        guard ContinuousClock.now < end else { throw BenchError("waited \(limit) for \(what)") }
        try await Task.sleep(for: .milliseconds(2))
    }
}
