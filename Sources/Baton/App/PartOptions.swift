import ArgumentParser
import BatonAgent
import BatonCommandLine
import BatonProtocol
import BatonTLS
import BatonTransport
import Glibc
import Logging
import Synchronization
import SystemPackage

/// What all parts of an app can be told.
struct PartOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How long the relay may take to keep what a run leaves behind: 600 if not given.", valueName: "seconds"))
    var persistWithin: Int?

    @Option(help: "trace, debug, info, notice, warning (if not given), error or critical. [$BATON_LOG_LEVEL]")
    var logLevel: Logger.Level?

    var keepWithin: Duration { .seconds(persistWithin ?? 600) }

    func validate() throws {
        if let persistWithin, !(1...86_400).contains(persistWithin) {
            throw ValidationError("--persist-within takes 1 to 86400")
        }
    }

    /// Runs a part until it has ended or a signal tells it to; errors become one line and an exit status.
    func run(
        _ app: some App,
        _ body: @escaping @Sendable (_ shutdown: @escaping @Sendable () async -> Void, Logger) async throws -> Void
    ) async throws {
        Daemon.keepBuffers()
        Machine.raiseDescriptorLimit()
        let level = logLevel ?? Fallback.string("BATON_LOG_LEVEL").flatMap { Logger.Level(rawValue: $0) } ?? .warning
        let logger = Daemon.logger(app.name, level: level)
        let signals = await Daemon.endingSignals()
        let told = FirstSignal()
        // Ctrl-C reaches all of a terminal's processes, and an agent passes it on to its command as well.
        let echo: Duration = Fallback.string("BATON_SOCKET") == nil ? .zero : .milliseconds(500)
        do {
            try await Daemon.run(endingWith: signals, echo: echo) { signal in
                // The second one: nothing comes after this.
                if signal == SIGKILL { TemporaryRoot.removeAll() } else { told.note(signal) }
                return false
            } _: { shutdown in
                do {
                    try await body(shutdown, logger)
                    return 0
                } catch is ToldToEnd {
                    return 128 + told.signal
                }
            }
        } catch let error as PathError {
            StandardError.write("\(app.name): \(error.message)")
            throw ExitCode(ErrorCode(name: error.code.rawValue)?.exitStatus ?? 1)
        } catch let error as CallError {
            StandardError.write("\(app.name): \(error.message)")
            throw ExitCode(ErrorCode(name: error.code.rawValue)?.exitStatus ?? 1)
        }
    }
}

/// What a program was told to end with.
private final class FirstSignal: Sendable {
    private let noted = Mutex<Int32?>(nil)

    var signal: Int32 { noted.withLock { $0 } ?? SIGTERM }
    func note(_ signal: Int32) { noted.withLock { $0 = $0 ?? signal } }
}

/// How a part finds the relay, when the parts of an app run on many machines.
struct ConnectionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The relay's address. [$BATON_RELAY]", valueName: "host:port"))
    var relay: String?

    @OptionGroup var certificates: CertificateOptions

    /// - Throws: a usage error if neither `$BATON_SOCKET` nor the flags say how to get there.
    func connection() throws -> Connection {
        if let socket = Fallback.string("BATON_SOCKET") { return .agent(socket: socket) }
        let text = try Fallback.required(relay, flag: "--relay HOST:PORT", "BATON_RELAY")
        guard let address = RelayAddress(text) else { throw ValidationError("'\(text)' is not HOST:PORT") }
        let files = try certificates.files()
        return .relay(
            address, TLSCredentials(authorities: files.authority, certificate: files.certificate, key: files.key))
    }
}

/// The way of a part to the relay.
enum Connection: Sendable {
    /// By an agent that runs already.
    case agent(socket: String)
    /// By an agent in this process.
    case relay(RelayAddress, TLSCredentials)

    /// Who this part will be, by its certificate; `nil` if an agent has that.
    func ownName() throws -> String? {
        guard case .relay(_, let credentials) = self else { return nil }
        do { return try WorkIdentity(certificateFile: credentials.certificate).work } catch {
            throw BatonError(connection: error)
        }
    }

    /// Runs `body` with the socket of that agent.
    ///
    /// - Parameters:
    ///   - shutdown: when it returns, all is to end; asked once.
    ///   - body: is handed a function in its stead.
    /// - Throws: ``ToldToEnd`` if there was no way to the relay before that.
    func withAgent(
        root: FilePath, keepWithin: Duration, _ logger: Logger, until shutdown: @escaping @Sendable () async -> Void,
        _ body:
            @escaping @Sendable (_ socket: String, _ shutdown: @escaping @Sendable () async -> Void) async throws ->
            Void
    ) async throws {
        switch self {
        case .agent(let socket): try await body(socket, shutdown)
        case .relay(let address, let credentials):
            var configuration = Agent.Configuration(relay: address, credentials: credentials, root: root)
            configuration.persistWithin = keepWithin
            let agent = EmbeddedAgent(configuration, logger: logger)
            let way = WayToRelay()
            try await withThrowingTaskGroup(of: Bool.self) { group in
                group.addTask {
                    await shutdown()
                    way.told.finish()
                    return false
                }
                group.addTask {
                    try await agent.run { socket in
                        way.isOpen.withLock { $0 = true }
                        try await body(socket) { _ = try? await way.told.next() }
                    }
                    return true
                }
                let hasEnded = try await group.next() ?? true
                if !hasEnded {
                    guard way.isOpen.withLock({ $0 }) else {
                        group.cancelAll()
                        throw ToldToEnd()
                    }
                    // What has begun ends by itself once it is told to.
                    _ = try await group.next()
                }
                group.cancelAll()
            }
        }
    }
}

/// Whether a part has found the relay, and whether it was told to end.
private final class WayToRelay: Sendable {
    let isOpen = Mutex(false)
    let told = Inbox<Void>()
}
