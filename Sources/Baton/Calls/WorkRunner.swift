import BatonProtocol
import BatonTransport
import Distributed
import Logging

/// Runs calls as distributed methods of one work: gets what it is handed, runs the method, shares and keeps what it leaves behind.
struct WorkRunner<Hosted: Work>: CallRunner {
    private let work: Hosted
    private let place: WorkPlace
    private let system: BatonSystem
    private let targets: TargetNames
    private let build: [UInt8]
    private let logger: Logger

    /// Makes the work.
    ///
    /// - Throws: ``CallError`` `unsupported` for a type that cannot be a work's.
    init(_ type: Hosted.Type, system: BatonSystem, place: WorkPlace, logger: Logger) throws(CallError) {
        targets = try TargetNames(type)
        build = try Build.digest()
        self.system = system
        self.place = place
        self.logger = logger
        work = type.init(actorSystem: system)
    }

    func refusal(of order: CallOrder) -> BatonError? {
        let name = place.context.work
        guard order.build == build else {
            return BatonError(
                .versionMismatch,
                "work '\(name)' runs another build of the program than its caller; start all parts from the same executable",
                saidBy: .owner)
        }
        guard targets.method(order.method) != nil else {
            return BatonError(
                .unsupported,
                "work '\(name)' has no such method; a work can be called by the distributed methods of its own type only",
                saidBy: .owner)
        }
        return nil
    }

    func run(_ order: CallOrder, until stop: Inbox<Void>) async -> CallTable.Outcome {
        let method = targets.method(order.method) ?? ""
        logger.info("called", metadata: ["method": "\(method)"])
        do {
            let result = try await stoppable(until: stop) {
                try await place.fetch(order.values.references)
                try await place.share(WorkState.paths(of: work))
                return try await perform(order)
            }
            // Not to be stopped: what a call leaves behind is kept also if it was, and before its caller goes on: the machine may be gone then.
            do {
                try await place.share(WorkState.paths(of: work))
                try await place.shareHandedOver(result.values.references)
                if method == "run" { try await place.keep() }
            } catch {
                logger.error("after a call: \(error.message)", metadata: ["method": "\(method)"])
                // What the call has thrown says more than that.
                if result.thrown == nil { throw error }
            }
            return .success(result)
        } catch let error as PathError {
            return .success(ThrownError.write(error, sender: place.context.work))
        } catch let error as CallError {
            // `unreadable` is no code of the protocol.
            guard let code = ErrorCode(name: error.code.rawValue) else {
                return .success(ThrownError.write(error, sender: place.context.work))
            }
            return .failure(BatonError(code, error.message, saidBy: .owner))
        } catch {
            return .failure(BatonError(.internal, "\(error)", saidBy: .owner))
        }
    }

    /// Declares what the work has from the start: another run of it may have left that.
    func prepare() async throws(PathError) { try await place.share(WorkState.paths(of: work)) }

    /// Cancels the body when it is told to, and waits for its end in any case.
    private func stoppable(
        until stop: Inbox<Void>, _ body: @escaping @Sendable () async throws -> CallResult
    ) async throws -> CallResult {
        try await withThrowingTaskGroup(of: CallResult?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                _ = try? await stop.next()
                return nil
            }
            var result = try await group.next() ?? nil
            group.cancelAll()
            while result == nil, let next = try await group.next() { result = next }
            guard let result else { throw CallError(.internal, "a call has come to no end") }
            return result
        }
    }

    private func perform(_ order: CallOrder) async throws -> CallResult {
        let handler = BatonResultHandler(sender: place.context.work)
        try await WorkContext.$current.withValue(place.context) {
            var decoder = try BatonInvocationDecoder(order.values.bytes, system: system)
            try await system.executeDistributedTarget(
                on: work, target: RemoteCallTarget(order.method), invocationDecoder: &decoder, handler: handler)
        }
        guard let result = handler.result else { throw CallError(.internal, "a call has come to no result") }
        return result
    }
}
