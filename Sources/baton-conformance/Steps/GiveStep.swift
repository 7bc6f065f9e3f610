/// `give`: the runner answers a GET, keeping to its credit.
struct GiveStep: Step {
    private let lane: String
    private let control: String
    private let stream: Value
    private let frames: [FrameSpec]
    private let content: Content
    /// Stops after that time, wherever it is, without END.
    private let duration: Duration?
    private let within: Duration

    private enum Content {
        case frames
        case file(bytes: Int, chunk: Int)
        case emptyFiles(Int)
    }

    init(from keys: inout Keys) throws {
        lane = try keys.string("give")
        control = try keys.string("control")
        guard let stream = try keys.value("stream") else { throw CaseError("\"stream\" is missing") }
        self.stream = stream
        let layouts = keys.layouts
        let given = try keys.array("frames")?.map { try FrameSpec($0, layouts, defaultStream: stream) }
        let bytes = try keys.numberIfThere("bytes", in: 0...(1 << 40))
        let files = try keys.numberIfThere("empty_files", in: 0...10_000_000)
        let chunk = try keys.numberIfThere("chunk", in: 1...524_288) ?? 524_288
        guard [given != nil, bytes != nil, files != nil].count(where: { $0 }) == 1 else {
            throw CaseError("\"give\" takes one of frames, bytes and empty_files")
        }
        frames = given ?? []
        content = bytes.map { .file(bytes: $0, chunk: chunk) } ?? files.map { .emptyFiles($0) } ?? .frames
        duration = try keys.milliseconds("for_ms")
        within = try keys.milliseconds("within_ms") ?? .seconds(20)
    }

    func run(in world: World) throws {
        let control = try world.connection(control)
        let lane = try world.connection(lane)
        let giver = LaneWriter(lane, control, stream: try stream.number(world.bindings, as: UInt32.self), world.layouts)
        guard control.ledger.granted[giver.stream] != nil else {
            throw StepFailure(
                expected: "a GET that has come on stream \(giver.stream)", came: "none", connection: control.name)
        }
        let stop = duration.map { ContinuousClock.now + $0 }
        let end = stop ?? ContinuousClock.now + within * world.patience
        let next = try producer(giver, world)
        while let frame = try next() {
            let isTerminal = frame[4] == world.layouts.types.end || frame[4] == world.layouts.types.error
            let canGo: () -> Bool = { lane.backlog < LaneWriter.backlog && (isTerminal || giver.hasCredit(for: frame)) }
            let goes = try world.wait(until: end) {
                canGo() || lane.isFinished || control.isFinished
            }
            guard goes, canGo(), !lane.isFinished, !control.isFinished else {
                if stop != nil { return }
                throw StepFailure(
                    expected: "credit for the transfer within \(within.text)", came: giver.state(world),
                    connection: lane.name)
            }
            lane.send(frame: frame)
            if let stop, ContinuousClock.now >= stop { return }
        }
        guard try world.wait(until: max(.now + .seconds(1), end), for: { lane.backlog == 0 }) else {
            throw StepFailure(expected: "that the transfer is taken", came: giver.state(world), connection: lane.name)
        }
    }

    /// The frames, one after another; END is the last.
    private func producer(_ giver: LaneWriter, _ world: World) throws -> () throws -> [UInt8]? {
        let types = world.layouts.types
        var index = 0
        var isOver = false
        let next: () throws -> [UInt8]?
        switch content {
        case .frames:
            next = { [frames] in
                guard index < frames.count else { return nil }
                defer { index += 1 }
                return try frames[index].encode(world.bindings)
            }
        case .file(let bytes, let chunk):
            next = { try giver.fileFrame(&index, bytes: bytes, chunk: chunk) }
        case .emptyFiles(let count):
            next = {
                guard index <= count else { return nil }
                defer { index += 1 }
                if index == 0 { return try giver.entry(kind: "directory", size: 0, path: "", isLast: false) }
                let digits = "\(index)"
                let name = String(repeating: "0", count: 9 - digits.count) + digits
                return try giver.entry(kind: "file", size: 0, path: name, isLast: true)
            }
        }
        return {
            guard !isOver else { return nil }
            if let frame = try next() {
                isOver = frame[4] == types.end || frame[4] == types.error
                return frame
            }
            isOver = true
            return try giver.end()
        }
    }
}

/// Writes lane frames of one stream.
struct LaneWriter {
    let lane: Connection
    let control: Connection
    let stream: UInt32
    private let layouts: Layouts

    /// So much may wait to be written before more is made.
    static let backlog = 1 << 20

    init(_ lane: Connection, _ control: Connection, stream: UInt32, _ layouts: Layouts) {
        self.lane = lane
        self.control = control
        self.stream = stream
        self.layouts = layouts
    }

    var sent: UInt64 { lane.ledger.sent[stream]?.payload ?? 0 }

    func hasCredit(for frame: [UInt8]) -> Bool {
        let (after, overflows) = sent.addingReportingOverflow(UInt64(frame.count - Frame.headerSize))
        return !overflows && after <= control.ledger.granted[stream] ?? 0
    }

    func entry(kind: String, size: Int, path: String, isLast: Bool) throws -> [UInt8] {
        let mode: Int128 = kind == "directory" ? 0o755 : 0o644
        return try FrameSpec(
            "ENTRY", stream: stream, flags: isLast ? 1 : 0,
            [
                "kind": .string(kind), "mode": .number(mode), "size": .number(Int128(size)),
                "mtime_s": .number(1_700_000_000), "version": .number(1), "path": .string(path),
            ], layouts
        ).encode(Bindings())
    }

    /// The top's ENTRY, then its chunks; `step` counts the frames.
    func fileFrame(_ step: inout Int, bytes: Int, chunk: Int) throws -> [UInt8]? {
        defer { step += 1 }
        if step == 0 { return try entry(kind: "file", size: bytes, path: "", isLast: bytes == 0) }
        let offset = (step - 1) * chunk
        guard offset < bytes else { return nil }
        let end = min(bytes, offset + chunk)
        let data = Filler.bytes(offset..<end)
        var payload: [UInt8] = []
        payload.reserveCapacity(data.count + 16)
        BigEndian.append(UInt64(offset), width: 8, to: &payload)
        BigEndian.append(checksum(data), width: 8, to: &payload)
        payload += data
        return Frame.encode(type: layouts.types.chunk, flags: end == bytes ? 1 : 0, stream: stream, payload: payload)
    }

    /// With the counts of what was sent.
    func end() throws -> [UInt8] {
        let tally = lane.ledger.sent[stream] ?? Tally()
        return try FrameSpec(
            "END", stream: stream,
            [
                "entries": .number(Int128(tally.entries)), "bytes": .number(Int128(tally.bytes)),
                "skipped": .number(Int128(tally.skipped)),
            ], layouts
        ).encode(Bindings())
    }

    func state(_ world: World) -> String {
        let ends = [lane, control].compactMap { connection in connection.end.map { "\(connection.name) \($0)" } }
        let limit = control.ledger.granted[stream] ?? 0
        let frames = control.inbox.filter { $0.stream == stream }
        return (["\(sent) bytes sent, the limit is \(limit)"] + ends + frames.suffix(2).map { world.text($0) })
            .joined(separator: "; ")
    }
}
