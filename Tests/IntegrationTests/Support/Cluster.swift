import Foundation
import Glibc

/// A relay and the agents of some works on this machine, as processes. All end and their files go when this value goes.
///
/// Unless told otherwise there are two works of the app `demo`: `trainer`, which shares `outputs`, and `deploy`.
struct Cluster: Sendable {
    let certificates: Certificates
    let folder: TemporaryFolder
    let relay: Relay
    /// Shares `outputs`.
    let trainer: Agent
    /// Gets what others share.
    let deploy: Agent

    /// Makes a cluster for `body`. Only a few are up at a time: the machine may be small.
    ///
    /// - Parameters:
    ///   - script: makes the files of `trainer`, in its root, before any agent runs.
    ///   - shares: what `trainer` declares.
    ///   - flags: of `trainer`.
    ///   - environment: of `deploy`.
    ///   - keeping: flags of the relay that say what it keeps.
    static func run(
        shares: [String] = ["outputs"], flags: [String] = [], environment: [String: String] = [:],
        keeping: [String] = [], _ script: String = "mkdir outputs", _ body: (Cluster) async throws -> Void
    ) async throws {
        try await Turnstile.clusters.pass { try await body(Cluster(shares, flags, environment, keeping, script)) }
    }

    private init(
        _ shares: [String], _ flags: [String], _ environment: [String: String], _ keeping: [String], _ script: String
    ) async throws {
        certificates = try await .shared()
        folder = try TemporaryFolder()
        relay = try await Relay(in: folder, certificates: certificates.relay, flags: keeping)
        let roots = (trainer: folder.path("trainer"), deploy: folder.path("deploy"))
        try FileManager.default.createDirectory(atPath: roots.trainer, withIntermediateDirectories: true)
        try await shell(script, in: roots.trainer)
        trainer = try Agent(
            "trainer", root: roots.trainer, relay: relay.address, certificates: certificates.work("trainer"),
            flags: flags + shares.flatMap { ["--share", $0] })
        deploy = try Agent(
            "deploy", root: roots.deploy, relay: relay.address, certificates: certificates.work("deploy"),
            environment: environment)
        try await trainer.ready()
        try await deploy.ready()
    }

    /// One more agent, in a root of its own; not waited for.
    func agent(
        _ work: String, app: String = "demo", root: String? = nil, certificates: String? = nil, relay: String? = nil,
        flags: [String] = [], command: [String] = [], environment: [String: String] = [:], prefix: [String] = []
    ) throws -> Agent {
        try Agent(
            work, root: root ?? folder.path("\(app)-\(work)"), relay: relay ?? self.relay.address,
            certificates: certificates ?? self.certificates.work(work, app: app), flags: flags, command: command,
            environment: environment, prefix: prefix)
    }

    /// A connection to the relay for a test to speak on, with the certificate of `work`.
    func peer(_ work: String = "third") async throws -> RawPeer {
        try await RawPeer.dial(relay.address, certificates: certificates.work(work))
    }

    /// A greeted control connection and its lane.
    func session(_ work: String = "third", _ hello: RawFrame = .hello()) async throws -> (
        control: RawPeer, lane: RawPeer
    ) {
        let control = try await peer(work)
        let ticket = try await control.greet(hello).ticketOfWelcome
        let lane = try await peer(work)
        lane.send(.join(ticket))
        _ = try await lane.frame(RawFrame.joined)
        _ = try await control.frame(RawFrame.ticket)
        return (control, lane)
    }

    /// Everything is as it should be for those who did nothing wrong.
    func expectHealthy() async throws {
        let answer = try await deploy.baton("exists", "lit://trainer@outputs")
        guard answer.status == 0 else {
            throw Failure("the healthy session beside was harmed: \(answer)\n\(relay.log)")
        }
    }
}

/// What stands before a daemon so that it has no more rights than an ordinary user, though root may run the tests: they must
/// not need more, and files keep them out by their modes.
enum Unprivileged {
    static let prefix = geteuid() == 0 ? ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] : []
}

/// A running `baton-relay`.
struct Relay: Sendable {
    let program: Program
    let address: String

    init(
        in folder: TemporaryFolder, certificates: String, listen: String = "127.0.0.1:0", flags: [String] = [],
        environment: [String: String] = [:], prefix: [String] = []
    ) async throws {
        let own = [
            try Program.ours("baton-relay"), "--listen", listen, "--certs", certificates, "--store",
            folder.path("store"), "--log-level", "debug",
        ]
        program = try Program(prefix + Unprivileged.prefix + own + flags, environment: environment)
        let program = program
        address = try await readyLine(of: program) { program.stdout }
    }

    var log: String { program.stderr }

    /// Waits for words in the log.
    func says(_ words: String, within limit: Duration = .seconds(20)) async throws {
        try await eventually("'\(words)' in the relay's log", within: limit) {
            log.contains(words)
        } otherwise: {
            log
        }
    }
}

/// A running `baton-agent`.
struct Agent: Sendable {
    let work: String
    let root: String
    let program: Program

    init(
        _ work: String, root: String, relay: String, certificates: String, flags: [String] = [],
        command: [String] = [], environment: [String: String] = [:], prefix: [String] = []
    ) throws {
        self.work = work
        self.root = root
        let own = [
            try Program.ours("baton-agent"), "--relay", relay, "--certs", certificates, "--root", root,
            "--log-level", "debug",
        ]
        program = try Program(
            prefix + Unprivileged.prefix + own + flags + (command.isEmpty ? [] : ["--"] + command),
            environment: environment)
    }

    var log: String { program.stderr }
    var socket: String { root + "/.baton/agent.sock" }

    /// Waits for the ready line.
    ///
    /// - Returns: the path of the socket that it names.
    @discardableResult
    func ready(within limit: Duration = .seconds(20)) async throws -> String {
        try await readyLine(of: program, within: limit) { program.stdout }
    }

    /// Waits for words in the log.
    func says(_ words: String, within limit: Duration = .seconds(20)) async throws {
        try await eventually("'\(words)' in the log of \(work)", within: limit) {
            log.contains(words)
        } otherwise: {
            log
        }
    }

    /// Runs `baton` in the root directory, where it finds this agent, to its end.
    func baton(_ arguments: String..., within limit: Duration = .seconds(60)) async throws -> Program.Output {
        try await start(arguments).output(within: limit)
    }

    /// Starts `baton` and does not wait for it.
    func start(_ arguments: [String], in directory: String? = nil, environment: [String: String] = [:]) throws
        -> Program
    {
        try Program([Program.ours("baton")] + arguments, environment: environment, in: directory ?? root)
    }

    /// Where a relative path of another work lies here.
    func from(_ origin: String, _ path: String) -> String { "\(root)/.baton/from/\(origin)/\(path)" }
}

/// Waits for the line that a daemon prints when it serves.
///
/// - Returns: what follows `ready`.
func readyLine(
    of program: Program, within limit: Duration = .seconds(20), _ text: () -> String
) async throws -> String {
    var place: String?
    try await eventually("a ready line", within: limit) {
        place = text().split(separator: "\n").first { $0.hasPrefix("ready ") }.map { String($0.dropFirst(6)) }
        guard place != nil || program.isRunning else { throw Failure("a daemon ended early: \(program.stderr)") }
        return place != nil
    } otherwise: {
        program.stderr
    }
    return place ?? ""
}
