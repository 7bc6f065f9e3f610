import BatonClient
import BatonProtocol
import BatonTransport

/// What a host does with a call. Distributed actors are one front of it, ``WorkRunner``; the envelope of a call knows nothing of them.
protocol CallRunner: Sendable {
    /// What is to be done before the first call comes.
    func prepare() async throws(PathError)

    /// Why the call cannot be taken, if it cannot; looked at before anything else of it (CAL-12).
    func refusal(of order: CallOrder) -> BatonError?

    /// Runs the call to its end. When something comes through `stop` it is to end soon.
    func run(_ order: CallOrder, until stop: Inbox<Void>) async -> CallTable.Outcome
}

/// Takes the calls of one work, and has them run one after the other, as its ``CallTable`` says.
struct CallHost: Sendable {
    let runner: any CallRunner

    private enum Event: Sendable {
        case arrived(CallEvent)
        case finished(CallTable.ID, CallTable.Outcome)
        case second
        case stop
        case lost(BatonError)
    }

    /// Takes calls until `shutdown` returns, then stops the one that runs, and waits for its end.
    ///
    /// - Throws: ``BatonError``: the agent was lost.
    func run(_ calls: Inbox<CallEvent>, until shutdown: @escaping @Sendable () async -> Void) async throws {
        let events = Inbox<Event>()
        var desk = Desk(table: CallTable())
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { await forward(calls, to: events) }
            group.addTask {
                await shutdown()
                events.push([.stop])
            }
            group.addTask {
                while (try? await Task.sleep(for: .seconds(1))) != nil { events.push([.second]) }
            }
            while !desk.isDone, let batch = try await events.next() {
                for event in batch {
                    let starts: [CallOrder]
                    switch event {
                    case .arrived(.call(let call)):
                        if let refusal = runner.refusal(of: call.order) {
                            call.reply(.failure(refusal))
                            continue
                        }
                        starts = desk.receive(call)
                    case .arrived(.cancel(let sending, let code)):
                        starts = desk.apply(desk.table.cancel(sending: sending, because: code, now: .now))
                    case .finished(let id, let outcome): starts = desk.finish(id, outcome)
                    case .second: starts = desk.apply(desk.table.tick(now: .now))
                    case .stop: starts = desk.stop()
                    case .lost(let error): throw error
                    }
                    for order in starts {
                        let stop = desk.stopSign(of: order.id)
                        group.addTask { events.push([.finished(order.id, await runner.run(order, until: stop))]) }
                    }
                }
            }
            group.cancelAll()
        }
    }

    private func forward(_ calls: Inbox<CallEvent>, to events: Inbox<Event>) async {
        do throws(BatonError) {
            while let batch = try await calls.next() { events.push(batch.map { .arrived($0) }) }
            events.push([.lost(BatonError(.unreachable, "the agent of the work has ended"))])
        } catch {
            if !Task.isCancelled { events.push([.lost(error)]) }
        }
    }
}

/// The table, and what its actions need: where answers go, and how what runs is stopped.
private struct Desk {
    var table: CallTable
    private var incoming: [UInt32: IncomingCall] = [:]
    private var stopSigns: [CallTable.ID: Inbox<Void>] = [:]
    private var isStopping = false

    init(table: CallTable) { self.table = table }

    var isDone: Bool { isStopping && table.isIdle }

    /// - Returns: as all of these: what is to be begun now.
    mutating func receive(_ call: IncomingCall) -> [CallOrder] {
        incoming[call.sending] = call
        return apply(table.receive(call.order, sending: call.sending))
    }

    mutating func finish(_ id: CallTable.ID, _ outcome: CallTable.Outcome) -> [CallOrder] {
        stopSigns[id] = nil
        return apply(table.finished(id, outcome, now: .now))
    }

    mutating func stop() -> [CallOrder] {
        isStopping = true
        return apply(table.stop())
    }

    mutating func stopSign(of id: CallTable.ID) -> Inbox<Void> {
        let sign = Inbox<Void>()
        stopSigns[id] = sign
        return sign
    }

    mutating func apply(_ actions: [CallTable.Action]) -> [CallOrder] {
        var starts: [CallOrder] = []
        for action in actions {
            switch action {
            case .accept(let sending): incoming[sending]?.accept()
            case .reply(let sending, let outcome): incoming.removeValue(forKey: sending)?.reply(outcome)
            case .stop(let id): stopSigns[id]?.push([()])
            case .start(let order): starts.append(order)
            }
        }
        return starts
    }
}
