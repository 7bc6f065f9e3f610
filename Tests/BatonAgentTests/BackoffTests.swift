import Testing

@testable import BatonAgent

@Suite("An agent that lost its relay comes back soon, then less often, never in step with others")
struct BackoffTests {
    @Test("The first wait is at most 100 ms")
    func first() {
        for _ in 0..<200 {
            var backoff = Backoff()
            #expect((Duration.milliseconds(50)...Duration.milliseconds(100)).contains(backoff.delay()))
        }
    }

    @Test("Each wait is up to twice as long as the one before, up to five seconds")
    func grows() {
        var backoff = Backoff()
        for longest in [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000] {
            let delay = backoff.delay()
            #expect(delay >= .milliseconds(longest / 2) && delay <= .milliseconds(longest))
        }
    }

    @Test("A good connection begins anew")
    func reset() {
        var backoff = Backoff()
        for _ in 0..<10 { _ = backoff.delay() }
        backoff.reset()
        #expect(backoff.delay() <= .milliseconds(100))
    }

    @Test("No two agents wait equally long, as a rule")
    func jitter() {
        let delays = (0..<100).map { _ in
            var backoff = Backoff()
            for _ in 0..<8 { _ = backoff.delay() }
            return backoff.delay()
        }
        #expect(Set(delays).count > 50)
    }

    @Test("What the relay asked for is waited for, and the usual time on top")
    func hint() {
        var backoff = Backoff()
        let delay = backoff.delay(hint: 2000)
        #expect(delay >= .milliseconds(2050) && delay <= .milliseconds(2100))
    }
}
