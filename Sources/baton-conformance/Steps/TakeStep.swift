/// `take`: receives what a GET is answered with, and judges it.
struct TakeStep: Step {
    private let lane: String
    private let control: String
    private let stream: Value
    private let credit: Value?
    private let grant: UInt64
    private let hasBegun: Bool
    private let tree: [[UInt8]: TreeNode]
    private let isAll: Bool
    private let errors: [Int128]?
    private let stored: Bool?
    private let within: Duration

    init(from keys: inout Keys) throws {
        lane = try keys.string("take")
        control = try keys.string("control")
        guard let stream = try keys.value("stream") else { throw CaseError("\"stream\" is missing") }
        self.stream = stream
        credit = try keys.value("credit")
        grant = UInt64(try keys.numberIfThere("grant", in: 0...(1 << 40)) ?? 0)
        hasBegun = try keys.flag("begun")
        isAll = try keys.flag("only")
        errors = try keys.codes("error")
        stored = try keys.flagIfThere("stored")
        within = try keys.milliseconds("within_ms") ?? .seconds(20)
        let layouts = keys.layouts
        var tree: [[UInt8]: TreeNode] = [:]
        for (path, json) in try keys.object("tree") ?? [:] { tree[Array(path.utf8)] = try TreeNode(json, layouts) }
        self.tree = tree
        guard errors == nil || tree.isEmpty else { throw CaseError("\"take\" ends with a tree or an error") }
    }

    func run(in world: World) throws {
        let control = try world.connection(control)
        let stream = try stream.number(world.bindings, as: UInt32.self)
        if control.ledger.granting[stream] == nil {
            guard let credit else { throw CaseError("no GET was sent on stream \(stream), and \"credit\" is missing") }
            control.ledger.granting[stream] = try credit.number(world.bindings, as: UInt64.self)
        }
        let lane = try world.connection(lane)
        lane.isWanted = true
        defer { lane.isWanted = false }
        var taking = Taking(lane, control, stream: stream, grant: grant, world, hasTop: hasBegun)
        let came = try world.wait(atMost: within) {
            do { return try taking.proceed() } catch let broken as ReceivedTree.Broken {
                throw StepFailure(
                    expected: "a tree that keeps to \(broken.rule)", came: "\(broken.what): \(taking.last)",
                    connection: lane.name)
            }
        }
        guard came, let outcome = taking.outcome else {
            throw StepFailure(
                expected: "the end of the transfer within \(within.text)",
                came: "\(taking.consumed) bytes, last \(taking.last)",
                connection: lane.name)
        }
        try judge(outcome, taking.tree, lane, world)
    }

    private func judge(_ outcome: Taking.Outcome, _ received: ReceivedTree, _ lane: Connection, _ world: World) throws {
        switch (outcome, errors) {
        case (.failed(let code, _), let errors?) where errors.contains(code): return
        case (.failed(_, let text), _), (.lost(let text), _):
            let names = errors?.map { world.layouts.codeName($0) }.joined(separator: " or ")
            throw StepFailure(
                expected: names.map { "ERROR \($0)" } ?? "the whole tree", came: text, connection: lane.name)
        case (.complete, _?):
            throw StepFailure(expected: "an ERROR", came: "the whole tree", connection: lane.name)
        case (.complete, nil): break
        }
        if let stored, stored != (received.generation != nil) {
            throw StepFailure(
                expected: stored ? "SOURCE" : "no SOURCE", came: stored ? "none" : "SOURCE", connection: lane.name)
        }
        for (path, node) in tree.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            if let problem = node.difference(from: received, at: path) {
                throw StepFailure(
                    expected: "at \(FrameText.text(.bytes(path))): \(node.text)", came: problem, connection: lane.name)
            }
        }
        guard isAll else { return }
        let further = Set(received.nodes.keys).union(received.skipped.keys).subtracting(tree.keys)
        if let path = further.min(by: { $0.lexicographicallyPrecedes($1) }) {
            throw StepFailure(
                expected: "nothing but these paths", came: FrameText.text(.bytes(path)), connection: lane.name)
        }
    }
}

/// One transfer that is being received.
struct Taking {
    enum Outcome {
        case complete
        case failed(Int128, String)
        case lost(String)
    }

    private let lane: Connection
    private let control: Connection
    private let stream: UInt32
    private let grant: UInt64
    private let world: World
    private(set) var tree: ReceivedTree
    private(set) var outcome: Outcome?
    /// Lane payload.
    private(set) var consumed: UInt64
    private var sinceGrant: UInt64 = 0
    private var tally: Tally
    private var lastFrame: Frame?

    var last: String { lastFrame.map { world.text($0) } ?? "nothing" }

    init(
        _ lane: Connection, _ control: Connection, stream: UInt32, grant: UInt64, _ world: World, hasTop: Bool
    ) {
        self.lane = lane
        self.control = control
        self.stream = stream
        self.grant = grant
        self.world = world
        tree = ReceivedTree(world.layouts, hasTop: hasTop)
        // What earlier steps have taken counts; what is still in the inbox comes.
        var waiting = Tally()
        for frame in lane.inbox where frame.stream == stream {
            waiting.count(frame.type, payload: frame.payload.count, world.layouts.types)
        }
        tally = (lane.ledger.received[stream] ?? Tally()).without(waiting)
        consumed = tally.payload
    }

    /// Takes what has come; true when the transfer is over.
    mutating func proceed() throws -> Bool {
        let mine = lane.inbox.filter { $0.stream == stream }
        if !mine.isEmpty { lane.inbox.removeAll { $0.stream == stream } }
        for frame in mine {
            try take(frame)
            if outcome != nil { return true }
        }
        let types = world.layouts.types
        if let index = control.inbox.firstIndex(where: { $0.stream == stream && $0.type == types.error }) {
            let frame = control.inbox.remove(at: index)
            outcome = .failed(world.layouts.code(frame) ?? 0, world.text(frame))
            return true
        }
        for connection in [lane, control] {
            if let end = connection.end { outcome = .lost("the connection \(connection.name) \(end)") }
        }
        return outcome != nil
    }

    private mutating func take(_ frame: Frame) throws {
        lastFrame = frame
        let types = world.layouts.types
        tally.count(frame.type, payload: frame.payload.count, types)
        consumed += UInt64(frame.payload.count)
        if frame.type == types.error {
            outcome = .failed(world.layouts.code(frame) ?? 0, world.text(frame))
            return
        }
        let limit = control.ledger.granting[stream] ?? 0
        if frame.type != types.end, consumed > limit {
            throw ReceivedTree.Broken(rule: "CRD-1", what: "\(consumed) bytes with the limit \(limit)")
        }
        try tree.receive(frame, tally)
        if tree.isComplete {
            outcome = .complete
            return
        }
        sinceGrant += UInt64(frame.payload.count)
        guard grant > 0, sinceGrant >= grant else { return }
        sinceGrant -= grant
        let (next, overflows) = limit.addingReportingOverflow(grant)
        let raised = try FrameSpec(
            "CREDIT", stream: stream, ["limit": .number(Int128(overflows ? .max : next))], world.layouts)
        control.send(frame: try raised.encode(world.bindings))
    }
}
