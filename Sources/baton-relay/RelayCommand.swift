import ArgumentParser
import BatonCommandLine
import BatonProtocol
import BatonRelay
import BatonTLS
import BatonTransport
import SystemPackage

@main
struct RelayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "baton-relay",
        abstract: "Accepts the agents of all works and streams files between them.",
        discussion: """
            When it serves, it prints one line on stdout: ready HOST:PORT. Logs go to stderr. SIGTERM lets running \
            transfers end for a while, a second one ends at once.
            """,
        version: batonVersion)

    @Option(help: ArgumentHelp("Where to listen; port 0 picks one. [$BATON_LISTEN]", valueName: "host:port"))
    var listen: String?

    @Option(
        help: "Directory for what ended works leave behind; made if missing. [$BATON_STORE]", completion: .directory)
    var store: String?

    @Option(
        help: ArgumentHelp(
            "How long transfers may go on once the relay is to end: 10 if not given. [$BATON_DRAIN_WITHIN]",
            valueName: "seconds"))
    var drainWithin: Int?

    @OptionGroup var keeping: KeepingOptions
    @OptionGroup var certificates: CertificateOptions
    @OptionGroup var log: LogOptions

    static func main() async {
        await Program.run(RelayCommand.self)
    }

    func run() async throws {
        Daemon.keepBuffers()
        Machine.raiseDescriptorLimit()
        let text = try Fallback.required(listen, flag: "--listen HOST:PORT", "BATON_LISTEN")
        guard let address = RelayAddress(text) else { throw ValidationError("'\(text)' is not HOST:PORT") }
        let store = try Fallback.required(store, flag: "--store DIR", "BATON_STORE")
        let files = try certificates.files()
        let credentials = TLSCredentials(authorities: files.authority, certificate: files.certificate, key: files.key)
        var configuration = Relay.Configuration(
            address: address, credentials: credentials, store: FilePath(store), bulkThreads: Machine.cores - 1)
        try keeping.apply(to: &configuration.keeping)
        if let seconds = try Fallback.number(drainWithin, flag: "--drain-within", "BATON_DRAIN_WITHIN", in: 0...30) {
            configuration.drainSeconds = Int64(seconds)
        }
        configuration.software = "baton-relay/\(batonVersion)"
        let relay = Relay(configuration, logger: Daemon.logger("baton-relay", level: try log.level()))
        let signals = await Daemon.endingSignals()
        try await Daemon.run(endingWith: signals) { shutdown in
            try await relay.run(onReady: { Daemon.announce("\($0)") }, until: shutdown)
            return 0
        }
    }
}
