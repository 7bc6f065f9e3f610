import Distributed
import FoundationEssentials
import Synchronization
import Testing

@testable import Baton
@testable import BatonProtocol

/// Answers, fails, waits.
distributed actor Clerk: Work {
    private var calls = 0

    distributed func echo(_ values: Values) -> Values { values }
    distributed func nothing() {}
    distributed var count: Int { calls }
    distributed func fail(_ reason: String) throws { throw NoGood(reason: reason) }
    distributed func failPlainly() throws { throw Plain() }
    distributed func repeated(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }
    distributed func isEmpty(_ text: String) -> Bool { text.isEmpty }

    /// Until it is cancelled; notes that it has begun.
    distributed func wait(_ mark: UUID = UUID()) async throws {
        begun.withLock { _ = $0.insert(mark) }
        do { try await Task.sleep(for: .seconds(3600)) } catch {
            calls += 1
            throw error
        }
    }

    /// Counts how many run at once.
    distributed func overlap() async throws -> Int {
        calls += 1
        defer { calls -= 1 }
        let most = calls
        try await Task.sleep(for: .milliseconds(20))
        return max(most, calls)
    }

    /// Calls another work.
    distributed func ask(_ other: Clerk, for values: Values) async throws -> Values { try await other.echo(values) }
}

/// The waits that have begun: all works of a test are in this process.
private let begun = Mutex<Set<UUID>>([])

struct Plain: Error {}

struct Values: Codable, Sendable, Equatable {
    var number = 0.0
    var text = ""
    var list: [Int?] = []
}

@Suite("Calls")
struct CallTests {
    @Test func `arguments and results arrive as they were, infinite numbers and odd texts too`() async throws {
        try await play(Clerk.self, Clerk.self) { clerk, _ in
            for values in [
                Values(), Values(number: .infinity, text: "\u{0}\n\"é🏃", list: [nil, 1, .max]),
                Values(number: -0.1, text: "", list: []),
            ] { #expect(try await clerk.echo(values) == values) }
            #expect(try await clerk.echo(Values(number: .nan)).number.isNaN)
            try await clerk.nothing()
            #expect(try await clerk.count == 0)
        }
    }

    @Test func `an error that is Codable arrives as it was thrown`() async throws {
        try await play(Clerk.self, Clerk.self) { clerk, _ in
            await #expect(throws: NoGood(reason: "why")) { try await clerk.fail("why") }
        }
    }

    @Test func `another error arrives with its type and what it says, and which work threw it`() async throws {
        try await play(Clerk.self, Clerk.self) { clerk, _ in
            await #expect(throws: RemoteError(work: "first", type: "Plain", message: "Plain()")) {
                try await clerk.failPlainly()
            }
        }
    }

    @Test func `calls to one work run one at a time, those to two works at once`() async throws {
        try await play(Clerk.self, Clerk.self) { first, second in
            let most = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 {
                    group.addTask { try await first.overlap() }
                    group.addTask { try await second.overlap() }
                }
                return try await group.reduce(0) { max($0, $1) }
            }
            #expect(most == 1)
        }
    }

    @Test func `cancelling the task cancels the call, and the work goes on with the next one`() async throws {
        try await play(Clerk.self, Clerk.self) { clerk, _ in
            let mark = UUID()
            let error = await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await clerk.wait(mark) }
                while !begun.withLock({ $0.contains(mark) }) { try? await Task.sleep(for: .milliseconds(5)) }
                group.cancelAll()
                return await group.nextResult()
            }
            #expect((error?.failure as? CallError)?.code == .cancelled)
            // It came to its end over there, too.
            let cancelled = try await clerk.count
            #expect(cancelled == 1)
        }
    }

    @Test func `a call that takes longer than it may is cancelled, and says so`() async throws {
        try await play(Clerk.self, Clerk.self) { clerk, _ in
            let error = await #expect(throws: CallError.self) {
                try await withCallLimits(CallLimits(reach: .seconds(2), answer: .seconds(1))) { try await clerk.wait() }
            }
            #expect(error?.code == .deadline)
            let cancelled = try await clerk.count
            #expect(cancelled == 1)
        }
    }

    @Test func `a work calls another work that it was handed`() async throws {
        try await play(Clerk.self, Clerk.self) { first, second in
            let answer = try await first.ask(second, for: Values(text: "passed on"))
            #expect(answer == Values(text: "passed on"))
        }
    }

    @Test func `values that are too large for a message are refused with what to do instead`() async throws {
        try await play(Clerk.self, Clerk.self) { clerk, _ in
            let tooMuch = String(repeating: "x", count: 70_000)
            let argument = await #expect(throws: CallError.self) { try await clerk.isEmpty(tooMuch) }
            #expect(argument?.code == .tooLarge)
            #expect(argument?.message.contains("path") == true)
            let result = await #expect(throws: CallError.self) { try await clerk.repeated("x", 70_000) }
            #expect(result?.code == .tooLarge)
        }
    }

    @Test func `a work that does not come is out of reach, after as long as it may take`() async throws {
        try await play(Clerk.self, Clerk.self) { clerk, _ in
            let ghost = try Clerk.resolve(id: WorkID(name: "ghost"), using: clerk.actorSystem)
            let error = await #expect(throws: CallError.self) {
                try await withCallLimits(CallLimits(reach: .seconds(1))) { try await ghost.nothing() }
            }
            #expect(error?.code == .unreachable)
            #expect(error?.message.contains("'ghost'") == true)
        }
    }

    @Test func `a method of another type is not run`() async throws {
        try await play(Clerk.self, Producer.self) { clerk, _ in
            // The same name, and a proxy of the wrong type.
            let wrong = try Producer.resolve(id: clerk.id, using: clerk.actorSystem)
            let error = await #expect(throws: CallError.self) { _ = try await wrong.handOver("lit://x") }
            #expect(error?.code == .unsupported)
        }
    }
}

@Suite("The works of a flow")
struct CastTests {
    private struct Twice: Flow {
        @Remote var clerk: Clerk
        @Remote("clerk") var other: Clerk
        func run() async throws {}
    }

    private struct Nameless: Flow {
        @Remote("no name!") var clerk: Clerk
        func run() async throws {}
    }

    private struct Many: Flow {
        @Remote var clerk: Clerk
        let others = (1...3).map { Remote<Clerk>("clerk\($0)") }
        func run() async throws {}
    }

    @Test func `two works of one name are refused, and so is a name that cannot be`() {
        #expect(throws: CallError.self) { try Cast(of: Twice()) }
        #expect(throws: CallError.self) { try Cast(of: Nameless()) }
    }

    @Test func `works in arrays have the names that they were given`() throws {
        #expect(try Cast(of: Many()).members.map(\.name.description) == ["clerk", "clerk1", "clerk2", "clerk3"])
    }
}

@Suite("Methods that a work can be called by")
struct TargetNameTests {
    private let method = "$s10BatonTests5ClerkC7nothingyyYaKFTE"

    @Test func `the distributed methods of its own type have their names`() throws {
        #expect(try TargetNames(Clerk.self).method(method) == "nothing")
    }

    @Test(arguments: [
        "", "x", "$s", "$s10BatonTests5ClerkC", "$s10BatonTests5ClerkC7nothingyyYaKFTE ",
        "$s10BatonTests5ClerkC4nonoyyYaKFTE", String(repeating: "$s10BatonTests5ClerkC", count: 40),
    ])
    func `what the program has no such method for is refused`(_ name: String) throws {
        #expect(try TargetNames(Clerk.self).method(name) == nil)
    }

    @Test func `a method of another type is refused`() throws {
        #expect(try TargetNames(Producer.self).method(method) == nil)
        #expect(try TargetNames(Nest.self).method("$s10BatonTests4NestC4EggsC5hatchyyYaKFTE") == nil)
        #expect(try TargetNames(Nest.Eggs.self).method("$s10BatonTests4NestC4EggsC5hatchyyYaKFTE") == "hatch")
    }

    @Test func `generic and private types cannot be works`() {
        #expect(throws: CallError.self) { try TargetNames(Generic<Int>.self) }
        #expect(throws: CallError.self) { try TargetNames(Hidden.self) }
    }
}

distributed actor Nest: Work {
    distributed actor Eggs: Work { distributed func hatch() {} }
}

distributed actor Generic<Value: Sendable>: Work {}

private distributed actor Hidden: Work {}

@Suite("Errors that come back from a work")
struct ThrownErrorTests {
    @Test func `names of plain types are looked up`() {
        for type in [NoGood.self, PathError.self, CallError.self] as [any Any.Type] {
            #expect(_mangledTypeName(type).map(ThrownError.isPlain) == true)
        }
        #expect(ThrownError.isPlain("4demo5OuterO5InnerV"))
    }

    /// Swift's runtime crashes on the first ones, and does not come to an end with the others.
    @Test(arguments: [
        "Si_" + String(repeating: "S2047i", count: 40) + "t", "SiSgSgSgSgSg", "SqySqySiGG", "s7KeyPathCyABySiSiGG", "",
        "0C3_ItC", "4demo", "4demo5NoGood", "4demo5NoGoodVSg", "99demo1AV", "4demo5NoGoodP", "4dem\u{E9}1AV",
        String(repeating: "1aV", count: 100),
    ])
    func `other names are not`(_ name: String) { #expect(!ThrownError.isPlain(name)) }

    @Test func `what another program says is safe to print`() throws {
        let hostile = #"{"code":"x\u001b","message":"\u001b[31mred","work":"w\u0007","type":"t\r","saidBy":"owner"}"#
        let data = Data(hostile.utf8)
        let texts = try [
            JSONDecoder().decode(CallError.self, from: data).description,
            JSONDecoder().decode(RemoteError.self, from: data).description,
            JSONDecoder().decode(PathError.self, from: data).description,
        ]
        for text in texts { #expect(!text.unicodeScalars.contains { $0.value < 0x20 }, "\(text.debugDescription)") }
    }
}

@Suite("The state of a work")
struct WorkStateTests {
    @Test func `paths at any depth of its stored properties are its state`() async throws {
        try await play(Keeper.self, Clerk.self) { keeper, _ in
            let found = try await keeper.run()
            #expect(found == ["lit://a", "lit://b", "lit://c", "lit://d", "lit://e", "lit://f"])
        }
    }
}

distributed actor Keeper: Work {
    struct Inner { var paths: [Path?] }
    final class Box: Sendable { let path: Path = "e" }
    enum Either { case left(Path) }

    let one: Path = "a"
    let optional: Path? = "b"
    let inner = Inner(paths: [nil, "c"])
    let dictionary: [String: [Path]] = ["x": ["d"]]
    let box = Box()
    let either = Either.left("f")
    let weights = [Double](repeating: 1, count: 1_000_000)
    let other = 5

    distributed func run() async -> [String] { await WorkState.paths(of: self).map(\.description).sorted() }
}

extension Result {
    fileprivate var failure: Failure? { if case .failure(let error) = self { error } else { nil } }
}
