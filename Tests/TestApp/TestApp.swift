import Baton
import Distributed

/// An app that does what a test tells it, by `$TEST_FLOW`; what its works do they note in `outputs/log`.
@main
struct TestApp: App {
    let name = "test-app"
    let flow = Script()
}

struct Script: Flow {
    @Remote var left: Worker
    @Remote var right: Worker
    @Remote var other: Stranger

    func run() async throws {
        switch environment("TEST_FLOW") {
        case "wait": print(try await left.wait(for: "flow"))
        case "keep": print(try await left.run("kept"))
        case "hand-over":
            let file = try await left.run("handed over")
            print(try await right.read(file))
        case "count": print(try await left.count())
        case "fail": try await left.fail("it was to fail")
        case "stubborn": try await left.stand()
        case "stranger": try await other.greet()
        case "none": break
        case let word: throw NoGood(reason: "no flow is called '\(word)'")
        }
    }
}

struct NoGood: Error, Codable { let reason: String }
