/// `send`: frames, or bytes as they are.
struct SendStep: Step {
    private let name: String
    private let frames: [FrameSpec]
    private let raw: [UInt8]
    /// Takes the place of the stream in raw bytes.
    private let stream: Value?
    private let times: Int
    private let isSameStream: Bool
    private let pause: Duration?
    private let within: Duration

    init(from keys: inout Keys) throws {
        name = try keys.string("send")
        let layouts = keys.layouts
        let one = try keys.json("frame").map { [try FrameSpec($0, layouts)] }
        let many = try keys.array("frames")?.map { try FrameSpec($0, layouts) }
        let hex = try keys.stringIfThere("hex")
        guard [one != nil, many != nil, hex != nil].count(where: { $0 }) == 1 else {
            throw CaseError("\"send\" takes one of frame, frames and hex")
        }
        frames = one ?? many ?? []
        guard let raw = Hex.bytes(hex ?? "") else { throw CaseError("\"hex\" is not hexadecimal") }
        self.raw = raw
        stream = hex != nil ? try keys.value("stream") : nil
        guard stream == nil || raw.count >= Frame.headerSize else {
            throw CaseError("there is no stream in so few bytes")
        }
        times = try keys.numberIfThere("times", in: 1...1_000_000) ?? 1
        isSameStream = try keys.flag("same_stream")
        pause = try keys.milliseconds("pieces_ms")
        within = try keys.milliseconds("within_ms") ?? .seconds(30)
    }

    /// So much may wait to be written before more is made.
    private static let backlog = 1 << 20

    func run(in world: World) throws {
        let connection = try world.connection(name)
        var raw = raw
        if let stream {
            let number = try stream.number(world.bindings, as: UInt32.self)
            var bytes: [UInt8] = []
            BigEndian.append(UInt64(number), width: 4, to: &bytes)
            raw.replaceSubrange(8..<12, with: bytes)
        }
        let step = try Streams.step(frames, world.bindings)
        for round in 0..<times {
            guard !connection.isFinished else { return }
            let offset = isSameStream ? 0 : UInt32(truncatingIfNeeded: round) &* step
            let encoded = try frames.map { try $0.encode(world.bindings, streamOffset: offset) }
            if let pause {
                for bytes in encoded + (raw.isEmpty ? [] : [raw]) { try dribble(bytes, pause, connection, world) }
            } else {
                for bytes in encoded { connection.note(sending: bytes) }
                connection.queue(encoded.reduce(into: []) { $0 += $1 })
                if !raw.isEmpty { connection.send(raw: raw) }
            }
            if connection.backlog > Self.backlog { try flush(connection, to: Self.backlog / 2, world) }
        }
        try flush(connection, to: 0, world)
    }

    private func flush(_ connection: Connection, to backlog: Int, _ world: World) throws {
        guard try world.wait(atMost: within, for: { connection.backlog <= backlog }) else {
            throw StepFailure(
                expected: "that what is sent is read within \(within.text)",
                came: "\(connection.backlog) bytes are not taken", connection: name)
        }
    }

    private func dribble(_ bytes: [UInt8], _ pause: Duration, _ connection: Connection, _ world: World) throws {
        connection.note(sending: bytes)
        for byte in bytes {
            guard !connection.isFinished else { return }
            connection.queue([byte])
            try world.idle(pause)
        }
    }
}

enum Streams {
    /// By how much streams rise when frames are sent once more, so that none comes twice.
    static func step(_ frames: [FrameSpec], _ bindings: Bindings) throws -> UInt32 {
        let streams = try frames.map { try $0.stream(bindings) }.filter { $0 != 0 }
        return (streams.max() ?? 0) &- (streams.min() ?? 0) &+ 2
    }
}

/// `update_keys`: KeyUpdates of TLS.
struct UpdateKeysStep: Step {
    private let name: String
    private let times: Int

    init(from keys: inout Keys) throws {
        name = try keys.string("update_keys")
        times = try keys.numberIfThere("times", in: 1...100_000) ?? 1
    }

    func run(in world: World) throws { try world.connection(name).updateKeys(times: times) }
}
