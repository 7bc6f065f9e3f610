import BatonAgent
import BatonProtocol
import BatonTransport
import Logging

/// Runs something that serves, and beside it `body`, from when it is ready; when `body` has ended, it is told to end.
///
/// - Parameters:
///   - service: serves until the function returns that it is given; calls the other one once it is ready.
///   - body: is cancelled if the service fails.
func serving<Ready: Sendable, Result: Sendable>(
    _ service:
        @escaping @Sendable (
            _ onReady: @escaping @Sendable (Ready) async -> Void, _ shutdown: @escaping @Sendable () async -> Void
        ) async throws -> Void,
    _ body: @escaping @Sendable (Ready) async throws -> Result
) async throws -> Result {
    let ready = Inbox<Ready>()
    let end = Inbox<Void>()
    return try await withThrowingTaskGroup(of: Ended<Result>.self) { group in
        group.addTask {
            try await service {
                ready.push([$0])
            } _: {
                _ = try? await end.next()
            }
            return .service
        }
        group.addTask {
            // What serves is to end in peace also if the body fails.
            defer { end.push([()]) }
            do {
                guard let place = try await ready.next()?.first else { throw CancellationError() }
                return .body(.success(try await body(place)))
            } catch {
                return .body(.failure(error))
            }
        }
        var outcome: Swift.Result<Result, any Error>?
        while let next = await group.nextResult() {
            switch next {
            case .success(.body(let result)): outcome = result
            // It has ended, though nobody told it to: there is nothing left to wait for.
            case .success(.service): if outcome == nil { group.cancelAll() }
            // If the body has failed, too, that is a consequence: it was left alone.
            case .failure(let error): throw error
            }
        }
        guard let outcome else { throw CancellationError() }
        return try outcome.get()
    }
}

/// Which of the two has ended.
private enum Ended<Value: Sendable>: Sendable {
    case service
    case body(Result<Value, any Error>)
}

/// Runs `body`, and cancels it once `shutdown` has returned; waits for its end in any case.
///
/// - Throws: ``ToldToEnd`` if it was cancelled and has not come to a good end all the same.
func untilToldToEnd(
    _ shutdown: @escaping @Sendable () async -> Void, _ body: @escaping @Sendable () async throws -> Void
) async throws {
    try await withThrowingTaskGroup(of: Bool.self) { group in
        group.addTask {
            try await body()
            return true
        }
        group.addTask {
            await shutdown()
            return false
        }
        let hasEnded = try await group.next() ?? true
        group.cancelAll()
        if !hasEnded, case .failure = await group.nextResult() { throw ToldToEnd() }
    }
}

/// A flow was stopped before its end, because its program was told to.
struct ToldToEnd: Error {}

/// An agent in this process.
struct EmbeddedAgent: Sendable {
    private let configuration: Agent.Configuration
    private let logger: Logger

    init(_ configuration: Agent.Configuration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Runs `body` with the agent's socket; then the agent has kept what is left behind, and ends.
    func run(_ body: @escaping @Sendable (_ socket: String) async throws -> Void) async throws {
        let statuses = Inbox<Int32>()
        try await serving { onReady, shutdown in
            let agent = Agent(configuration, logger: logger)
            statuses.push([try await agent.run(onReady: onReady, until: shutdown)])
        } _: { (socket: String) in
            try await body(socket)
        }
        guard try await statuses.next()?.first == 0 else {
            throw BatonError(
                .deadline, "what the work leaves behind below \(configuration.root) is not safe; the log says why")
        }
    }
}
