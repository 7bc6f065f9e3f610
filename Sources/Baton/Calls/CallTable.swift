import BatonClient
import BatonProtocol

/// The calls of one host: which waits, which runs, which answers are still to be remembered (chapter 13, CAL-13 to CAL-18). A value
/// without connections, tasks or clocks: events in, actions out.
struct CallTable {
    typealias Instant = ContinuousClock.Instant

    /// Which call: the 16 bytes that its caller chose.
    typealias ID = [UInt8]

    enum Action: Equatable {
        /// The caller's time begins to count as running time.
        case accept(sending: UInt32)
        case start(CallOrder)
        /// Cancel the task that runs it; ``finished(_:_:now:)`` follows.
        case stop(ID)
        case reply(sending: UInt32, Outcome)
    }

    typealias Outcome = Result<CallResult, BatonError>

    private enum State {
        case waiting
        case running
        case over(Outcome)
    }

    private struct Entry {
        let order: CallOrder
        var state = State.waiting
        /// Where the answer goes; `nil`: nobody waits for it.
        var sending: UInt32?
        /// Why it was stopped, if it was.
        var stopped: ErrorCode?
        /// Until when somebody may come and ask again.
        var until: Instant?
    }

    private var entries: [ID: Entry] = [:]
    private var queue: [ID] = []
    private var running: ID?
    /// Calls that are over, the oldest first.
    private var over: [ID] = []
    private var isStopping = false

    /// Calls that wait at once.
    static let room = 256
    /// How long a caller whose connection was lost may take to come back, and how long an answer is remembered.
    static let patience = Duration.seconds(60)
    /// Answers that are remembered at once.
    static let memory = 64

    var isIdle: Bool { running == nil && queue.isEmpty }

    mutating func receive(_ order: CallOrder, sending: UInt32) -> [Action] {
        let id = order.id
        if order.isAgain { return receiveAgain(id, sending) }
        guard entries[id] == nil else {
            return [refusal(sending, .usage, "this call was sent before")]
        }
        guard !isStopping else { return [refusal(sending, .unreachable, "the work is shutting down")] }
        guard queue.count < CallTable.room else {
            return [refusal(sending, .busy, "too many calls wait for this work; try again later")]
        }
        entries[id] = Entry(order: order, sending: sending)
        queue.append(id)
        return [.accept(sending: sending)] + startNext()
    }

    private mutating func receiveAgain(_ id: ID, _ sending: UInt32) -> [Action] {
        guard let entry = entries[id] else {
            return [refusal(sending, .lost, "the program of the work knows nothing of this call any more")]
        }
        var actions = entry.sending.map { [refusal($0, .replaced, "the call was sent again")] } ?? []
        if case .over(let outcome) = entry.state {
            actions.append(.reply(sending: sending, outcome))
        } else {
            entries[id]?.sending = sending
            entries[id]?.until = nil
            actions.append(.accept(sending: sending))
        }
        return actions
    }

    /// The caller does not wait any more; with `interrupted` it may come back.
    mutating func cancel(sending: UInt32, because code: ErrorCode, now: Instant) -> [Action] {
        guard let (id, entry) = entries.first(where: { $0.value.sending == sending }) else { return [] }
        if code == .interrupted {
            entries[id]?.sending = nil
            entries[id]?.until = now + CallTable.patience
            return [refusal(sending, .interrupted, "the caller is gone")]
        }
        if case .running = entry.state {
            entries[id]?.stopped = code
            return [.stop(id)]
        }
        return [refusal(sending, code, "the call was cancelled before it began")] + forget(id)
    }

    mutating func finished(_ id: ID, _ outcome: Outcome, now: Instant) -> [Action] {
        guard let entry = entries[id] else { return [] }
        let outcome = entry.stopped.map { CallTable.outcome(outcome, ofStopped: $0) } ?? outcome
        running = nil
        entries[id]?.state = .over(outcome)
        entries[id]?.sending = nil
        entries[id]?.until = now + CallTable.patience
        over.append(id)
        if over.count > CallTable.memory { entries[over.removeFirst()] = nil }
        return (entry.sending.map { [.reply(sending: $0, outcome)] } ?? []) + startNext()
    }

    /// What a body throws because it was stopped says less than why it was.
    private static func outcome(_ outcome: Outcome, ofStopped code: ErrorCode) -> Outcome {
        if case .success(let result) = outcome, result.thrown == nil { return outcome }
        let why =
            switch code {
            case .deadline: "the call took longer than it was given, and was stopped"
            case .lost: "the work was told to end in the middle of the call"
            default: "the call was cancelled"
            }
        return .failure(BatonError(code, why, saidBy: .owner))
    }

    /// Some time has passed.
    mutating func tick(now: Instant) -> [Action] {
        var actions: [Action] = []
        for (id, entry) in entries {
            guard let until = entry.until, until <= now else { continue }
            if case .running = entry.state {
                entries[id]?.until = nil
                entries[id]?.stopped = entry.stopped ?? .cancelled
                actions.append(.stop(id))
            } else {
                actions += forget(id)
            }
        }
        return actions
    }

    /// The host ends: what waits is refused, what runs is stopped.
    mutating func stop() -> [Action] {
        isStopping = true
        var actions: [Action] = []
        if let running {
            entries[running]?.stopped = .lost
            actions.append(.stop(running))
        }
        for id in queue {
            if let sending = entries[id]?.sending {
                actions.append(refusal(sending, .unreachable, "the work is shutting down"))
            }
            entries[id] = nil
        }
        queue = []
        return actions
    }

    private mutating func startNext() -> [Action] {
        guard running == nil, !queue.isEmpty else { return [] }
        let id = queue.removeFirst()
        guard let order = entries[id]?.order else { return startNext() }
        running = id
        entries[id]?.state = .running
        return [.start(order)]
    }

    private mutating func forget(_ id: ID) -> [Action] {
        entries[id] = nil
        queue.removeAll { $0 == id }
        over.removeAll { $0 == id }
        return []
    }

    private func refusal(_ sending: UInt32, _ code: ErrorCode, _ message: String) -> Action {
        .reply(sending: sending, .failure(BatonError(code, message, saidBy: .owner)))
    }
}
