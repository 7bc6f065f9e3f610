import BatonProtocol
public import BatonTLS
public import BatonTransport
import Glibc
public import Logging
import NIOCore

/// The relay: accepts agents, routes their requests to the works that own the paths, and streams the answers back.
public struct Relay: Sendable {
    public struct Configuration: Sendable {
        /// Where to listen; port 0 picks one.
        public var address: RelayAddress
        public var credentials: TLSCredentials
        /// Event loops that carry lanes.
        public var bulkThreads: Int
        /// Memory for data on its way, in bytes, of all streams together.
        public var windowMemory: UInt64 = 512 << 20
        /// How long running requests may take after a shutdown has begun, in seconds.
        public var drainSeconds: Int64 = 10
        /// Name and version, for the other side's logs.
        public var software = "baton-relay"

        public init(address: RelayAddress, credentials: TLSCredentials, bulkThreads: Int) {
            self.address = address
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
        let loops = EventLoops(bulkThreads: configuration.bulkThreads)
        let router = Router(
            loops: loops, windowMemory: configuration.windowMemory, firstEpoch: Relay.firstEpoch(),
            software: configuration.software, logger: logger)
        do {
            let listener = try await RelayListener.listen(
                on: configuration.address, loop: loops.control, context: context, doorkeeper: router, logger: logger)
            await onReady(RelayAddress(host: configuration.address.host, port: listener.port))
            await shutdown()
            logger.notice("shutting down")
            await listener.close()
            await router.drain(within: .seconds(configuration.drainSeconds))
            for _ in 0..<(configuration.drainSeconds + 2) * 20 {
                if await router.isEmpty { break }
                try? await Task.sleep(for: .milliseconds(50))
            }
            await router.close()
        } catch {
            await loops.shutdown()
            throw error
        }
        await loops.shutdown()
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
