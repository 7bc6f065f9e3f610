import BatonProtocol
import BatonTransport
import Testing

@Suite("An inbox hands on what was pushed, in order, to the one who waits", .timeLimit(.minutes(1)))
struct InboxTests {
    @Test("What came since the last call comes as one batch")
    func batches() async throws {
        let inbox = Inbox<Int>()
        inbox.push([1, 2])
        inbox.push([3])
        #expect(try await inbox.next() == [1, 2, 3])
        inbox.push([4])
        #expect(try await inbox.next() == [4])
    }

    @Test("Who waits is woken by what comes")
    func wakes() async throws {
        let inbox = Inbox<Int>()
        async let batch = inbox.next()
        try await Task.sleep(for: .milliseconds(20))
        inbox.push([7])
        #expect(try await batch == [7])
    }

    @Test("The end comes after everything that was pushed before it, and nothing after it counts")
    func end() async throws {
        let inbox = Inbox<Int>()
        inbox.push([1])
        inbox.finish()
        inbox.push([2])
        #expect(try await inbox.next() == [1])
        #expect(try await inbox.next() == nil)
        #expect(try await inbox.next() == nil)
    }

    @Test("An error comes after everything that was pushed before it, and the first end holds")
    func failure() async throws {
        let inbox = Inbox<Int>()
        inbox.push([1])
        inbox.finish(BatonError(.interrupted, "first"))
        inbox.finish(BatonError(.deadline, "second"))
        #expect(try await inbox.next() == [1])
        await #expect(throws: BatonError(.interrupted, "first")) { try await inbox.next() }
    }

    @Test("Who waits is woken by the end")
    func endWakes() async throws {
        let inbox = Inbox<Int>()
        async let batch = inbox.next()
        try await Task.sleep(for: .milliseconds(20))
        inbox.finish()
        #expect(try await batch == nil)
    }

    @Test("Cancelling the task ends the wait")
    func cancelled() async {
        let inbox = Inbox<Int>()
        let task = Task { try await inbox.next() }
        try? await Task.sleep(for: .milliseconds(20))
        task.cancel()
        let error = await #expect(throws: BatonError.self) { try await task.value }
        #expect(error?.code == .cancelled)
    }

    @Test("Nothing is lost or doubled when others push while one takes")
    func concurrent() async throws {
        let inbox = Inbox<Int>()
        async let pushed: Void = withTaskGroup { group in
            for pusher in 0..<8 {
                group.addTask { for number in 0..<500 { inbox.push([pusher * 500 + number]) } }
            }
        }
        var taken: [Int] = []
        while taken.count < 4000, let batch = try await inbox.next() { taken += batch }
        await pushed
        #expect(taken.sorted() == Array(0..<4000))
        for pusher in 0..<8 {
            let own = taken.filter { $0 / 500 == pusher }
            #expect(own == own.sorted(), "the order of one pusher is kept")
        }
    }
}
