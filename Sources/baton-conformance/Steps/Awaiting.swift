/// Takes frames from the inbox of a connection, waiting for them.
struct Awaiting {
    private let connection: Connection
    private let world: World
    /// Types that are passed over unless they are what is expected.
    private let passed: Set<UInt8>

    /// - Parameter further: types that are passed over besides the usual ones; nil: none is.
    init(_ connection: Connection, in world: World, passing further: Set<UInt8>? = []) {
        self.connection = connection
        self.world = world
        passed = further.map { world.layouts.types.passedOver.union($0) } ?? []
    }

    /// The next frame that is not passed over, which must be the one that is expected.
    ///
    /// - Parameter earliest: it must not have come before.
    func next(
        _ expectation: Expectation, within limit: Duration, earliest: ContinuousClock.Instant? = nil
    ) throws -> Frame {
        let index = try next([expectation], within: limit, until: .now + limit * world.patience)
        let frame = connection.inbox[index.frame]
        connection.inbox.removeFirst(index.frame + 1)
        if let earliest, frame.arrived < earliest {
            throw StepFailure(
                expected: "\(expectation.text), and not before its time",
                came: "\(world.text(frame)), \((earliest - frame.arrived).milliseconds) ms too early",
                connection: connection.name)
        }
        expectation.bind(frame, in: &world.bindings)
        return frame
    }

    /// Each of these, in any order.
    func all(_ expectations: [Expectation], within limit: Duration) throws {
        let end = ContinuousClock.now + limit * world.patience
        var missing = expectations
        while !missing.isEmpty {
            let found = try next(missing, within: limit, until: end)
            missing.remove(at: found.expectation).bind(connection.inbox[found.frame], in: &world.bindings)
            connection.inbox.removeFirst(found.frame + 1)
        }
    }

    private func next(
        _ expectations: [Expectation], within limit: Duration, until end: ContinuousClock.Instant
    ) throws -> (frame: Int, expectation: Int) {
        connection.isWanted = true
        defer { connection.isWanted = false }
        var looked = 0
        var found: (frame: Int, expectation: Int)?
        let came = try world.wait(until: end) {
            while looked < connection.inbox.count {
                let frame = connection.inbox[looked]
                if let match = try expectations.firstIndex(where: { try $0.matches(frame, world.bindings) }) {
                    found = (looked, match)
                    return true
                }
                guard passed.contains(frame.type) else {
                    throw StepFailure(
                        expected: text(expectations), came: world.text(frame), connection: connection.name)
                }
                looked += 1
            }
            return connection.isFinished
        }
        if let found { return found }
        throw StepFailure(
            expected: text(expectations),
            came: connection.end.map { "the connection \($0)" }
                ?? "nothing within \(limit.text)\(came ? "" : unwanted)",
            connection: connection.name)
    }

    private var unwanted: String {
        connection.inbox.isEmpty
            ? "" : " but \(connection.inbox.suffix(4).map { world.text($0) }.joined(separator: "; "))"
    }

    private func text(_ expectations: [Expectation]) -> String {
        expectations.map(\.text).joined(separator: ", or ")
    }
}

extension World {
    func text(_ frame: Frame) -> String { FrameText(layouts: layouts)(frame) }

    func text(_ frames: [Frame]) -> String {
        frames.isEmpty ? "no frame" : frames.prefix(4).map { text($0) }.joined(separator: "; ")
    }
}
