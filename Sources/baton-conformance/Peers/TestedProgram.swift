internal import Foundation
internal import Glibc

/// The process of what is tested.
final class TestedProgram {
    private let pid: pid_t
    private let output: Int32
    private var said = ""
    private var status: Int32?
    /// The last signal that was sent to it.
    private(set) var signalled: Int32?
    let log: String

    /// - Parameters:
    ///   - words: the program, looked up in `PATH` unless it has a slash, and its arguments.
    ///   - log: a file for what it says on stderr.
    init(_ words: [String], log: String) throws {
        self.log = log
        var pipe: [Int32] = [-1, -1]
        guard Glibc.pipe(&pipe) == 0 else { throw CaseError("cannot make a pipe: \(Sockets.reason())") }
        for end in pipe { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        _ = fcntl(pipe[0], F_SETFL, O_NONBLOCK)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, pipe[1], 1)
        posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        // Whatever this process ignores, the program begins as from a shell.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { arguments.forEach { free($0) } }
        var pid: pid_t = 0
        let result = posix_spawnp(&pid, words.first ?? "", &actions, &attributes, &arguments, environ)
        close(pipe[1])
        guard result == 0 else {
            close(pipe[0])
            throw CaseError("cannot start \(words.first ?? ""): \(String(cString: strerror(result)))")
        }
        self.pid = pid
        output = pipe[0]
    }

    deinit {
        if hasEnded == nil {
            kill(pid, SIGKILL)
            waitpid(pid, &discarded, 0)
        }
        close(output)
    }

    private var discarded: Int32 = 0

    /// What stands behind `ready` in its first line; nil as long as there is none.
    var ready: String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = read(output, &buffer, buffer.count)
        if count > 0 { said += String(decoding: buffer[..<count], as: UTF8.self) }
        guard said.contains("\n"), let line = said.split(separator: "\n").first, line.hasPrefix("ready ") else {
            return nil
        }
        return String(line.dropFirst("ready ".count))
    }

    /// The wait status, once it has ended.
    var hasEnded: Int32? {
        var status: Int32 = 0
        if self.status == nil, waitpid(pid, &status, WNOHANG) == pid { self.status = status }
        return self.status
    }

    /// The exit status; 128+n if signal n ended it.
    var exitStatus: Int32? {
        hasEnded.map { $0 & 0x7F == 0 ? $0 >> 8 & 0xFF : 128 + $0 & 0x7F }
    }

    func send(_ signal: Int32) {
        signalled = signal
        guard hasEnded == nil else { return }
        kill(pid, signal)
    }

    /// SIGKILL, and its end.
    func end() {
        guard hasEnded == nil else { return }
        kill(pid, SIGKILL)
        var status: Int32 = 0
        if waitpid(pid, &status, 0) == pid { self.status = status }
    }

    /// What it said last on stderr.
    var lastWords: String {
        let text =
            FileManager.default.contents(atPath: log).map { String(decoding: $0.suffix(4096), as: UTF8.self) } ?? ""
        return text.split(separator: "\n").suffix(6).joined(separator: "\n            ")
    }
}
