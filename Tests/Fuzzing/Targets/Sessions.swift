import BatonProtocol
import NIOCore

extension FuzzTarget {
    /// A connection of any kind, fed with bytes and seconds, does what chapter 3 says.
    ///
    /// Input: kind and whether it is greeted, then the steps of a ``Side``.
    static let connections: [FuzzTarget] = roles.map { name, role in
        FuzzTarget(
            name: "connection-\(name)",
            code: ["BatonProtocol/Machines/ConnectionMachine.swift"],
            longest: 2048,
            seeds: {
                Vectors.frames.filter { $0.bytes.count < 512 }.map { [start($0)] + Side.step(feeding: $0.bytes) }
            },
            check: { input in
                var choices = Choices(input)
                let options = choices.byte()
                let kinds: [ConnectionKind?] = [.control, .lane, .local, role == .acceptor ? nil : .control]
                var side = Side(kind: kinds[Int(options & 3)], role: role, isGreeted: options & 4 != 0)
                while !choices.isAtEnd, try side.step(&choices) {}
            })
    }

    /// One side of a whole session, fed with bytes, seconds and what its own program does.
    ///
    /// Input: kind, whether it is greeted and how many streams its peer may open, then the steps of a ``Side``.
    static let sessions: [FuzzTarget] = roles.map { name, role in
        FuzzTarget(
            name: "session-\(name)",
            code: ["BatonProtocol/Machines/ConnectionMachine.swift", "BatonProtocol/Machines/StreamTable.swift"],
            seeds: {
                let heard = Vectors.transcript.filter {
                    ($0.from == "acceptor") == (role == .dialer) && $0.kind == .control
                }
                let whole = heard.flatMap { [opening(9)] + Side.step(feeding: $0.bytes) }
                let open = [3, 9, 6, 0].map { opening($0) }
                return [[0] + whole, [8] + open + whole]
                    + Vectors.frames.filter { $0.bytes.count < 512 && $0.kind != .lane }
                    .map { [start($0)] + open + Side.step(feeding: $0.bytes) }
            },
            check: { input in
                var choices = Choices(input)
                let options = choices.byte()
                var side = Side(
                    kind: options & 2 == 0 ? .control : .local, role: role, isGreeted: options & 4 != 0)
                side.streams = Streams(role: role, allowedToPeer: options & 8 == 0 ? 256 : 2)
                while !choices.isAtEnd, try side.step(&choices) { try side.streams?.judge() }
            })
    }

    /// The streams of a session alone: any message on any stream.
    ///
    /// Input: how many streams the peer may open, then steps: a message of the peer, a second, or what the program does.
    static let streams: [FuzzTarget] = roles.map { name, role in
        FuzzTarget(
            name: "streams-\(name)",
            code: ["BatonProtocol/Machines/StreamTable.swift"],
            longest: 2048,
            seeds: {
                let messages = (0..<Streams.messages.count).map { UInt8($0) }
                return messages.map { [4, opening(3), opening(9), 0, 0, 200, 0, 3, 200, 0, $0, 0, 0, $0, 130] }
            },
            check: { input in
                var choices = Choices(input)
                var streams = Streams(role: role, allowedToPeer: UInt16(choices.byte()))
                while !choices.isAtEnd {
                    let step = choices.byte()
                    switch step & 7 {
                    case 0...3:
                        let message = choices.one(of: Streams.messages)
                        // No decoder lets stream 0 through.
                        let frame = Frame(message, stream: max(1, streams.someStream(&choices)))
                        // The same again and again, as a flood is.
                        for _ in 0...(step & 0xF8 == 0xF8 ? Int(choices.byte()) * 80 : 0) {
                            guard try streams.receive(frame) else { return }
                        }
                    case 4: streams.tick()
                    default: try streams.act(step, &choices)
                    }
                    try streams.judge()
                }
            })
    }

    private static let roles: [(String, ConnectionRole)] = [("dialer", .dialer), ("acceptor", .acceptor)]

    private static func start(_ frame: Vectors.Frame) -> UInt8 {
        let kind: UInt8 = frame.kind == .control ? 0 : frame.kind == .lane ? 1 : 2
        return kind | (frame.isOpening || (1...4).contains(frame.type) ? 0 : 4)
    }

    private static func opening(_ request: UInt8) -> UInt8 { 5 | request << 3 }
}
