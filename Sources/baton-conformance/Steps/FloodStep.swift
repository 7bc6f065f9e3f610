/// `flood`: the same frames again and again.
struct FloodStep: Step {
    private let name: String
    private let frames: [FrameSpec]
    private let duration: Duration
    private let perSecond: Int?
    private let isDeaf: Bool
    private let isSameStream: Bool
    private let mustEnd: Bool
    private let mustLive: Bool
    private let codes: [Int128]

    init(from keys: inout Keys) throws {
        name = try keys.string("flood")
        let layouts = keys.layouts
        let first = try keys.value("stream") ?? .number(0)
        frames = try (keys.array("frames") ?? []).map { try FrameSpec($0, layouts, defaultStream: first) }
        guard !frames.isEmpty else { throw CaseError("\"frames\" is missing") }
        guard let duration = try keys.milliseconds("for_ms") else { throw CaseError("\"for_ms\" is missing") }
        self.duration = duration
        perSecond = try keys.numberIfThere("per_second", in: 1...10_000_000)
        isDeaf = try keys.flag("deaf")
        isSameStream = try keys.flag("same_stream")
        mustEnd = try keys.flag("must_end")
        mustLive = try keys.flag("must_live")
        codes = try keys.codes("codes") ?? []
        guard !mustEnd || !mustLive else { throw CaseError("it cannot have to end and to live") }
        guard !mustEnd || !codes.isEmpty else { throw CaseError("\"must_end\" needs \"codes\"") }
    }

    /// So much is made at once.
    private static let batch = 64 << 10

    func run(in world: World) throws {
        let connection = try world.connection(name)
        if let end = connection.end {
            throw StepFailure(expected: "a connection to flood", came: "it \(end)", connection: name)
        }
        let wasDeaf = connection.isDeaf
        connection.isDeaf = isDeaf || wasDeaf
        defer { connection.isDeaf = wasDeaf }
        let encoded = try frames.map { try $0.encode(world.bindings) }
        let step = isSameStream ? 0 : try Streams.step(frames, world.bindings)
        var rounds: UInt32 = 0
        let begin = ContinuousClock.now
        // A flood that is not noticed may not have been fast enough to be one.
        let duration = mustEnd ? duration * world.patience : duration
        _ = try world.wait(until: begin + duration, poll: .milliseconds(5)) {
            // What came while this one was deaf is read afterwards.
            let goodbye = connection.inbox.filter { $0.type == world.layouts.types.goaway }
            connection.inbox = goodbye
            guard !connection.isFinished, !connection.cannotWrite else { return true }
            let due = perSecond.map { ($0 * (ContinuousClock.now - begin).milliseconds / 1000) / frames.count }
            while connection.backlog < Self.batch, due.map({ rounds < $0 }) ?? true {
                var bytes: [UInt8] = []
                while bytes.count < Self.batch, due.map({ rounds < $0 }) ?? true {
                    for frame in encoded { bytes += Self.raised(frame, by: rounds &* step) }
                    rounds &+= 1
                }
                connection.queue(bytes)
                if connection.isFinished || connection.cannotWrite { break }
            }
            return false
        }
        for frame in encoded { connection.note(sending: Self.raised(frame, by: (max(rounds, 1) - 1) &* step)) }
        connection.isDeaf = wasDeaf
        try judge(connection, rounds, world)
    }

    private func judge(_ connection: Connection, _ rounds: UInt32, _ world: World) throws {
        if mustLive {
            guard !connection.isFinished else {
                throw StepFailure(
                    expected: "that the connection lives",
                    came: "it \(connection.end.map { "\($0)" } ?? "")\(world.last(connection))", connection: name)
            }
            try world.ping(connection, within: .seconds(10))
        }
        guard mustEnd else { return }
        connection.isWanted = true
        defer { connection.isWanted = false }
        let expected = "an end by GOAWAY of \(codes.map { world.layouts.codeName($0) }.joined(separator: " or "))"
        guard try world.wait(atMost: .seconds(5), for: { connection.isFinished }) else {
            throw StepFailure(
                expected: expected, came: "it is open after \(rounds) times \(frames.count) frames", connection: name)
        }
        let goaway = connection.inbox.last { $0.type == world.layouts.types.goaway }
        connection.inbox.removeAll()
        // Who does not read may miss why.
        if isDeaf, goaway == nil { return }
        guard let goaway, let code = world.layouts.code(goaway), codes.contains(code) else {
            throw StepFailure(
                expected: expected,
                came: goaway.map { world.text($0) }
                    ?? "the connection \(connection.end.map { "\($0)" } ?? "") without GOAWAY",
                connection: name)
        }
    }

    /// The same frame on a later stream.
    private static func raised(_ frame: [UInt8], by offset: UInt32) -> [UInt8] {
        guard offset != 0, frame.count >= Frame.headerSize else { return frame }
        let stream = UInt32(BigEndian.read(frame[8..<12]))
        guard stream != 0 else { return frame }
        var frame = frame
        for index in 0..<4 {
            frame[8 + index] = UInt8(truncatingIfNeeded: (stream &+ offset) >> UInt32(24 - 8 * index))
        }
        return frame
    }
}
