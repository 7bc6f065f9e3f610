internal import Foundation
internal import Glibc

/// What is tested: a relay that is dialled, or an agent that dials; and its process, if the runner starts it.
final class Counterpart {
    enum Side { case relay, agent }

    let side: Side
    private let command: [String]
    private let certificates: String
    /// Everything that the tested program writes lies below; empty where nothing is started.
    private let stage: String
    /// Where the relay listens.
    private(set) var relay: Address?
    /// Where the runner listens as the relay of an agent.
    private(set) var listener: Int32?
    private var listening: Address?
    private(set) var program: TestedProgram?
    /// With which further arguments it runs.
    private var started: [String]?
    /// How the runner shows itself to agents that dial from now on.
    var credentials: (work: String, proposal: TLSProposal) = ("server", TLSProposal())
    /// The agent's root directory in this case.
    private(set) var root = "/root"
    private var startedRoot: String?
    private var runs = 0
    private var sessions: Int128 = 0

    /// A relay, at an address or to be started.
    init(relay: Address?, command: [String], certificates: String) throws {
        side = .relay
        self.relay = relay
        self.command = command
        self.certificates = certificates
        stage = command.isEmpty ? "" : try Self.makeStage()
    }

    /// An agent, to be started in each case.
    init(agent command: [String], certificates: String) throws {
        side = .agent
        self.command = command
        self.certificates = certificates
        stage = try Self.makeStage()
        let (listener, address) = try Sockets.listen()
        self.listener = listener
        listening = address
    }

    deinit {
        program?.end()
        if !stage.isEmpty { try? FileManager.default.removeItem(atPath: stage) }
    }

    private static func makeStage() throws -> String {
        var template = Array((NSTemporaryDirectory() + "baton-conformance.XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw CaseError("cannot make a directory: \(Sockets.reason())") }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Grows with each session (`Protocol/`, SES-12).
    func nextSession() -> Int128 {
        sessions += 1
        return sessions
    }

    var hasProcess: Bool { !command.isEmpty }

    // MARK: Around a case

    /// - Throws: ``StepFailure`` if a relay cannot be started.
    func prepare(_ tested: Case, in world: World) throws {
        credentials = ("server", TLSProposal())
        switch side {
        case .agent:
            runs += 1
            startedRoot = nil
            root = "\(stage)/\(runs)"
            try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        case .relay:
            guard hasProcess else { return }
            let arguments = tested.start ?? []
            if program?.hasEnded == nil, started == arguments { return }
            program?.end()
            try start(arguments, in: world)
        }
    }

    /// After a case: an agent is ended, and its root removed.
    func conclude() {
        guard side == .agent else { return }
        program?.end()
        program = nil
        Self.loosen(root)
        try? FileManager.default.removeItem(atPath: root)
        // Who dialled meanwhile is nobody's.
        while let listener, let descriptor = Sockets.accept(listener) { close(descriptor) }
    }

    /// Directories that nobody may enter would stay.
    private static func loosen(_ path: String) {
        guard let names = FileManager.default.enumerator(atPath: path) else { return }
        for case let name as String in names { chmod("\(path)/\(name)", 0o700) }
    }

    // MARK: The process

    /// Starts the tested program, ending one that runs.
    func start(_ arguments: [String]?, root: String? = nil, in world: World) throws {
        guard hasProcess else { throw CaseError("there is no command that starts what is tested") }
        program?.end()
        startedRoot = root
        let further = arguments ?? (side == .agent ? ["--share", "outputs"] : [])
        let values = [
            "{relay}": listening?.description ?? "", "{address}": "127.0.0.1:0", "{store}": "\(stage)/store",
            "{certs}": "\(certificates)/\(side == .agent ? "alpha" : "relay")", "{root}": root ?? self.root,
        ]
        let takesShares = command.contains("{shares}")
        let words = command.flatMap { word in
            word == "{shares}" ? further : [values.reduce(word) { $0.replacing($1.key, with: $1.value) }]
        }
        let program = try TestedProgram(takesShares ? words : words + further, log: "\(stage)/log")
        self.program = program
        started = arguments ?? []
        guard side == .relay else { return }
        var address: String?
        let isReady = try world.wait(atMost: .seconds(20), poll: .milliseconds(10)) {
            address = address ?? program.ready
            return address != nil || program.hasEnded != nil
        }
        guard isReady, let address, let found = Address(address) else {
            throw StepFailure(expected: "a line \"ready HOST:PORT\"", came: "none: \(program.lastWords)")
        }
        relay = found
    }

    /// Starts the agent unless it runs.
    func startIfNeeded(_ tested: [String]?, in world: World) throws {
        guard side == .agent, program == nil else { return }
        try start(tested, in: world)
    }

    /// Takes in everyone who has dialled.
    func acceptAll(_ listener: Int32, for world: World) throws {
        while let descriptor = Sockets.accept(listener) {
            let context = try world.context(.acceptor, work: credentials.work, proposal: credentials.proposal)
            let link = try Link(descriptor, context, host: nil)
            let connection = Connection("arrival", link, isAcceptor: true, isConnecting: false, .frames, world.layouts)
            world.hold(connection)
            world.arrivals.append(connection)
        }
    }

    /// The root directory with which the agent was started.
    var currentRoot: String { startedRoot ?? root }

    /// The agent's Unix socket.
    var socket: String { "\(currentRoot)/.baton/agent.sock" }
}
