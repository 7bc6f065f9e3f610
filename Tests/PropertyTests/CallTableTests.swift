import BatonProtocol
import PropertyTesting
import Testing

@testable import Baton

@Suite("Each call is answered once wherever it is awaited, in whatever order things happen", .timeLimit(.minutes(5)))
struct CallTableTests {
    private struct Call {
        let order: CallOrder
        /// How often it was begun, and ended.
        var starts = 0
        var ends = 0
        /// It was stopped: its body may end with an error of its own.
        var isStopped = false
    }

    private func order(_ number: Int, again: Bool = false) -> CallOrder {
        var order = CallOrder(
            id: (0..<16).map { UInt8(truncatingIfNeeded: number >> (8 * ($0 % 2))) },
            build: [UInt8](repeating: 0, count: 32),
            method: "run", values: CallValues(), runSeconds: 1)
        order.isAgain = again
        return order
    }

    @Test func `a call begins once at most, one at a time, and each sending of it gets exactly one answer`()
        async throws
    {
        try await checkProperty(runs: 80, steps: 250) { run in
            var table = CallTable()
            var now = ContinuousClock.now
            var calls: [CallTable.ID: Call] = [:]
            var ids: [CallTable.ID] = []
            var arrivals: [CallTable.ID] = []
            /// Which call each open sending is for.
            var open: [UInt32: CallTable.ID] = [:]
            var lastSending: UInt32 = 0
            var running: CallTable.ID?
            var isStopping = false

            func perform(_ actions: [CallTable.Action]) throws {
                for action in actions {
                    switch action {
                    case .accept(let sending):
                        try run.expect(open[sending] != nil, "\(sending) is accepted after its answer")
                    case .start(let order):
                        run.note("\(order.id[0]) begins")
                        try run.expect(running == nil, "two calls run at once")
                        try run.expect(!isStopping, "a call begins though the host ends")
                        running = order.id
                        calls[order.id]?.starts += 1
                        try run.expect(calls[order.id]?.starts == 1, "a call begins twice")
                        guard let place = arrivals.firstIndex(of: order.id) else {
                            throw Broken("\(order.id[0]) begins after one that came later")
                        }
                        // Those before it were cancelled while they waited.
                        arrivals.removeSubrange(...place)
                    case .stop(let id):
                        run.note("\(id[0]) is to stop")
                        try run.expect(running == id, "what does not run is stopped")
                        calls[id]?.isStopped = true
                    case .reply(let sending, let outcome):
                        run.note("\(sending) is answered")
                        guard let id = open.removeValue(forKey: sending) else {
                            throw Broken("\(sending) is answered a second time")
                        }
                        guard case .success(let result) = outcome else { continue }
                        try run.expect(
                            result.thrown == nil, "what a body throws because it was stopped is taken for an answer")
                        try run.expect(result.values.bytes == id, "a call gets the result of another")
                        try run.expect(calls[id]?.ends == 1, "a result comes before the end")
                    }
                }
            }
            func finish(stopped: Bool) throws {
                guard let id = running else { return }
                run.note("\(id[0]) is over")
                running = nil
                calls[id]?.ends += 1
                let result = CallResult(values: CallValues(bytes: id))
                let thrown = CallResult(
                    thrown: .init(type: "", message: "CancellationError()"), values: CallValues(bytes: id))
                try perform(table.finished(id, .success(stopped ? thrown : result), now: now))
            }

            while run.step() {
                switch run.number(0...19) {
                case 0...5:
                    lastSending += 1
                    // Now and then one that the host must know still.
                    let known = run.oneIn(8) ? running.flatMap { calls[$0]?.order } : nil
                    let order = known ?? order(ids.count + 1)
                    run.note("\(order.id[0]) comes as \(lastSending)")
                    open[lastSending] = order.id
                    if calls[order.id] == nil {
                        calls[order.id] = Call(order: order)
                        ids.append(order.id)
                        arrivals.append(order.id)
                    }
                    try perform(table.receive(order, sending: lastSending))
                case 6...9:
                    // Somebody asks again, also after calls that nobody knows.
                    guard var order = run.pick(ids.suffix(6)).flatMap({ calls[$0]?.order }) else { break }
                    order.isAgain = true
                    lastSending += 1
                    run.note("\(order.id[0]) comes again as \(lastSending)")
                    open[lastSending] = order.id
                    try perform(table.receive(order, sending: lastSending))
                case 10...12:
                    let sending = run.oneIn(6) ? lastSending + 1000 : run.pick(open.keys.sorted()) ?? 0
                    let code = run.pick([ErrorCode.interrupted, .interrupted, .cancelled, .deadline]) ?? .cancelled
                    run.note("\(sending) is cancelled: \(code.name)")
                    try perform(table.cancel(sending: sending, because: code, now: now))
                case 13...15: try finish(stopped: false)
                case 16: if let id = running, calls[id]?.isStopped == true { try finish(stopped: true) }
                case 17...18:
                    now += .seconds(run.number(0...40))
                    run.note("time passes")
                    try perform(table.tick(now: now))
                default:
                    guard run.oneIn(10) else { break }
                    run.note("the host ends")
                    isStopping = true
                    try perform(table.stop())
                }
            }
            for _ in 0...ids.count where !table.isIdle { try finish(stopped: false) }
            try run.expect(table.isIdle && running == nil, "the table never comes to rest")
            try run.expect(open.isEmpty, "\(open.keys.sorted()) are never answered")
            now += CallTable.patience
            try perform(table.tick(now: now))
            for id in ids {
                guard var order = calls[id]?.order else { continue }
                order.isAgain = true
                lastSending += 1
                open[lastSending] = id
                let actions = table.receive(order, sending: lastSending)
                guard case .reply(_, .failure(let error)) = actions.first, actions.count == 1, error.code == .lost
                else {
                    throw Broken("a call is remembered for longer than its time: \(actions)")
                }
            }
        }
    }
}
