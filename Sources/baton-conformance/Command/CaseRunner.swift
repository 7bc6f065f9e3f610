/// Runs cases, one after another.
final class CaseRunner {
    private let layouts: Layouts
    private let certificates: String
    private let counterpart: Counterpart

    init(_ layouts: Layouts, certificates: String, counterpart: Counterpart) {
        self.layouts = layouts
        self.certificates = certificates
        self.counterpart = counterpart
    }

    /// - Throws: ``CaseError`` for a case that cannot be run as it is written.
    func run(_ tested: Case) throws -> Outcome {
        let begin = ContinuousClock.now
        let world = World(layouts, certificates: certificates, counterpart: counterpart)
        world.deadline = begin + tested.within
        var verdict: Outcome.Verdict
        do {
            defer { world.finish() }
            verdict = try run(tested, in: world)
        } catch let error as CaseError where error.description.contains("yet") {
            verdict = .notRun(error.description)
        } catch let error as CaseError {
            throw error.at("\"\(tested.name)\"").at(tested.file)
        }
        if case .passed = verdict, let failure = try after(tested) { verdict = .failed(failure) }
        return Outcome(tested: tested, verdict: verdict, duration: .now - begin)
    }

    private func run(_ tested: Case, in world: World) throws -> Outcome.Verdict {
        let expansion = Expansion(root: "/root", run: Expansion.letters())
        for (index, line) in try tested.steps(expansion).enumerated() {
            do {
                try line.step.run(in: world)
            } catch let failure as StepFailure {
                return .failed(world.describe(failure, step: index + 1, text: line.text))
            } catch let error as CaseError {
                throw error.at("step \(index + 1), \(line.text.prefix(300))")
            }
        }
        return .passed
    }

    /// Whether what is tested still answers.
    private func after(_ tested: Case) throws -> Failure? {
        let world = World(layouts, certificates: certificates, counterpart: counterpart)
        defer { world.finish() }
        let text = "after the last step: does it still answer?"
        do {
            let steps: [JSON] = [
                .object(["session": .string("after"), "work": .string("delta")]),
                .object([
                    "send": .string("after"), "frame": .object(["type": .string("ECHO"), "stream": .number(1)]),
                ]),
                .object(["expect": .string("after"), "type": .string("ECHO_REPLY"), "stream": .number(1)]),
            ]
            for step in steps { try Verbs.read(step, tested: tested.tested, layouts).run(in: world) }
            return nil
        } catch let failure as StepFailure {
            return world.describe(failure, step: nil, text: text)
        }
    }
}

extension World {
    func describe(_ failure: StepFailure, step: Int?, text: String) -> Failure {
        let connection = failure.connection.flatMap { connections[$0] }
        let frames = FrameText(layouts: layouts)
        return Failure(
            step: step, text: text, connection: failure.connection,
            sent: connection?.sentLog.map { frames.sent($0) } ?? [], expected: failure.expected, came: failure.came)
    }
}
