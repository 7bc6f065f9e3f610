import BatonFiles
public import BatonProtocol
public import BatonTLS
public import BatonTransport
import Glibc
public import Logging
import NIOCore
import Synchronization
public import SystemPackage

/// The agent of one work: serves the paths that the work declared, gets the paths that it asks for, and can run the work's command.
public final class Agent: Sendable {
    public struct Configuration: Sendable {
        public var relay: RelayAddress
        public var credentials: TLSCredentials
        /// The work's root directory.
        public var root: FilePath
        /// Paths to declare at the start.
        public var shares: [PathName] = []
        /// Serve also what the agent's user could not write.
        public var servesReadOnly = false
        /// The Unix socket; `nil`: `ROOT/.baton/agent.sock`.
        public var socket: String?
        /// The work's command and its arguments; empty: none.
        public var command: [String] = []
        /// How long the first connection to the relay may take.
        public var connectWithin: Duration = .seconds(60)
        public var drainSeconds: Int64 = 5
        /// In which time, once the agent is to end, the relay must have what the work leaves behind; zero: it gets nothing.
        public var persistWithin: Duration = .seconds(110)
        /// How often the relay gets it while the work runs; `nil`: only in the end.
        public var persistEvery: Duration?
        /// How long the command may take to end after SIGTERM or SIGINT; at most half of ``persistWithin``, if that is not zero.
        public var stopWithin: Duration = .seconds(30)
        /// Before the command starts, bring declared paths that are missing here back from the relay.
        public var restores = false
        public var bulkThreads = 1
        public var fileThreads = 8
        /// How many entries of a tree are taken.
        public var maxEntries: UInt64 = 10_000_000
        /// How long the data of interrupted transfers is kept, and how much of it.
        public var partialAge: Duration = .seconds(24 * 3600)
        public var partialBytes: UInt64 = 10 << 30
        /// What the agent proposes to the relay, in milliseconds.
        public var keepalive = Limits.defaultKeepalive
        public var software = "baton-agent"

        public init(relay: RelayAddress, credentials: TLSCredentials, root: FilePath) {
            self.relay = relay
            self.credentials = credentials
            self.root = root
        }
    }

    private let configuration: Configuration
    private let logger: Logger
    /// The work's command, while there is one.
    private let command = Mutex<WorkCommand?>(nil)
    /// When the agent was first told to end.
    private let notice = Mutex<ContinuousClock.Instant?>(nil)
    private let notices = Inbox<Void>()

    public init(_ configuration: Configuration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Serves until `shutdown` returns or, if there is a command, until that ends.
    ///
    /// - Parameters:
    ///   - onReady: told the path of the Unix socket once the relay has welcomed the agent.
    ///   - shutdown: returns when the agent is to end.
    /// - Returns: the exit status of the command; 0 if there is none.
    /// - Throws: ``BatonError``: why the agent cannot serve.
    public func run(
        onReady: @escaping @Sendable (String) async -> Void, until shutdown: @escaping @Sendable () async -> Void
    ) async throws -> Int32 {
        let (context, identity) = try credentials()
        let folder = try openFolder()
        let files = SharedFiles(folder: folder, servesReadOnly: configuration.servesReadOnly)
        for path in configuration.shares {
            let own = folder.ownName(path)
            if try !files.declare(own) {
                logger.notice("declared, though it does not exist yet: \(Reference(path: own))")
            }
        }
        let told = Inbox<Void>()
        let loops = EventLoops(bulkThreads: configuration.bulkThreads)
        let executor = BlockingExecutor(threads: configuration.fileThreads)
        let result: Result<Int32, any Error>
        do {
            let service = try AgentService(
                configuration, identity: identity, context: context, folder: folder, files: files, loops: loops,
                executor: executor, logger: logger)
            result = .success(
                try await service.run(onReady: onReady) { connected in
                    try await self.work(connected, service) { _ = try? await told.next() }
                } until: {
                    await shutdown()
                    told.finish()
                } keepingUntil: {
                    (self.notice.withLock { $0 } ?? .now) + self.configuration.persistWithin
                })
        } catch {
            result = .failure(error)
        }
        await executor.shutdown()
        await loops.shutdown()
        return try result.get()
    }

    /// Passes a signal on to the work's command.
    ///
    /// - Returns: false if there is no command that could be told to end.
    public func passOn(_ signal: CInt) -> Bool {
        if signal == SIGKILL, configuration.persistWithin > .zero, !configuration.shares.isEmpty {
            logger.error("ended at once, by a second signal: what the work leaves behind may not be kept")
        }
        guard !configuration.command.isEmpty else { return false }
        let isEnd = signal == SIGTERM || signal == SIGINT
        if isEnd {
            notice.withLock { $0 = $0 ?? .now }
            notices.push([()])
        }
        guard let command = command.withLock({ $0 }) else { return !isEnd }
        command.send(signal)
        return true
    }

    private func credentials() throws(BatonError) -> (TLSContext, WorkIdentity) {
        do {
            let context = try TLSContext(
                role: .client, credentials: configuration.credentials, applicationProtocol: applicationProtocol)
            return (context, try WorkIdentity(certificateFile: configuration.credentials.certificate))
        } catch {
            throw BatonError(connection: error)
        }
    }

    private func openFolder() throws(BatonError) -> WorkFolder {
        if geteuid() == 0 {
            logger.warning("running as root: whatever is below a declared path can be read through this agent")
        }
        let folder = try WorkFolder(root: configuration.root)
        let report = folder.sweep(
            partialAge: configuration.partialAge, partialBytes: configuration.partialBytes)
        for path in report.removed + report.restored {
            logger.notice(
                "mended what an earlier run left half done", metadata: ["path": "\(Escaping.printable(path.bytes))"])
        }
        return folder
    }

    /// What the agent is there for: the command, or waiting until it is told to end.
    private func work(
        _ connected: SessionPeer, _ service: AgentService, _ shutdown: @Sendable () async -> Void
    ) async throws -> Int32 {
        if configuration.restores {
            try await Restoration(fetcher: service.fetcher, logger: logger).run(service.declared)
        }
        guard !configuration.command.isEmpty else {
            await shutdown()
            return 0
        }
        let references = ArgumentReferences(fetcher: service.fetcher, logger: logger)
        let command = WorkCommand(
            arguments: try await references.resolve(configuration.command),
            environment: [
                "BATON_SOCKET": service.socketPath, "BATON_WORK": "\(connected.work)",
                "BATON_ROOT": service.fetcher.folder.root.string,
            ])
        self.command.withLock { $0 = command }
        // Told to end before there was a command to be told: it does not begin.
        if notice.withLock({ $0 }) != nil { return ErrorCode.cancelled.exitStatus }
        return await withTaskGroup(of: Int32?.self) { group in
            group.addTask { await command.run(logger: self.logger) }
            group.addTask {
                await self.stop(command)
                return nil
            }
            var status: Int32?
            while status == nil, let result = await group.next() { status = result }
            group.cancelAll()
            return status ?? ErrorCode.internal.exitStatus
        }
    }

    /// Kills the command if it has not ended a while after the agent was told to: what it leaves behind is still to be kept.
    private func stop(_ command: WorkCommand) async {
        guard (try? await notices.next()) != nil else { return }
        let half = configuration.persistWithin / 2
        let time = half > .zero ? min(configuration.stopWithin, half) : configuration.stopWithin
        guard (try? await Task.sleep(for: time)) != nil else { return }
        logger.warning("the command has not ended within \(time) after it was told to; it is killed")
        command.send(SIGKILL)
    }
}
