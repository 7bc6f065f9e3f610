import BatonProtocol
import BatonTransport
import Foundation
import Logging
import NIOCore
import NIOPosix
import Synchronization
import SystemPackage
import Testing

@testable import Baton
@testable import BatonClient

/// What stands for the agent of a work where none is needed: it answers as it is told, and remembers what was asked.
final class StubAgent: Doorkeeper, SessionDelegate {
    typealias Answer = @Sendable (Session, Request, StreamID) -> Void

    private let work: WorkName
    private let answer: Answer
    /// It never says that a cancelled request has ended.
    private let isDeaf: Bool
    private let log = Mutex<(asked: [Request], cancelled: [StreamID])>(([], []))

    init(_ work: WorkName, isDeaf: Bool, answer: @escaping Answer) {
        self.work = work
        self.isDeaf = isDeaf
        self.answer = answer
    }

    var asked: [Request] { log.withLock { $0.asked } }
    /// Streams that the program no longer wanted.
    var cancelled: [StreamID] { log.withLock { $0.cancelled } }

    func admit(_ greeting: Greeting) throws(ProtocolViolation) -> Admission {
        guard case .hello(let hello) = greeting.message else {
            throw ProtocolViolation(.helloExpected, "no HELLO came")
        }
        let app: WorkName
        do { app = try WorkName("demo") } catch { throw ProtocolViolation(.internal, "\(error)") }
        let peer = SessionPeer(app: app, work: work, epoch: 1, address: "local", software: hello.software)
        let session = Session(
            channel: greeting.channel, role: .acceptor, side: .local, peer: peer, allowedByPeer: hello.maxStreams,
            delegate: self)
        session.welcome(Welcome(session: 1, app: app, work: work), keepalive: hello.keepalive)
        return .owned(session)
    }

    func session(_ session: Session, received request: Request, on stream: StreamID) {
        log.withLock { $0.asked.append(request) }
        answer(session, request, stream)
    }

    func session(_ session: Session, cancelled stream: StreamID, because code: ErrorCode) {
        log.withLock { $0.cancelled.append(stream) }
        if !isDeaf { session.reply(.error(BatonError(code, "it was cancelled")), on: stream) }
    }

    func sessionEnded(_ session: Session, _ error: BatonError) {}
}

/// A root directory of its own for a work.
final class Bench: Sendable {
    let folder: String
    let agent: StubAgent

    private init(_ folder: String, _ agent: StubAgent) {
        self.folder = folder
        self.agent = agent
    }

    var root: String { folder + "/root" }

    /// Runs the body as the run of the work `deploy`.
    static func run(
        isDeaf: Bool = false,
        answer: @escaping StubAgent.Answer = { session, _, stream in
            session.reply(.error(BatonError(.unreachable, "there is nobody")), on: stream)
        }, _ body: (Bench) async throws -> Void
    ) async throws {
        let folder = try FileManager.default.url(
            for: .itemReplacementDirectory, in: .userDomainMask, appropriateFor: URL(filePath: NSTemporaryDirectory()),
            create: true
        ).path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let work = try WorkName("deploy")
        let bench = Bench(folder, StubAgent(work, isDeaf: isDeaf, answer: answer))
        try FileManager.default.createDirectory(atPath: bench.root + "/.baton/from", withIntermediateDirectories: true)
        let socket = bench.root + "/.baton/agent.sock"
        let listener = try await LocalListener.listen(
            on: socket, loop: MultiThreadedEventLoopGroup.singleton.next(), doorkeeper: bench.agent,
            logger: Logger(label: "stub"))
        let client = try await AgentClient.connect(socket: socket)
        let context = WorkContext(work: work, root: FilePath(bench.root), agent: client)
        let result: Result<Void, any Error>
        do {
            result = .success(try await WorkContext.$current.withValue(context) { try await body(bench) })
        } catch {
            result = .failure(error)
        }
        await client.close()
        await listener.close()
        try result.get()
    }

    /// What a shell prints that runs in the root directory. No thread of Swift's own waits for it: there are few of them.
    @discardableResult
    func shell(_ script: String) async throws -> String {
        let output = folder + "/output-\(UInt64.random(in: 0 ... .max))"
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        let words = ["/bin/bash", "-c", "set -euo pipefail; umask 022; cd \"$0\"; " + script, root]
        var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { argv.forEach { free($0) } }
        var pid: pid_t = 0
        let started = posix_spawn(&pid, words[0], &actions, nil, &argv, environ)
        try #require(started == 0)
        var status: CInt = 0
        while waitpid(pid, &status, WNOHANG) == 0 { try await Task.sleep(for: .milliseconds(2)) }
        try #require(status == 0, "failed: \(script)")
        return String(decoding: try Data(contentsOf: URL(filePath: output)), as: UTF8.self)
    }
}
