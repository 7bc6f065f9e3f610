/// Which end of a connection this is: streams that the dialer opens have odd ids, the acceptor's even ones (chapter 4).
public enum ConnectionRole: Hashable, Sendable {
    case dialer
    case acceptor
}

/// What all connections have in common: greeting, ping, keepalive, goodbye and their budgets (chapter 3). A value without I/O
/// or clock: frames and ticks in, actions out.
public struct ConnectionMachine: Sendable {
    public enum Action: Hashable, Sendable {
        case none
        /// The peer's first frame: HELLO, WELCOME, JOIN or JOINED.
        case greeting(Message)
        /// Send this at once.
        case answer(Message)
        /// For the session or the lane.
        case deliver(Frame)
        /// The answer to a PING of ours.
        case pong(UInt64)
        /// The peer will close, or wants no new streams.
        case goAway(GoAway)
    }

    public enum TickAction: Hashable, Sendable {
        case none
        /// Nothing was sent for a keepalive interval: send a PING.
        case ping
        /// Nothing was received for three intervals: the connection is dead.
        case dead
    }

    private enum State {
        case greeting
        case open
    }

    private let kind: ConnectionKind?
    private let role: ConnectionRole
    private var state: State
    private var budget = FloodBudget()
    /// Ticks of one second each, after which a side that has sent nothing pings.
    private var ticksPerKeepalive: UInt32
    /// Ticks without a byte after which the connection is dead: never less than three intervals.
    private var ticksOfLife: UInt32
    private var silentTicks: UInt32 = 0
    private var idleTicks: UInt32 = 0

    /// - Parameters:
    ///   - kind: `nil` at a relay's door, where HELLO or JOIN may come.
    ///   - isGreeted: the greeting has happened elsewhere.
    public init(kind: ConnectionKind?, role: ConnectionRole, isGreeted: Bool = false) {
        self.kind = kind
        self.role = role
        state = isGreeted ? .open : .greeting
        (ticksPerKeepalive, ticksOfLife) = Self.ticks(keepalive: Limits.defaultKeepalive)
    }

    /// The interval that WELCOME settled, in milliseconds; cut to what the protocol allows.
    public mutating func setKeepalive(_ milliseconds: UInt32) {
        (ticksPerKeepalive, ticksOfLife) = Self.ticks(keepalive: milliseconds.clamped(to: Limits.keepalive))
    }

    private static func ticks(keepalive: UInt32) -> (UInt32, UInt32) {
        (keepalive / 1000, (keepalive * Limits.keepaliveMisses + 999) / 1000)
    }

    public mutating func receive(_ frame: Frame) throws(ProtocolViolation) -> Action {
        switch (state, frame.type) {
        case (_, .goAway):
            guard case .goAway(let goAway) = try Message(frame) else { return .none }
            return .goAway(goAway)
        case (.greeting, let type):
            guard expectedGreetings.contains(type) else {
                throw ProtocolViolation(.helloExpected, "a \(type) frame came before the greeting")
            }
            state = .open
            return .greeting(try Message(frame))
        case (.open, .ping):
            try budget.spend(.pings)
            guard case .ping(let opaque) = try Message(frame) else { return .none }
            return .answer(.pong(Flaw.breaks("SES-38") ? ~opaque : opaque))
        case (.open, .pong):
            try budget.spend(.pings)
            guard case .pong(let opaque) = try Message(frame) else { return .none }
            return .pong(opaque)
        case (.open, .hello), (.open, .welcome), (.open, .join), (.open, .joined):
            throw ProtocolViolation(.unexpectedFrame, "a second greeting: \(frame.type)")
        case (.open, _):
            return .deliver(frame)
        }
    }

    private var expectedGreetings: [FrameType] {
        switch (kind, role) {
        case (.lane, .dialer): [.joined]
        case (.lane, .acceptor): [.join]
        case (nil, .acceptor): [.hello, .join]
        case (_, .dialer): [.welcome]
        case (_, .acceptor): [.hello]
        }
    }

    /// One second has passed.
    ///
    /// - Parameters:
    ///   - received: whether any byte has come in since the last tick.
    ///   - sent: whether anything was written since the last tick.
    public mutating func tick(received: Bool, sent: Bool) -> TickAction {
        budget = FloodBudget()
        silentTicks = received ? 0 : silentTicks + 1
        idleTicks = sent ? 0 : idleTicks + 1
        if silentTicks >= ticksOfLife { return .dead }
        guard state == .open, idleTicks >= ticksPerKeepalive else { return .none }
        idleTicks = 0
        return .ping
    }
}

/// What one peer may still do in this second before it counts as a flood (chapter 9).
public struct FloodBudget: Sendable {
    public enum Kind: Sendable {
        case pings
        case cancels
        case opens
        case lateFrames
    }

    private var pings = Limits.PerSecond.pings
    private var cancels = Limits.PerSecond.cancels
    private var opens = Limits.PerSecond.opens
    private var lateFrames = Limits.PerSecond.lateFrames

    public init() {}

    /// - Throws: `flood` when there is nothing left.
    public mutating func spend(_ kind: Kind) throws(ProtocolViolation) {
        let left: Int
        switch kind {
        case .pings: (pings, left) = (pings - 1, pings)
        case .cancels: (cancels, left) = (cancels - 1, cancels)
        case .opens: (opens, left) = (opens - 1, opens)
        case .lateFrames: (lateFrames, left) = (lateFrames - 1, lateFrames)
        }
        guard left > 0 || Flaw.breaks("SES-33") else {
            throw ProtocolViolation(.flood, "too many \(kind) in one second")
        }
    }
}

extension Comparable {
    /// The nearest value within `range`.
    public func clamped(to range: ClosedRange<Self>) -> Self { min(max(self, range.lowerBound), range.upperBound) }
}
