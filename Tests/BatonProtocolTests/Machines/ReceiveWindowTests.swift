import BatonProtocol
import Testing

@Suite("A receiver takes what it granted, and grants as it consumes")
struct ReceiveWindowTests {
    private let size: UInt64 = 4 << 20

    @Test("Exactly what was granted may come, and not a byte more")
    func bound() throws {
        var window = ReceiveWindow(size: size)
        try window.receive(Int(size), isTerminal: false)
        #expect(window.received == size)
        expectViolation(.flowControl) { try window.receive(1, isTerminal: false) }
    }

    @Test("END and ERROR need no credit, but count")
    func terminal() throws {
        var window = ReceiveWindow(size: size)
        try window.receive(Int(size), isTerminal: false)
        try window.receive(24, isTerminal: true)
        #expect(window.received == size + 24)
    }

    @Test("Each limit that is granted is what was consumed and the window, and never shrinks")
    func limits() {
        var window = ReceiveWindow(size: size)
        var last = window.limit
        for _ in 0..<1000 {
            guard let limit = window.consume(100_000) else { continue }
            #expect(limit == window.consumed + size && limit > last)
            last = limit
        }
        #expect(last > 1000 * 100_000)
    }

    @Test("A grant is worth a message after a quarter of the window, not before")
    func quarter() {
        var window = ReceiveWindow(size: size)
        #expect(window.consume(size / 4 - 1) == nil)
        #expect(window.consume(1) == size + size / 4)
        #expect(window.consume(size / 4 - 1) == nil)
    }

    @Test(
        "A sender of full chunks never waits for credit that the receiver could give",
        arguments: [1, 2, 4, 64] as [UInt64])
    func noDeadlock(_ megabytes: UInt64) throws {
        var window = ReceiveWindow(size: megabytes << 20)
        var sent: UInt64 = 0
        let frame = UInt64(Limits.lanePayload)
        for _ in 0..<2000 {
            guard sent + frame <= window.limit else {
                Issue.record("stuck at \(sent) with a limit of \(window.limit)")
                return
            }
            sent += frame
            try window.receive(Int(frame), isTerminal: false)
            // All that has come is consumed: whatever is missing must be granted by now.
            _ = window.consume(frame)
        }
    }
}
