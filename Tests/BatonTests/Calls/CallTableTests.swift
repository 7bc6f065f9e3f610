import BatonProtocol
import Testing

@testable import Baton

@Suite("Calls of a host run once, one at a time, and are remembered for a while")
struct CallTableTests {
    private var table = CallTable()
    private let now = ContinuousClock.now

    private func order(_ number: UInt8, again: Bool = false) -> CallOrder {
        var order = CallOrder(
            id: [UInt8](repeating: number, count: 16), build: [UInt8](repeating: 0, count: 32), method: "run",
            values: CallValues(), runSeconds: 1)
        order.isAgain = again
        return order
    }

    private func result(_ byte: UInt8) -> CallTable.Outcome { .success(CallResult(values: CallValues(bytes: [byte]))) }

    private func refused(_ actions: [CallTable.Action]) -> [ErrorCode] {
        actions.compactMap { action in
            if case .reply(_, .failure(let error)) = action { error.code } else { nil }
        }
    }

    @Test mutating func `the first call begins at once, and the next when it is over`() {
        #expect(table.receive(order(1), sending: 2) == [.accept(sending: 2), .start(order(1))])
        #expect(table.receive(order(2), sending: 4) == [.accept(sending: 4)])
        #expect(
            table.finished(order(1).id, result(1), now: now)
                == [.reply(sending: 2, result(1)), .start(order(2))])
        #expect(table.finished(order(2).id, result(2), now: now) == [.reply(sending: 4, result(2))])
        #expect(table.isIdle)
    }

    @Test mutating func `a call that was sent before does not begin a second time`() {
        _ = table.receive(order(1), sending: 2)
        #expect(refused(table.receive(order(1), sending: 4)) == [.usage])
        _ = table.finished(order(1).id, result(1), now: now)
        #expect(refused(table.receive(order(1), sending: 6)) == [.usage])
    }

    @Test mutating func `a caller that comes back gets the answer, and its older stream ends`() {
        _ = table.receive(order(1), sending: 2)
        let actions = table.receive(order(1, again: true), sending: 4)
        #expect(refused(actions) == [.replaced])
        #expect(actions.last == .accept(sending: 4))
        #expect(table.finished(order(1).id, result(1), now: now) == [.reply(sending: 4, result(1))])
    }

    @Test mutating func `an answer that may not have arrived is given again, within a minute`() {
        _ = table.receive(order(1), sending: 2)
        _ = table.finished(order(1).id, result(1), now: now)
        #expect(table.tick(now: now + .seconds(59)).isEmpty)
        #expect(table.receive(order(1, again: true), sending: 4) == [.reply(sending: 4, result(1))])
        _ = table.tick(now: now + .seconds(60))
        #expect(refused(table.receive(order(1, again: true), sending: 6)) == [.lost])
    }

    @Test mutating func `nothing begins for a caller that asks after a call nobody knows`() {
        #expect(refused(table.receive(order(1, again: true), sending: 2)) == [.lost])
        #expect(table.isIdle)
    }

    @Test mutating func `a call whose caller is gone runs on for a minute, and stops when nobody comes`() {
        _ = table.receive(order(1), sending: 2)
        #expect(refused(table.cancel(sending: 2, because: .interrupted, now: now)) == [.interrupted])
        #expect(table.tick(now: now + .seconds(59)).isEmpty)
        #expect(table.tick(now: now + .seconds(60)) == [.stop(order(1).id)])
        #expect(table.tick(now: now + .seconds(61)).isEmpty)
        #expect(table.finished(order(1).id, result(1), now: now + .seconds(61)).isEmpty)
    }

    @Test
    mutating func
        `a caller that comes back too late hears that its call was stopped, not what the body threw for that`()
    {
        _ = table.receive(order(1), sending: 2)
        _ = table.cancel(sending: 2, because: .interrupted, now: now)
        #expect(table.tick(now: now + .seconds(60)) == [.stop(order(1).id)])
        #expect(table.receive(order(1, again: true), sending: 4) == [.accept(sending: 4)])
        let thrown = CallResult(thrown: .init(type: "", message: "CancellationError()"), values: CallValues())
        #expect(refused(table.finished(order(1).id, .success(thrown), now: now + .seconds(61))) == [.cancelled])
    }

    @Test mutating func `a call whose caller comes back in time is not stopped`() {
        _ = table.receive(order(1), sending: 2)
        _ = table.cancel(sending: 2, because: .interrupted, now: now)
        #expect(table.receive(order(1, again: true), sending: 4) == [.accept(sending: 4)])
        #expect(table.tick(now: now + .seconds(100)).isEmpty)
    }

    @Test mutating func `what waits for a caller that never comes back is forgotten`() {
        _ = table.receive(order(1), sending: 2)
        _ = table.receive(order(2), sending: 4)
        _ = table.cancel(sending: 4, because: .interrupted, now: now)
        #expect(table.tick(now: now + .seconds(60)).isEmpty)
        #expect(table.finished(order(1).id, result(1), now: now) == [.reply(sending: 2, result(1))])
        #expect(table.isIdle)
    }

    @Test(arguments: [ErrorCode.cancelled, .deadline])
    mutating func `a cancelled call is stopped, and its caller still gets an answer`(_ code: ErrorCode) {
        _ = table.receive(order(1), sending: 2)
        #expect(table.cancel(sending: 2, because: code, now: now) == [.stop(order(1).id)])
        let thrown = CallResult(thrown: .init(type: "", message: "CancellationError()"), values: CallValues())
        #expect(refused(table.finished(order(1).id, .success(thrown), now: now)) == [code])
    }

    @Test mutating func `a call that comes to its end although it was stopped has its result`() {
        _ = table.receive(order(1), sending: 2)
        _ = table.cancel(sending: 2, because: .deadline, now: now)
        #expect(table.finished(order(1).id, result(1), now: now) == [.reply(sending: 2, result(1))])
    }

    @Test mutating func `a call that is cancelled while it waits never begins`() {
        _ = table.receive(order(1), sending: 2)
        _ = table.receive(order(2), sending: 4)
        #expect(refused(table.cancel(sending: 4, because: .cancelled, now: now)) == [.cancelled])
        #expect(table.finished(order(1).id, result(1), now: now) == [.reply(sending: 2, result(1))])
    }

    @Test mutating func `so many calls wait and no more`() {
        _ = table.receive(order(0), sending: 1000)
        for sending in 0..<UInt32(CallTable.room) {
            var waiting = order(1)
            waiting.id[0] = UInt8(truncatingIfNeeded: sending)
            waiting.id[1] = UInt8(truncatingIfNeeded: sending >> 8) &+ 100
            #expect(table.receive(waiting, sending: sending) == [.accept(sending: sending)])
        }
        #expect(refused(table.receive(order(2), sending: 2000)) == [.busy])
    }

    @Test mutating func `so many answers are remembered and no more`() {
        for number in 0...UInt8(CallTable.memory) {
            _ = table.receive(order(number), sending: UInt32(number))
            _ = table.finished(order(number).id, result(number), now: now)
        }
        #expect(refused(table.receive(order(0, again: true), sending: 500)) == [.lost])
        #expect(table.receive(order(1, again: true), sending: 501) == [.reply(sending: 501, result(1))])
    }

    @Test mutating func `a host that ends stops what runs and refuses what waits and what comes`() {
        _ = table.receive(order(1), sending: 2)
        _ = table.receive(order(2), sending: 4)
        let actions = table.stop()
        #expect(actions.first == .stop(order(1).id))
        #expect(refused(actions) == [.unreachable])
        #expect(refused(table.receive(order(3), sending: 6)) == [.unreachable])
        let thrown = CallResult(thrown: .init(type: "", message: "CancellationError()"), values: CallValues())
        #expect(refused(table.finished(order(1).id, .success(thrown), now: now)) == [.lost])
        #expect(table.isIdle)
    }
}
