import BatonProtocol

/// What chapter 3 says of a connection, in the fewest words: the machine is compared with it after each step.
struct ConnectionModel {
    private let role: ConnectionRole
    private let greetings: [FrameType]
    private(set) var isGreeted: Bool
    private var keepalive = 5000
    private var pings = 0
    private var (silent, idle) = (0, 0)

    init(kind: ConnectionKind?, role: ConnectionRole, isGreeted: Bool) {
        self.role = role
        self.isGreeted = isGreeted
        greetings =
            switch (role, kind) {
            case (.dialer, .lane): [.joined]
            case (.dialer, _): [.welcome]
            case (.acceptor, .lane): [.join]
            case (.acceptor, nil): [.hello, .join]
            case (.acceptor, _): [.hello]
            }
    }

    mutating func judge(_ frame: Frame, _ action: ConnectionMachine.Action) throws(Finding) {
        let isPing = [.ping, .pong].contains(frame.type)
        switch action {
        case .none: throw Finding(description: "nothing becomes of \(frame.type)")
        case .goAway: try expect(frame.type == .goAway, "\(frame.type) is a farewell")
        case .greeting(let message):
            let isFitting = !isGreeted && message.type == frame.type && greetings.contains(frame.type)
            try expect(isFitting, "\(frame.type) greets")
            isGreeted = true
        case .answer(let message):
            try expect(
                isGreeted && frame.type == .ping && message.type == .pong, "\(message.type) answers \(frame.type)")
        case .pong: try expect(isGreeted && frame.type == .pong, "\(frame.type) is a pong")
        case .deliver(let delivered):
            let isFitting = isGreeted && delivered == frame && !isPing && frame.type != .goAway
            try expect(isFitting && !(1...4).contains(frame.type.rawValue), "\(frame.type) is handed on")
        }
        if isPing { pings += 1 }
        try expect(pings <= 32, "\(pings) pings in one second")
    }

    func judge(_ frame: Frame, _ violation: ProtocolViolation) throws(Finding) {
        let isPing = [.ping, .pong].contains(frame.type)
        let isFitting =
            switch violation.code {
            case .malformed: true
            case .helloExpected: !isGreeted && !greetings.contains(frame.type) && frame.type != .goAway
            case .unexpectedFrame: isGreeted && (1...4).contains(frame.type.rawValue)
            case .flood: isGreeted && isPing && pings == 32
            default: false
            }
        try expect(isFitting, "\(violation) for \(frame.type), isGreeted \(isGreeted), \(pings) pings")
    }

    mutating func settle(keepalive: UInt32) { self.keepalive = Int(min(max(keepalive, 1000), 60_000)) }

    mutating func judge(_ action: ConnectionMachine.TickAction, received: Bool, sent: Bool) throws(Finding) {
        pings = 0
        silent = received ? 0 : silent + 1
        idle = sent ? 0 : idle + 1
        let expected: ConnectionMachine.TickAction =
            1000 * silent >= 3 * keepalive ? .dead : isGreeted && idle >= keepalive / 1000 ? .ping : .none
        try expect(action == expected, "after \(silent) silent and \(idle) idle seconds: \(action)")
        if action == .ping { idle = 0 }
    }
}
