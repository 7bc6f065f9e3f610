import BatonProtocol
import BatonTransport
import Synchronization
import Testing

@Suite("A send gate holds its producer back while enough waits", .timeLimit(.minutes(1)))
struct SendGateTests {
    @Test("It lets in while less than its capacity waits")
    func open() async throws {
        let gate = SendGate(capacity: 100)
        try await gate.enter(60)
        try await gate.enter(60)
    }

    @Test("It holds back at its capacity until enough has left")
    func held() async throws {
        let gate = SendGate(capacity: 100)
        try await gate.enter(150)
        let isIn = Mutex(false)
        async let entered: Void = {
            try await gate.enter(1)
            isIn.withLock { $0 = true }
        }()
        try await Task.sleep(for: .milliseconds(30))
        gate.leave(50)
        try await Task.sleep(for: .milliseconds(30))
        #expect(!isIn.withLock { $0 })
        gate.leave(1)
        try await entered
    }

    @Test("A failure ends the wait and every later one, with the first error")
    func failure() async throws {
        let gate = SendGate(capacity: 1)
        try await gate.enter(1)
        let task = Task { try await gate.enter(1) }
        try await Task.sleep(for: .milliseconds(20))
        gate.fail(BatonError(.interrupted, "first"))
        gate.fail(BatonError(.deadline, "second"))
        await #expect(throws: BatonError(.interrupted, "first")) { try await task.value }
        await #expect(throws: BatonError(.interrupted, "first")) { try await gate.enter(1) }
    }

    @Test("Cancelling the task ends the wait")
    func cancelled() async throws {
        let gate = SendGate(capacity: 1)
        try await gate.enter(1)
        let task = Task { try await gate.enter(1) }
        try await Task.sleep(for: .milliseconds(20))
        task.cancel()
        let error = await #expect(throws: BatonError.self) { try await task.value }
        #expect(error?.code == .cancelled)
    }
}
