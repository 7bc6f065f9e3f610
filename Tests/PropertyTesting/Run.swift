/// One run of a property: where its chance comes from, how many events it has, and which they were.
public struct Run: RandomNumberGenerator {
    private var generator: SeededGenerator
    private var stepsLeft: Int
    private let isRecorded: Bool
    private(set) var events: [String] = []
    private(set) var stepsTaken = 0

    init(seed: UInt64, steps: Int, isRecorded: Bool = false) {
        generator = SeededGenerator(seed: seed)
        stepsLeft = steps
        self.isRecorded = isRecorded
    }

    public mutating func next() -> UInt64 { generator.next() }

    /// Whether another event is to happen. Afterwards the property comes to its end, which must be possible after any of them.
    public mutating func step() -> Bool {
        guard stepsLeft > 0 else { return false }
        stepsLeft -= 1
        stepsTaken += 1
        return true
    }

    /// Notes what happens now, for the report of a failure.
    public mutating func note(_ event: @autoclosure () -> String) {
        if isRecorded { events.append("\(stepsTaken). \(event())") }
    }

    /// - Throws: what makes the property fail, unless `condition` holds.
    public func expect(_ condition: Bool, _ message: @autoclosure () -> String) throws {
        guard condition else { throw Broken(message()) }
    }

    // MARK: Chance

    public mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

    /// True once in so many times.
    public mutating func oneIn(_ times: Int) -> Bool { number(1...times) == 1 }

    /// `nil` only of nothing.
    public mutating func pick<C: Collection>(_ choices: C) -> C.Element? { choices.randomElement(using: &self) }
}

/// What a property found.
public struct Broken: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}
