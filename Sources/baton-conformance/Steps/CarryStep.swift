/// `carry`: whole transfers through a relay, from owners to receivers, side by side.
struct CarryStep: Step {
    private let streams: [Spec]
    private let within: Duration

    private struct Spec {
        let from, control, to, opener: String
        let stream, receiving: Value
        let bytes, chunk: Int
        let grant: UInt64

        init(_ json: JSON, _ layouts: Layouts) throws {
            var keys = try Keys(json, layouts)
            from = try keys.string("from")
            control = try keys.string("control")
            to = try keys.string("to")
            opener = try keys.string("opener")
            guard let stream = try keys.value("stream"), let receiving = try keys.value("as") else {
                throw CaseError("\"stream\" or \"as\" is missing")
            }
            self.stream = stream
            self.receiving = receiving
            bytes = try keys.number("bytes", in: 0...(1 << 40))
            chunk = try keys.numberIfThere("chunk", in: 512...524_288) ?? 524_288
            grant = UInt64(try keys.numberIfThere("grant", in: 1...(1 << 40)) ?? 1 << 20)
            try keys.end()
        }
    }

    init(from keys: inout Keys) throws {
        let layouts = keys.layouts
        var members: [JSON]?
        if case .array? = keys.peek("carry") { members = try keys.array("carry") } else { _ = keys.json("carry") }
        streams = try (members ?? keys.array("streams") ?? []).map { try Spec($0, layouts) }
        guard !streams.isEmpty else { throw CaseError("\"streams\" is missing") }
        within = try keys.milliseconds("within_ms") ?? .seconds(30)
    }

    func run(in world: World) throws {
        let transfers = try streams.map { spec in
            let control = try world.connection(spec.control)
            let writer = LaneWriter(
                try world.connection(spec.from), control,
                stream: try spec.stream.number(world.bindings, as: UInt32.self), world.layouts)
            guard control.ledger.granted[writer.stream] != nil else {
                throw StepFailure(
                    expected: "a GET that has come on stream \(writer.stream)", came: "none", connection: spec.control)
            }
            return CarriedTransfer(
                writer, to: try world.connection(spec.to), opener: try world.connection(spec.opener),
                receiving: try spec.receiving.number(world.bindings, as: UInt32.self), bytes: spec.bytes,
                chunk: spec.chunk, grant: spec.grant, world)
        }
        let lanes = transfers.reduce(into: [Connection]()) { lanes, transfer in
            if !lanes.contains(where: { $0 === transfer.receiver }) { lanes.append(transfer.receiver) }
        }
        let isOver = try world.wait(atMost: within, poll: .milliseconds(20)) {
            for lane in lanes { try deliver(from: lane, to: transfers) }
            for transfer in transfers { try transfer.proceed() }
            return transfers.allSatisfy { $0.isOver }
        }
        guard isOver else {
            let open = transfers.filter { !$0.isOver }
            throw StepFailure(
                expected: "the end of all \(transfers.count) transfers within \(within.text)",
                came: "\(open.count) are open; \(open.prefix(3).map(\.state).joined(separator: "; "))")
        }
    }

    private func deliver(from lane: Connection, to transfers: [CarriedTransfer]) throws {
        guard !lane.inbox.isEmpty else { return }
        let mine = Dictionary(
            transfers.filter { $0.receiver === lane }.map { ($0.receiving, $0) },
            uniquingKeysWith: { first, _ in first })
        let frames = lane.inbox
        lane.inbox = frames.filter { mine[$0.stream] == nil }
        for frame in frames { try mine[frame.stream]?.receive(frame) }
    }
}

/// One transfer through a relay, of which the runner plays both ends.
final class CarriedTransfer {
    let receiver: Connection
    let receiving: UInt32
    private let writer: LaneWriter
    private let opener: Connection
    private let bytes: Int
    private let chunk: Int
    private let grant: UInt64
    private let world: World
    private var step = 0
    private var pending: [UInt8]?
    private var hasSentEnd = false
    /// What was sent and has not come: type, flags, length and checksum of the payload.
    private var underWay: [(type: UInt8, flags: UInt8, count: Int, checksum: UInt64)] = []
    private var arrived = 0
    private var received: UInt64 = 0
    private var sinceGrant: UInt64 = 0
    private(set) var isOver = false
    /// Since when the relay has granted the owner more than the receiver has; what is in the kernel's buffers comes at once.
    private var excess: ContinuousClock.Instant?

    private static let patience = Duration.seconds(2)

    init(
        _ writer: LaneWriter, to receiver: Connection, opener: Connection, receiving: UInt32, bytes: Int, chunk: Int,
        grant: UInt64, _ world: World
    ) {
        self.writer = writer
        self.receiver = receiver
        self.opener = opener
        self.receiving = receiving
        self.bytes = bytes
        self.chunk = chunk
        self.grant = grant
        self.world = world
    }

    var state: String { "stream \(receiving): \(received) bytes came, \(writer.state(world))" }

    /// Judges credit, and sends what it allows.
    func proceed() throws {
        guard !isOver else { return }
        try lookForEnds()
        let granted = writer.control.ledger.granted[writer.stream] ?? 0
        let window = writer.control.ledger.window
        if granted > received.addingReportingOverflow(window).partialValue {
            let since = excess ?? .now
            excess = since
            guard .now - since < Self.patience else {
                throw StepFailure(
                    expected: "CRD-8: no limit above what was passed on and the window of \(window)",
                    came: "the limit \(granted) where \(received) have come", connection: writer.control.name)
            }
            return
        }
        excess = nil
        while !hasSentEnd, writer.lane.backlog < LaneWriter.backlog {
            let frame = try pending ?? writer.fileFrame(&step, bytes: bytes, chunk: chunk)
            pending = frame
            guard let frame else {
                hasSentEnd = true
                return try send(try writer.end())
            }
            guard writer.hasCredit(for: frame) else { return }
            pending = nil
            try send(frame)
        }
    }

    private func send(_ frame: [UInt8]) throws {
        let payload = frame[Frame.headerSize...]
        underWay.append((frame[4], frame[5], payload.count, checksum(payload)))
        writer.lane.send(frame: frame)
    }

    func receive(_ frame: Frame) throws {
        guard arrived < underWay.count else {
            throw StepFailure(
                expected: "nothing but what was sent", came: world.text(frame), connection: receiver.name)
        }
        let sent = underWay[arrived]
        guard frame.type == sent.type, frame.flags == sent.flags, frame.payload.count == sent.count,
            checksum(frame.payload) == sent.checksum
        else {
            throw StepFailure(
                expected:
                    "the \(arrived + 1)th frame as it was sent: type \(sent.type), flags \(sent.flags), \(sent.count) bytes",
                came: world.text(frame), connection: receiver.name)
        }
        arrived += 1
        received += UInt64(frame.payload.count)
        if frame.type == world.layouts.types.end {
            isOver = true
            return
        }
        let limit = opener.ledger.granting[receiving] ?? 0
        guard received <= limit else {
            throw StepFailure(
                expected: "CRD-1: at most \(limit) bytes", came: "\(received)", connection: receiver.name)
        }
        sinceGrant += UInt64(frame.payload.count)
        guard sinceGrant >= grant else { return }
        sinceGrant -= grant
        let raised = try FrameSpec(
            "CREDIT", stream: receiving, ["limit": .number(Int128(limit) + Int128(grant))], world.layouts)
        opener.send(frame: try raised.encode(world.bindings))
    }

    private func lookForEnds() throws {
        let types = world.layouts.types
        if let error = opener.inbox.first(where: { $0.stream == receiving && $0.type == types.error }) {
            throw StepFailure(expected: "a whole transfer", came: world.text(error), connection: opener.name)
        }
        if let cancel = writer.control.inbox.first(where: { $0.stream == writer.stream && $0.type == types.cancel }) {
            throw StepFailure(expected: "a whole transfer", came: world.text(cancel), connection: writer.control.name)
        }
        for connection in [receiver, opener, writer.lane, writer.control] {
            guard let end = connection.end else { continue }
            throw StepFailure(
                expected: "a whole transfer", came: "the connection \(end)\(world.last(connection))",
                connection: connection.name)
        }
    }
}
