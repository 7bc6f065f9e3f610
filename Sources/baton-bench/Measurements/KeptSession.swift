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
    /// The connection's own thread.
    let executor: any TaskExecutor

    init(relay address: String, certificates: String) async throws {
        guard let address = RelayAddress(address) else { throw BenchError("'\(address)' is no address") }
        let context = try TLSContext(
            role: .client, credentials: TLSCredentials(directory: certificates),
            applicationProtocol: applicationProtocol)
        let dialer = RelayDialer(address: address, context: context, software: "baton-bench")
        let loop = group.next()
        session = try await dialer.openSession(on: loop, delegate: NoPaths()).session
        executor = LoopTaskExecutor(loop: loop)
    }

    func exists(_ reference: Reference) async throws -> Bool {
        let request = Request(.exists, deadline: 10_000, origin: reference.origin, path: reference.path)
        guard case .exists(let exists, _) = try await session.call(request) else { return false }
        return exists
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
