/// One step of a case.
protocol Step: SendableMetatype {
    /// - Throws: ``CaseError`` for what cannot be.
    init(from keys: inout Keys) throws
    /// - Throws: ``StepFailure`` if what is tested does not do what the step demands, ``CaseError`` if it cannot be run.
    func run(in world: World) throws
}

/// The verbs of the format, by the key that names each. A key that is a verb in one step can be an ordinary key of another, so
/// the first that is found here counts.
enum Verbs {
    private enum Side { case relay, agent, both }

    private static let all: [(verb: String, side: Side, type: any Step.Type)] = [
        ("open", .both, OpenStep.self), ("session", .both, SessionStep.self), ("lane", .both, LaneStep.self),
        ("refused", .both, RefusedStep.self), ("no_connection", .agent, NoConnectionStep.self),
        ("signal", .both, SignalStep.self), ("start", .both, StartStep.self), ("exited", .both, ExitedStep.self),
        ("close", .both, CloseStep.self), ("closed", .both, ClosedStep.self), ("alive", .both, AliveStep.self),
        ("send", .both, SendStep.self), ("expect", .both, ExpectStep.self), ("expect_all", .both, ExpectAllStep.self),
        ("nothing", .both, NothingStep.self), ("is", .both, IsStep.self), ("wait_ms", .both, WaitStep.self),
        ("local", .agent, SessionStep.self),
        ("give", .both, GiveStep.self), ("take", .both, TakeStep.self),
        ("check", .agent, CheckStep.self), ("file", .agent, FileStep.self), ("append", .agent, FileStep.self),
        ("directory", .agent, PathStep.self), ("fifo", .agent, PathStep.self), ("remove", .agent, PathStep.self),
        ("link", .agent, LinkStep.self), ("hard_link", .agent, LinkStep.self), ("rename", .agent, LinkStep.self),
        ("carry", .relay, CarryStep.self), ("flood", .both, FloodStep.self),
        ("update_keys", .both, UpdateKeysStep.self), ("crowd", .both, CrowdStep.self),
    ]

    static func read(_ json: JSON, tested: Case.Tested, _ layouts: Layouts) throws -> any Step {
        var keys = try Keys(json, layouts)
        keys.tested = tested
        guard let found = all.first(where: { keys.has($0.verb) }) else { throw CaseError("there is no verb in it") }
        switch (found.side, tested) {
        case (.relay, .agent), (.agent, .relay): throw CaseError("\"\(found.verb)\" is not for cases of the \(tested)")
        default: break
        }
        let step = try found.type.init(from: &keys)
        try keys.end()
        return step
    }
}
