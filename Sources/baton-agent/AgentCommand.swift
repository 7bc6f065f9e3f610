import ArgumentParser
import BatonAgent
import BatonCommandLine
import BatonProtocol
import BatonTLS
import BatonTransport
import SystemPackage

@main
struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "baton-agent",
        abstract: "Serves the paths that a work shares, and gets the paths that it is handed.",
        discussion: """
            When it serves, it prints one line: ready SOCKET (on stdout; with a COMMAND, whose stdin and stdout are its \
            own, on stderr). Logs go to stderr. With a COMMAND, each argument that is a reference lit://WORK@PATH is \
            fetched and replaced by its local path, signals are passed on, and the agent exits with the command's status.
            """,
        version: batonVersion)

    @Option(help: ArgumentHelp("The relay's address. [$BATON_RELAY]", valueName: "host:port"))
    var relay: String?

    @Option(help: "The work's root directory; made if missing. [$BATON_ROOT]", completion: .directory)
    var root: String?

    @Option(
        name: .customLong("share"), parsing: .singleValue,
        help: ArgumentHelp(
            "A path to share: lit://…, or a path below the root. Repeat for more. [$BATON_SHARE, one a line]",
            valueName: "path"))
    var shares: [String] = []

    @Flag(help: "Share also what the agent's user cannot write. [$BATON_SERVE_READ_ONLY]")
    var serveReadOnly = false

    @Flag(
        help:
            "Before the command starts, bring declared paths that are missing back from what the relay keeps. [$BATON_RESTORE]"
    )
    var restore = false

    @Option(help: "The Unix socket; ROOT/.baton/agent.sock if not given. [$BATON_SOCKET]", completion: .file())
    var socket: String?

    @OptionGroup var limits: AgentLimits
    @OptionGroup var certificates: CertificateOptions
    @OptionGroup var log: LogOptions

    @Argument(parsing: .postTerminator, help: "The work's command and its arguments, after --.")
    var command: [String] = []

    static func main() async {
        await Program.run(AgentCommand.self)
    }

    func run() async throws {
        Daemon.keepBuffers()
        Machine.raiseDescriptorLimit()
        let agent = Agent(try makeConfiguration(), logger: Daemon.logger("baton-agent", level: try log.level()))
        let hasCommand = !command.isEmpty
        let signals = await (hasCommand ? Daemon.allSignals() : Daemon.endingSignals())
        try await Daemon.run(endingWith: signals, onSignal: { agent.passOn($0) }) { shutdown in
            try await agent.run(onReady: { Daemon.announce($0, onStandardError: hasCommand) }, until: shutdown)
        }
    }

    private func makeConfiguration() throws -> Agent.Configuration {
        let text = try Fallback.required(relay, flag: "--relay HOST:PORT", "BATON_RELAY")
        guard let address = RelayAddress(text) else { throw ValidationError("'\(text)' is not HOST:PORT") }
        let root = FilePath(try Fallback.required(root, flag: "--root DIR", "BATON_ROOT"))
        let files = try certificates.files()
        let credentials = TLSCredentials(authorities: files.authority, certificate: files.certificate, key: files.key)
        var configuration = Agent.Configuration(relay: address, credentials: credentials, root: root)
        let variable = Fallback.string("BATON_SHARE")?.split(separator: "\n").map(String.init) ?? []
        let declared = shares.isEmpty ? variable : shares
        configuration.shares = try declared.map { try SharedPath.parse($0) }
        configuration.servesReadOnly = try serveReadOnly || Fallback.flag("BATON_SERVE_READ_ONLY")
        configuration.restores = try restore || Fallback.flag("BATON_RESTORE")
        configuration.socket = socket ?? Fallback.string("BATON_SOCKET")
        try limits.apply(to: &configuration)
        configuration.command = command
        configuration.software = "baton-agent/\(batonVersion)"
        return configuration
    }
}

/// What `--share` takes: a reference without an origin, or a path; a relative one begins at the root.
enum SharedPath {
    static func parse(_ text: String) throws -> PathName {
        do throws(NameError) {
            guard !text.isEmpty else { throw .invalidPath(text, reason: "it is empty; '.' shares the whole root") }
            guard Reference.isMeant(by: text) else { return try PathName(resolving: Array(text.utf8)) }
            let reference = try Reference(text)
            guard reference.origin == nil else {
                throw .invalidReference(text, reason: "a work shares its own paths only: leave out WORK@")
            }
            return reference.path
        } catch {
            throw ValidationError("--share: \(error)")
        }
    }
}
