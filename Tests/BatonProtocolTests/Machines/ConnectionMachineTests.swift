import BatonProtocol
import NIOCore
import Testing

@Suite("A connection greets, answers pings, and is given up when nothing comes")
struct ConnectionMachineTests {
    /// HELLO, WELCOME, JOIN and JOINED.
    private func greetingMessages() throws -> [Message] {
        [
            .hello(Hello()), .welcome(Welcome(session: 1, app: try WorkName("demo"), work: try WorkName("deploy"))),
            .join(Join(ticket: [UInt8](repeating: 1, count: 32))), .joined(0),
        ]
    }

    private func greeted(_ kind: ConnectionKind = .control, _ role: ConnectionRole = .acceptor) -> ConnectionMachine {
        ConnectionMachine(kind: kind, role: role, isGreeted: true)
    }

    // MARK: Greeting

    @Test("Each side takes the greeting of the other, and no other frame first")
    func greetings() throws {
        let cases: [(kind: ConnectionKind?, role: ConnectionRole, greetings: Set<FrameType>)] = [
            (.control, .dialer, [.welcome]), (.local, .dialer, [.welcome]), (.lane, .dialer, [.joined]),
            (.control, .acceptor, [.hello]), (.local, .acceptor, [.hello]), (.lane, .acceptor, [.join]),
            (nil, .acceptor, [.hello, .join]),
        ]
        let messages = try greetingMessages() + [.ping(1), .pong(1), .request(.exists)]
        for (kind, role, greetings) in cases {
            for message in messages {
                var machine = ConnectionMachine(kind: kind, role: role)
                let frame = Frame(message, stream: message.type == .exists ? 1 : 0)
                if greetings.contains(message.type) {
                    #expect(try machine.receive(frame) == .greeting(message))
                } else {
                    expectViolation(.helloExpected) { try machine.receive(frame) }
                }
            }
        }
    }

    @Test("A second greeting, of any kind, is unexpected")
    func secondGreeting() throws {
        for message in try greetingMessages() {
            var machine = greeted()
            expectViolation(.unexpectedFrame) { try machine.receive(Frame(message)) }
        }
    }

    @Test("GOAWAY is taken at any time, also in place of a greeting")
    func goAway() throws {
        let goAway = GoAway(code: .shutdown, message: "later")
        for var machine in [ConnectionMachine(kind: .control, role: .dialer), greeted()] {
            #expect(try machine.receive(Frame(.goAway(goAway))) == .goAway(goAway))
        }
    }

    @Test("Frames of streams are handed on as they are")
    func delivers() throws {
        var machine = greeted()
        #expect(try machine.receive(.exists(1)) == .deliver(.exists(1)))
    }

    // MARK: Ping

    @Test("PING is answered with PONG and the same bytes; PONG is handed on")
    func ping() throws {
        var machine = greeted()
        #expect(try machine.receive(Frame(.ping(.max))) == .answer(.pong(.max)))
        #expect(try machine.receive(Frame(.pong(5))) == .pong(5))
    }

    @Test("32 PING and PONG in a second are taken, one more is a flood")
    func flood() throws {
        var machine = greeted()
        for turn in 0..<16 {
            _ = try machine.receive(Frame(.ping(UInt64(turn))))
            _ = try machine.receive(Frame(.pong(UInt64(turn))))
        }
        expectViolation(.flood) { try machine.receive(Frame(.ping(0))) }
    }

    @Test("The next second has a budget of its own")
    func budgetReturns() throws {
        var machine = greeted()
        for _ in 0..<3 {
            for _ in 0..<32 { _ = try machine.receive(Frame(.ping(0))) }
            _ = machine.tick(received: true, sent: true)
        }
    }

    // MARK: Keepalive

    /// Ticks until something is to be done, at most 1,000.
    private func ticks(_ machine: inout ConnectionMachine, received: Bool, sent: Bool) -> (
        Int, ConnectionMachine.TickAction
    ) {
        for tick in 1...1000 {
            let action = machine.tick(received: received, sent: sent)
            if action != .none { return (tick, action) }
        }
        return (1000, .none)
    }

    @Test(
        "A side that sends nothing pings once in a keepalive interval",
        arguments: [(1000, 1), (5000, 5), (60_000, 60)] as [(UInt32, Int)])
    func pings(_ keepalive: UInt32, _ seconds: Int) {
        var machine = greeted()
        machine.setKeepalive(keepalive)
        for _ in 0..<3 { #expect(ticks(&machine, received: true, sent: false) == (seconds, .ping)) }
    }

    @Test("A side that sends has no need to ping")
    func noPing() {
        var machine = greeted()
        #expect(ticks(&machine, received: true, sent: true) == (1000, .none))
    }

    @Test(
        "After three intervals without a byte the connection is dead",
        arguments: [(1000, 3), (1500, 5), (1999, 6), (5000, 15), (60_000, 180)] as [(UInt32, Int)])
    func dead(_ keepalive: UInt32, _ seconds: Int) {
        var machine = greeted()
        machine.setKeepalive(keepalive)
        #expect(ticks(&machine, received: false, sent: true) == (seconds, .dead))
    }

    @Test("Any byte in time begins the three intervals anew")
    func alive() {
        var machine = greeted()
        machine.setKeepalive(1000)
        for _ in 0..<50 {
            #expect(machine.tick(received: false, sent: true) == .none)
            #expect(machine.tick(received: false, sent: true) == .none)
            #expect(machine.tick(received: true, sent: true) == .none)
        }
    }

    @Test(
        "A keepalive outside the protocol's range is cut to it",
        arguments: [(0, 3), (999, 3), (.max, 180)] as [(UInt32, Int)])
    func clamped(_ keepalive: UInt32, _ seconds: Int) {
        var machine = greeted()
        machine.setKeepalive(keepalive)
        #expect(ticks(&machine, received: false, sent: true) == (seconds, .dead))
    }

    @Test("Before the greeting nothing is pinged")
    func noPingBeforeGreeting() {
        var machine = ConnectionMachine(kind: .control, role: .dialer)
        #expect(ticks(&machine, received: true, sent: false) == (1000, .none))
    }
}
