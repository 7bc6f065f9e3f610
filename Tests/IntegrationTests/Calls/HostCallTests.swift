import Glibc
import Testing

@Suite("A work of an app takes what it is called for, and refuses what it must", .timeLimit(.patientMinutes(30)))
struct HostCallTests {
    /// Runs `body` beside the work `left`, with a connection in the name of a caller, and with what a flow of the same program has sent to
    /// have it wait for the file `go`.
    private func beside(
        _ body: (Cluster, TestApp.Part, RawPeer, RawFrame.Call) async throws -> Void
    ) async throws {
        try await Cluster.run { cluster in
            // In the place of the work, we hear how it is called.
            let listener = try await cluster.greeted("left")
            let flow = try TestApp(cluster).flow("wait")
            var call = try await listener.takeCall().call
            listener.close()
            try await flow.program.kill()
            let work = try TestApp(cluster).work("left")
            try await work.ready()
            call.id = RawFrame.Call(work: "").id
            call.deadline = 20_000
            call.seconds = 60
            try await body(cluster, work, try await cluster.greeted("third"), call)
        }
    }

    private func expectStillServing(_ work: TestApp.Part, _ caller: RawPeer, _ call: RawFrame.Call) async throws {
        var call = call
        call.id = RawFrame.Call(work: "").id
        try work.go()
        caller.send(call.frame(stream: 1001))
        let reply = try await caller.frame(RawFrame.callReply)
        #expect(reply.stream == 1001 && reply.answer.outcome == 1)
    }

    @Test("CAL-12: A call from another build is refused with versionMismatch, whatever else it says")
    func otherBuild() async throws {
        try await beside { _, work, caller, call in
            var forged = call
            forged.build[0] ^= 1
            caller.send(forged.frame(stream: 1))
            #expect(try await caller.refusal(of: 1).code == Code.versionMismatch)
            forged.method = "nonsense"
            forged.arguments = [255]
            caller.send(forged.frame(stream: 3))
            #expect(try await caller.refusal(of: 3).code == Code.versionMismatch)
            #expect(work.log.isEmpty)
            try await expectStillServing(work, caller, call)
        }
    }

    @Test("CAL-12: A method that is not one of the work's own is refused with unsupported, and nothing of it runs")
    func otherMethods() async throws {
        try await beside { cluster, work, caller, call in
            // That of another type, as a flow of the same program calls it.
            let listener = try await cluster.greeted("other")
            let flow = try TestApp(cluster).flow("stranger")
            let foreign = try await listener.takeCall().call.method
            try await flow.program.kill()
            #expect(foreign != call.method)
            let hostile = [
                foreign, "x", "$s", "run", call.method + " ", String(call.method.dropLast()), "\u{0}", "%n%s",
                String(repeating: "$s", count: 512), String(repeating: "\u{ffff}", count: 341),
                "$sSS5countSivg", "$s10Foundation4DataVMa", "../../../bin/sh",
            ]
            for (number, method) in hostile.enumerated() {
                var forged = RawFrame.Call(work: "left", build: call.build, method: method)
                forged.arguments = call.arguments
                caller.send(forged.frame(stream: UInt32(number) * 2 + 1))
                let error = try await caller.refusal(of: UInt32(number) * 2 + 1)
                #expect(error.code == Code.unsupported, "\(method)")
            }
            #expect(work.log.isEmpty)
            try await expectStillServing(work, caller, call)
        }
    }

    @Test("Arguments that are no values of the method's are an error of their call and of nothing else")
    func garbage() async throws {
        try await beside { _, work, caller, call in
            let garbage: [[UInt8]] = [
                [], [0], [0, 0, 0, 1], [255, 255, 255, 255], [0, 0, 0, 0], [0, 0, 0, 2, 123, 125],
                [0, 0, 0, 4] + Array("null".utf8), [0, 0, 0, 2, 0xC3, 0x28],
                [0, 0, 200, 0] + [UInt8](repeating: UInt8(ascii: "["), count: 51_200),
                call.arguments + call.arguments + [1],
            ]
            for (number, arguments) in garbage.enumerated() {
                var forged = RawFrame.Call(work: "left", build: call.build, method: call.method)
                forged.arguments = arguments
                caller.send(forged.frame(stream: UInt32(number) * 2 + 1))
                let reply = try await caller.frame(RawFrame.callReply)
                #expect(reply.answer.outcome == 2 && reply.answer.message.hasPrefix("unreadable"), "\(reply.answer)")
            }
            #expect(work.log.isEmpty)
            try await expectStillServing(work, caller, call)
        }
    }

    @Test("CAL-14: References that cannot be got keep the call from running")
    func references() async throws {
        try await beside { _, work, caller, call in
            var call = call
            call.references = [.init(origin: "trainer", path: "private")]
            caller.send(call.frame(stream: 1))
            let answer = try await caller.frame(RawFrame.callReply).answer
            #expect(answer.outcome == 2 && answer.message.contains("private"))
            #expect(work.log.isEmpty)
            // What is not there at its origin is left alone, and the own is not asked for.
            call.references = [.init(origin: "trainer", path: "outputs/none"), .init(origin: "left", path: "private")]
            try await expectStillServing(work, caller, call)
        }
    }

    // MARK: Once

    @Test("CAL-17: AGAIN of a call that the host does not know begins nothing, and is lost")
    func unknownAgain() async throws {
        try await beside { _, work, caller, call in
            var again = call
            again.isAgain = true
            caller.send(again.frame(stream: 1))
            #expect(try await caller.refusal(of: 1).code == Code.lost)
            #expect(work.log.isEmpty)
            try await expectStillServing(work, caller, call)
        }
    }

    @Test("CAL-18: The same call a second time is refused with usage, while it runs and after it")
    func twice() async throws {
        try await beside { _, work, caller, call in
            caller.send(call.frame(stream: 1))
            try await work.says("begun flow")
            caller.send(call.frame(stream: 3))
            #expect(try await caller.refusal(of: 3).code == Code.usage)
            try work.go()
            #expect(try await caller.frame(RawFrame.callReply).stream == 1)
            caller.send(call.frame(stream: 5))
            #expect(try await caller.refusal(of: 5).code == Code.usage)
            #expect(work.log == ["begun flow", "done flow"])
        }
    }

    @Test("CAL-17: AGAIN after the answer gets the same answer again, also over another connection")
    func againAfterTheAnswer() async throws {
        try await beside { cluster, work, caller, call in
            try work.go()
            caller.send(call.frame(stream: 1))
            let answer = try await caller.frame(RawFrame.callReply).answer
            var again = call
            again.isAgain = true
            caller.send(again.frame(stream: 3))
            #expect(try await caller.frame(RawFrame.callReply).answer == answer)
            caller.close()
            let next = try await cluster.greeted("fourth")
            next.send(again.frame(stream: 1))
            #expect(try await next.frame(RawFrame.callReply).answer == answer)
            #expect(work.log == ["begun flow", "done flow"])
        }
    }

    @Test(
        "CAL-16, CAL-17: A caller that is gone and comes back with AGAIN gets the answer of the call that went on meanwhile"
    )
    func comesBack() async throws {
        try await beside { cluster, work, caller, call in
            caller.send(call.frame(stream: 1))
            try await work.says("begun flow")
            caller.close()
            try await Task.sleep(for: .seconds(1))
            let back = try await cluster.greeted("third")
            var again = call
            again.isAgain = true
            back.send(again.frame(stream: 1))
            // Whoever asks after it once more takes the place of the one before.
            back.send(again.frame(stream: 3))
            #expect(try await back.refusal(of: 1).code == Code.replaced)
            try work.go()
            let reply = try await back.frame(RawFrame.callReply)
            #expect(reply.stream == 3 && reply.answer.outcome == 1)
            #expect(work.log == ["begun flow", "done flow"])
        }
    }

    @Test("CAL-16: CANCEL stops a call that runs, and its caller is told; the next call runs")
    func cancel() async throws {
        try await beside { _, work, caller, call in
            caller.send(call.frame(stream: 1))
            try await work.says("begun flow")
            caller.send(.cancel(stream: 1))
            #expect(try await caller.refusal(of: 1).code == Code.cancelled)
            #expect(work.log == ["begun flow", "stopped flow"])
            try await expectStillServing(work, caller, call)
        }
    }

    @Test(
        "CAL-13: Calls run one at a time, in the order in which they came; one that waits can be cancelled and never runs"
    )
    func oneAtATime() async throws {
        try await beside { _, work, caller, call in
            for stream: UInt32 in [1, 3, 5] {
                var next = call
                next.id[0] = UInt8(stream)
                caller.send(next.frame(stream: stream))
            }
            try await work.says("begun flow")
            caller.send(.cancel(stream: 3))
            #expect(try await caller.refusal(of: 3).code == Code.cancelled)
            #expect(work.log == ["begun flow"])
            try work.go()
            #expect(try await caller.frame(RawFrame.callReply).stream == 1)
            #expect(try await caller.frame(RawFrame.callReply).stream == 5)
            #expect(work.log == ["begun flow", "done flow", "begun flow", "done flow"])
        }
    }
}
