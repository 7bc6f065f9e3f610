/// `expect`: the next frame.
struct ExpectStep: Step {
    private let name: String
    private let expectation: Expectation
    private let within: Duration
    private let after: Duration?
    private let passed: Set<UInt8>?

    init(from keys: inout Keys) throws {
        name = try keys.string("expect")
        within = try keys.milliseconds("within_ms") ?? .seconds(5)
        after = try keys.milliseconds("after_ms")
        passed = try Passing.read(&keys)
        expectation = try Expectation(from: &keys)
    }

    func run(in world: World) throws {
        _ = try Awaiting(try world.connection(name), in: world, passing: passed).next(
            expectation, within: within, earliest: after.map { .now + $0 })
    }
}

/// `expect_all`: several frames, in any order.
struct ExpectAllStep: Step {
    private let name: String
    private let expectations: [Expectation]
    private let within: Duration
    private let passed: Set<UInt8>?

    init(from keys: inout Keys) throws {
        name = try keys.string("expect_all")
        within = try keys.milliseconds("within_ms") ?? .seconds(5)
        passed = try Passing.read(&keys)
        let layouts = keys.layouts
        guard let frames = try keys.array("frames"), !frames.isEmpty else { throw CaseError("\"frames\" is missing") }
        expectations = try frames.map { json in
            var keys = try Keys(json, layouts)
            let expectation = try Expectation(from: &keys)
            try keys.end()
            return expectation
        }
    }

    func run(in world: World) throws {
        try Awaiting(try world.connection(name), in: world, passing: passed).all(expectations, within: within)
    }
}

/// Which types a step passes over.
enum Passing {
    /// Nil: none.
    static func read(_ keys: inout Keys) throws -> Set<UInt8>? {
        let further = try types("pass_over", &keys)
        guard try keys.flag("strict") else { return further }
        guard further.isEmpty else { throw CaseError("\"strict\" passes nothing over") }
        return nil
    }

    static func types(_ key: String, _ keys: inout Keys) throws -> Set<UInt8> {
        let layouts = keys.layouts
        return Set(
            try (keys.strings(key) ?? []).map { name in
                guard let message = layouts.messages[name] else { throw CaseError("there is no type \"\(name)\"") }
                return message.type
            })
    }
}

/// `nothing`: no frame comes.
struct NothingStep: Step {
    private let name: String
    private let duration: Duration
    private let passed: Set<UInt8>

    init(from keys: inout Keys) throws {
        name = try keys.string("nothing")
        guard let duration = try keys.milliseconds("for_ms") else { throw CaseError("\"for_ms\" is missing") }
        self.duration = duration
        let further = try Passing.types("except", &keys)
        passed = try keys.flag("strict") ? further : keys.layouts.types.passedOver.union(further)
    }

    func run(in world: World) throws {
        let connection = try world.connection(name)
        connection.isWanted = true
        defer { connection.isWanted = false }
        let wasFinished = connection.isFinished
        _ = try world.wait(until: .now + duration) {
            if let frame = connection.inbox.first(where: { !passed.contains($0.type) }) {
                throw StepFailure(expected: "nothing", came: world.text(frame), connection: name)
            }
            connection.inbox.removeAll()
            if let end = connection.end, !wasFinished, !connection.hasFinished {
                throw StepFailure(expected: "nothing", came: "the connection \(end)", connection: name)
            }
            return false
        }
    }
}

/// `wait_ms`: time passes.
struct WaitStep: Step {
    private let duration: Duration

    init(from keys: inout Keys) throws {
        guard let duration = try keys.milliseconds("wait_ms") else { throw CaseError("\"wait_ms\" is missing") }
        self.duration = duration
    }

    func run(in world: World) throws { try world.idle(duration) }
}

/// `is`: a value that was kept.
struct IsStep: Step {
    private let name: String
    private let matcher: Matcher

    init(from keys: inout Keys) throws {
        let text = try keys.string("is")
        guard text.hasPrefix("$") else { throw CaseError("\"is\" takes a name with $") }
        name = String(text.dropFirst())
        guard let value = keys.json("value") else { throw CaseError("\"value\" is missing") }
        matcher = try Matcher(value)
    }

    func run(in world: World) throws {
        guard let value = try world.bindings.value(name) else { return }
        let kind: Layouts.Kind =
            switch value {
            case .number: .number(bytes: 8, signed: false, names: [:])
            case .bytes: .rest
            case .list: .list([])
            }
        let field = Layouts.Field(name: "$\(name)", kind: kind, condition: .always)
        guard try matcher.matches(value, field, world.bindings) else {
            throw StepFailure(expected: "that it matches", came: "$\(name) is \(FrameText.text(value))")
        }
    }
}
