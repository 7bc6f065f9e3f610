import BatonClient
import BatonProtocol
import BatonTransport
import Distributed
import Logging

/// Takes the calls of one work, and runs them one after the other.
struct WorkHost<Hosted: Work>: Sendable {
    private let work: Hosted
    private let place: WorkPlace
    private let system: BatonSystem
    private let targets: TargetNames
    private let build: [UInt8]
    private let logger: Logger

    private typealias Outcome = CallTable.Outcome

    private enum Event: Sendable {
        case arrived(CallEvent)
        case finished(CallTable.ID, Outcome)
        case second
        case stop
        case ended(BatonError)
    }

    init(_ type: Hosted.Type, system: BatonSystem, place: WorkPlace, logger: Logger) throws(CallError) {
        targets = try TargetNames(type)
        build = try Build.digest()
        self.system = system
        self.place = place
        self.logger = logger
        work = type.init(actorSystem: system)
    }

    /// Takes calls until `shutdown` returns, then ends the one that runs.
    ///
    /// - Throws: ``BatonError``: the agent was lost.
    func run(_ calls: Inbox<CallEvent>, until shutdown: @escaping @Sendable () async -> Void) async throws {
        defer { system.release() }
        let events = Inbox<Event>()
        var table = CallTable()
        var incoming: [UInt32: IncomingCall] = [:]
        var running: [CallTable.ID: Inbox<Void>] = [:]
        var isStopping = false
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { await pump(calls, into: events) }
            group.addTask {
                await shutdown()
                events.push([.stop])
            }
            group.addTask {
                while (try? await Task.sleep(for: .seconds(1))) != nil { events.push([.second]) }
            }
            while !(isStopping && table.isIdle), let batch = try await events.next() {
                for event in batch {
                    var actions: [CallTable.Action] = []
                    switch event {
                    case .arrived(.call(let call)):
                        if let refusal = judge(call.order) {
                            call.reply(.failure(refusal))
                            continue
                        }
                        incoming[call.sending] = call
                        actions = table.receive(call.order, sending: call.sending)
                    case .arrived(.cancel(let sending, let code)):
                        actions = table.cancel(sending: sending, because: code, now: .now)
                    case .finished(let id, let outcome):
                        running[id] = nil
                        actions = table.finished(id, outcome, now: .now)
                    case .second: actions = table.tick(now: .now)
                    case .stop:
                        isStopping = true
                        actions = table.stop()
                    case .ended(let error): throw error
                    }
                    for action in actions {
                        switch action {
                        case .accept(let sending): incoming[sending]?.accept()
                        case .reply(let sending, let outcome):
                            incoming.removeValue(forKey: sending)?.reply(outcome)
                        case .stop(let id): running[id]?.push([()])
                        case .start(let order):
                            let stop = Inbox<Void>()
                            running[order.id] = stop
                            group.addTask { events.push([.finished(order.id, await run(order, until: stop))]) }
                        }
                    }
                }
            }
            group.cancelAll()
        }
    }

    private func pump(_ calls: Inbox<CallEvent>, into events: Inbox<Event>) async {
        do throws(BatonError) {
            while let batch = try await calls.next() { events.push(batch.map { .arrived($0) }) }
            events.push([.ended(BatonError(.unreachable, "the agent of the work has ended"))])
        } catch {
            if !Task.isCancelled { events.push([.ended(error)]) }
        }
    }

    /// Why a call cannot be taken, if it cannot (CAL-12).
    private func judge(_ order: CallOrder) -> BatonError? {
        guard order.build == build else {
            return BatonError(
                .versionMismatch,
                "work '\(place.context.work)' runs another build of the program than its caller; start all parts from the same executable",
                saidBy: .owner)
        }
        guard targets.method(order.method) != nil else {
            return BatonError(
                .unsupported,
                "work '\(place.context.work)' has no such method; a work can be called by the distributed methods of its own type only",
                saidBy: .owner)
        }
        return nil
    }

    // MARK: One call

    private func run(_ order: CallOrder, until stop: Inbox<Void>) async -> Outcome {
        let method = targets.method(order.method) ?? ""
        logger.info("called", metadata: ["method": "\(method)"])
        do {
            let result = try await stoppable(until: stop) {
                try await place.fetch(order.values.references)
                try await place.share(WorkState.paths(of: work))
                return try await perform(order)
            }
            // Not to be stopped: what a call leaves behind is kept also if it was.
            try await place.share(WorkState.paths(of: work) + result.values.references)
            if method == "run" { try await keep(after: result) }
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

    /// What the call leaves behind is safe before its caller goes on: the machine may be gone then.
    private func keep(after result: CallResult) async throws {
        do throws(PathError) {
            try await place.keep()
        } catch {
            logger.error("what the call leaves behind is not safe: \(error.message)")
            // What it has thrown says more than that.
            if result.thrown == nil { throw error }
        }
    }
}
