import Foundation
import Testing

@Suite(
    "Who breaks the rules of calls is told its error and closed; nobody else is harmed", .timeLimit(.patientMinutes(30))
)
struct HostileCallTests {
    struct Offence: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let code: UInt16
        let frame: RawFrame

        init(_ description: String, _ code: UInt16 = Code.malformed, _ frame: RawFrame) {
            testDescription = description
            self.code = code
            self.frame = frame
        }

        init(_ description: String, _ change: (inout RawFrame.Call) -> Void) {
            var call = RawFrame.Call(work: "fourth")
            change(&call)
            self.init(description, Code.malformed, call.frame(stream: 1))
        }
    }

    static let calls = [
        Offence("no work") { $0.work = "" },
        Offence("a work's name that cannot be") { $0.work = "a/b" },
        Offence("no running time") { $0.seconds = 0 },
        Offence("an id that is too short") { $0.id.removeLast() },
        Offence("an id that is too long") { $0.id.append(0) },
        Offence("no build") { $0.build = [] },
        Offence("a build that is too long") { $0.build.append(0) },
        Offence("no method") { $0.method = "" },
        Offence("a method that is too long") { $0.method = String(repeating: "m", count: 1025) },
        Offence("a reference without a work") { $0.references = [.init(origin: "", path: "outputs")] },
        Offence("a reference with ..") { $0.references = [.init(origin: "trainer", path: "outputs/../secret")] },
        Offence(
            "an option that there is not", Code.malformed,
            RawFrame.Call(work: "fourth").frame(stream: 1).with(2, at: 15)),
        Offence(
            "more references than come", Code.malformed,
            RawFrame.Call(work: "fourth").frame(stream: 1).with(255, at: 71)),
        Offence(
            "fewer arguments than it says", Code.malformed,
            RawFrame.Call(work: "fourth").frame(stream: 1).with(255, at: 75)),
        Offence("an ATTACH on control", Code.wrongConnection, .attach(stream: 1)),
    ]

    @Test("CAL-4: A CALL that is malformed", arguments: calls)
    func malformedCall(_ offence: Offence) async throws {
        try await Cluster.run { cluster in
            let (caller, owner) = try await cluster.callerAndOwner()
            caller.send(offence.frame)
            let goAway = try await caller.frame(RawFrame.goAway)
            #expect(goAway.code == offence.code, "\(goAway.sentence)")
            try await caller.closed()
            try await owner.expectSilence()
            try await cluster.expectHealthy()
        }
    }

    static let answers = [
        Offence("outcome 0", Code.malformed, RawFrame.Answer(outcome: 0).frame(stream: 2)),
        Offence("outcome 3", Code.malformed, RawFrame.Answer(outcome: 3).frame(stream: 2)),
        Offence("an error though it returned", Code.malformed, RawFrame.Answer(error: "E").frame(stream: 2)),
        Offence("words though it returned", Code.malformed, RawFrame.Answer(message: "m").frame(stream: 2)),
        Offence(
            "an error that is too long", Code.malformed,
            RawFrame.Answer(outcome: 2, error: String(repeating: "e", count: 1025)).frame(stream: 2)),
        Offence("the answer to another question", Code.unexpectedFrame, .existsReply(stream: 2)),
        Offence("REPORT", Code.unexpectedFrame, .report(waiting: 0, bytes: 0, stream: 2)),
    ]

    @Test(
        "CAL-4, STR-21: An answer that is malformed or does not fit: its sender's session ends, and the caller is told",
        arguments: answers)
    func malformedAnswer(_ offence: Offence) async throws {
        try await Cluster.run { cluster in
            let (caller, owner) = try await cluster.callerAndOwner()
            caller.send(RawFrame.Call(work: "fourth").frame(stream: 1))
            var answer = offence.frame
            answer.stream = try await owner.takeCall().stream
            owner.send(answer)
            let goAway = try await owner.frame(RawFrame.goAway)
            #expect(goAway.code == offence.code, "\(goAway.sentence)")
            #expect(try await caller.refusal(of: 1).code == Code.interrupted)
            try await cluster.expectHealthy()
        }
    }

    @Test("At an agent, too: a host that answers something else is closed, the call is lost, and another can be host")
    func hostOfAgent() async throws {
        try await Cluster.run { cluster in
            let caller = try await cluster.greeted("third")
            let host = try await cluster.deploy.host()
            caller.send(RawFrame.Call(work: "deploy").frame(stream: 1))
            host.send(.existsReply(stream: try await host.takeCall().stream))
            #expect(try await host.frame(RawFrame.goAway).code == Code.unexpectedFrame)
            #expect(try await caller.refusal(of: 1).code == Code.lost)
            _ = try await cluster.deploy.host()
            try await cluster.expectHealthy()
        }
    }

    @Test("A flood of large calls for a work that is away costs the relay little memory, and those beside nothing")
    func flood() async throws {
        try await Cluster.run { cluster in
            let caller = try await cluster.greeted("third")
            let before = try cluster.relay.residentBytes
            var stream: UInt32 = 1
            var answers = 0
            for _ in 0..<20 {
                for _ in 0..<100 {
                    caller.send(
                        RawFrame.Call(work: "fourth", arguments: [UInt8](repeating: 1, count: 60_000))
                            .frame(stream: stream))
                    stream += 2
                }
                // All but those that are held.
                while answers < Int(stream / 2) - 16 {
                    #expect(try await caller.frame(RawFrame.error).code == Code.busy)
                    answers += 1
                }
            }
            #expect(try cluster.relay.residentBytes - before < 64 << 20)
            try await cluster.expectHealthy()
            // They are gone with their caller.
            caller.close()
            try await cluster.relay.says("a work has gone")
            let owner = try await cluster.greeted("fourth")
            try await owner.expectSilence()
        }
    }

    @Test("Calls that are sent and cancelled in a row leave nothing behind")
    func cancelledInARow() async throws {
        try await Cluster.run { cluster in
            let (caller, owner) = try await cluster.callerAndOwner()
            for number in UInt32(0)..<500 {
                caller.send(
                    RawFrame.Call(work: "fourth").frame(stream: number * 2 + 1), .cancel(stream: number * 2 + 1))
                let stream = try await owner.takeCall().stream
                #expect(try await owner.frame(RawFrame.cancel).stream == stream)
                owner.send(.failure(code: Code.cancelled, "stopped", stream: stream))
                #expect(try await caller.refusal(of: number * 2 + 1).code == Code.cancelled)
            }
            // There is room for as many as before.
            for number in UInt32(500)..<564 { caller.send(RawFrame.Call(work: "fourth").frame(stream: number * 2 + 1)) }
            for _ in 0..<64 { _ = try await owner.takeCall() }
        }
    }
}

extension RawFrame {
    /// The same with another byte at this place of its payload.
    fileprivate func with(_ byte: UInt8, at index: Int) -> RawFrame {
        var frame = self
        frame.payload[index] = byte
        return frame
    }
}

extension Relay {
    /// What it has in memory.
    fileprivate var residentBytes: Int {
        get throws {
            let text = try String(contentsOfFile: "/proc/\(program.pid)/statm", encoding: .utf8)
            return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4096
        }
    }
}
