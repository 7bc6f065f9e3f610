public import BatonFiles
import BatonProtocol
public import BatonTLS
import BatonTransfer
public import BatonTransport
import Glibc
public import Logging
import NIOCore
public import SystemPackage

/// The relay: accepts agents, routes their requests to the works that own the paths, and streams the answers back.
public struct Relay: Sendable {
    public struct Configuration: Sendable {
        /// Where to listen; port 0 picks one.
        public var address: RelayAddress
        public var credentials: TLSCredentials
        /// Where the files lie that works leave behind.
        public var store: FilePath
        /// How much of that is kept.
        public var keeping = KeepingPolicy()
        /// Threads that read and write files.
        public var fileThreads = 8
        /// Event loops that carry lanes.
        public var bulkThreads: Int
        /// Memory for data on its way, in bytes, of all streams together.
        public var windowMemory: UInt64 = 512 << 20
        /// How long running requests may take after a shutdown has begun, in seconds.
        public var drainSeconds: Int64 = 10
        /// Name and version, for the other side's logs.
        public var software = "baton-relay"

        public init(address: RelayAddress, credentials: TLSCredentials, store: FilePath, bulkThreads: Int) {
            self.address = address
            self.store = store
            self.credentials = credentials
            self.bulkThreads = bulkThreads
        }
    }

    private let configuration: Configuration
    private let logger: Logger

    public init(_ configuration: Configuration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Serves until `shutdown` returns, then lets running requests end.
    ///
    /// - Parameter onReady: told the address once the relay listens.
    /// - Throws: ``BatonError`` if it cannot start.
    public func run(
        onReady: @Sendable (RelayAddress) async -> Void, until shutdown: @Sendable () async -> Void
    ) async throws {
        let context = try makeContext()
        let store = try openStore()
        let loops = EventLoops(bulkThreads: configuration.bulkThreads)
        let executor = BlockingExecutor(threads: configuration.fileThreads)
        // What is received is read through for its digests: nobody's question is to wait for that.
        let receiving = BlockingExecutor(threads: configuration.fileThreads, givesWay: true)
        let result: Result<Void, any Error>
        do {
            let router = Router(
                loops: loops, store: store, jobs: JobList(), windowMemory: configuration.windowMemory,
                firstEpoch: Relay.firstEpoch(), software: configuration.software, logger: logger)
            let listener = try await RelayListener.listen(
                on: configuration.address, loops: loops, context: context, doorkeeper: router, logger: logger)
            result = .success(
                try await withThrowingDiscardingTaskGroup { group in
                    let keeper = Keeper(store: store, router: router, executor: receiving, logger: logger)
                    let desk = StoreDesk(store: store, router: router, keeper: keeper, logger: logger)
                    group.addTask { await serve(router.jobs, desk, executor) }
                    group.addTask { await sweep(store, executor) }
                    await onReady(RelayAddress(host: configuration.address.host, port: listener.port))
                    await shutdown()
                    logger.notice("shutting down")
                    await listener.close()
                    await drain(router)
                    group.cancelAll()
                })
        } catch {
            result = .failure(error)
        }
        await receiving.shutdown()
        await executor.shutdown()
        await loops.shutdown()
        try result.get()
    }

    private func drain(_ router: Router) async {
        await router.drain(within: .seconds(configuration.drainSeconds))
        for _ in 0..<(configuration.drainSeconds + 2) * 20 {
            if await router.isEmpty { break }
            try? await Task.sleep(for: .milliseconds(50))
        }
        await router.close()
    }

    // MARK: The store

    private func openStore() throws(BatonError) -> LocalArtifactStore {
        let (store, report) = try LocalArtifactStore.open(at: configuration.store, policy: configuration.keeping)
        logger.info(
            "the store is open", metadata: ["generations": "\(report.generations)", "partial": "\(report.partial)"])
        for damaged in report.damaged { logger.error("damaged, and not served: \(damaged)") }
        for strange in report.strange { logger.warning("not the store's, and left alone: \(strange)") }
        return store
    }

    /// Jobs that may run at once; one that waits for the network counts, too.
    private static let workers = 256

    private func serve(_ jobs: JobList, _ desk: StoreDesk, _ executor: BlockingExecutor) async {
        await withDiscardingTaskGroup { group in
            for _ in 0..<Relay.workers {
                group.addTask(executorPreference: executor) {
                    while let job = await jobs.queue.next() {
                        await desk.serve(job)
                        jobs.remove(job)
                    }
                }
            }
        }
    }

    /// Removes, now and then, what is to be kept no longer.
    private func sweep(_ store: any ArtifactStore, _ executor: BlockingExecutor) async {
        await withTaskExecutorPreference(executor) {
            while (try? await Task.sleep(for: .seconds(30))) != nil {
                let sweep = store.sweep()
                for removed in sweep.removed { logger.info("kept no longer: \(removed)") }
                for left in sweep.left { logger.warning("cannot be removed: \(left)") }
            }
        }
    }

    private func makeContext() throws(BatonError) -> TLSContext {
        do {
            return try TLSContext(
                role: .server, credentials: configuration.credentials, applicationProtocol: applicationProtocol)
        } catch {
            throw BatonError(connection: error)
        }
    }

    /// Microseconds since 1970: higher than any epoch of an earlier run, unless that had a session every microsecond.
    private static func firstEpoch() -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return UInt64(clamping: now.tv_sec) &* 1_000_000 &+ UInt64(clamping: now.tv_nsec / 1000)
    }
}
