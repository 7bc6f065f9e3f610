import BatonProtocol
import BatonTLS
import BatonTransport
import Foundation
import NIOCore
import NIOPosix

/// A work's own session with the relay, as a program with an embedded agent has it: one TLS connection, as the echo's client has.
final class KeptSession: Sendable {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let session: Session
    private let executor: LoopTaskExecutor

    init(relay address: String, certificates: String) async throws {
        guard let address = RelayAddress(address) else { throw BenchError("'\(address)' is no address") }
        let context = try TLSContext(
            role: .client, credentials: TLSCredentials(directory: certificates),
            applicationProtocol: applicationProtocol)
        let dialer = RelayDialer(address: address, context: context, software: "baton-bench")
        let loop = group.next()
        session = try await dialer.openSession(on: loop, delegate: NoPaths())
        executor = LoopTaskExecutor(loop: loop)
    }

    /// Microseconds that each of `count` questions took, one after the other.
    func timeExists(_ reference: Reference, _ count: Int) async throws -> [Double] {
        try await withTaskExecutorPreference(executor) {
            try await KeptSession.timeExists(on: session, reference, count)
        }
    }

    /// Isolated to the session, and with its loop as task executor: on the connection's own thread.
    private static func timeExists(
        on session: isolated Session, _ reference: Reference, _ count: Int
    ) async throws -> [Double] {
        let request = Request(.exists, deadline: 10_000, origin: reference.origin, path: reference.path)
        var samples: [Double] = []
        for _ in 0..<count {
            let start = ContinuousClock.now
            guard case .exists(true, _) = try await session.call(request) else {
                throw BenchError("\(reference) does not exist, says the origin")
            }
            samples.append((ContinuousClock.now - start).seconds * 1e6)
        }
        return samples
    }

    func close() async throws {
        try await session.channel.close()
        try await group.shutdownGracefully()
    }
}

/// It asks, and has nothing to give.
private final class NoPaths: SessionDelegate {
    func session(_ session: Session, received request: Request, on stream: StreamID) {
        session.reply(.error(BatonError(.notShared, "a benchmark shares nothing", saidBy: .owner)), on: stream)
    }

    func session(_ session: Session, cancelled stream: StreamID, because code: ErrorCode) {}
    func sessionEnded(_ session: Session, _ error: BatonError) {}
}
