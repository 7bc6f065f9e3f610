import Glibc
import Testing

@Suite("An agent hands calls to the one program that takes them", .timeLimit(.patientMinutes(30)))
struct AgentCallTests {
    private let call = RawFrame.Call(
        work: "deploy", references: [.init(origin: "trainer", path: "outputs/x")], arguments: [1, 2, 3])
    private let answer = RawFrame.Answer(references: [.init(origin: "deploy", path: "/data")], value: [4, 5])

    // MARK: The host

    @Test("CAL-3: ATTACH tells the work's root; without CALLS it makes no host")
    func attach() async throws {
        try await Cluster.run { cluster in
            let visitor = try await cluster.deploy.program()
            visitor.send(.attach(options: 0, stream: 1))
            #expect(try await visitor.frame(RawFrame.attachReply).rootOfAttachReply == cluster.deploy.root)
            let host = try await cluster.deploy.host()
            let caller = try await cluster.greeted("third")
            caller.send(call.frame(stream: 1))
            _ = try await host.takeCall()
            #expect(!visitor.hasFrame)
        }
    }

    @Test("CAL-1: There is one host: another is refused while it is there, and welcome once it is gone")
    func oneHost() async throws {
        try await Cluster.run { cluster in
            let host = try await cluster.deploy.host()
            let other = try await cluster.deploy.program()
            other.send(.attach(stream: 1))
            let error = try await other.refusal(of: 1)
            #expect(error.code == Code.alreadyExists && error.saidBy == 0 && error.words.contains("'deploy'"))
            // It is told no more than that: the root it may know.
            other.send(.attach(options: 0, stream: 3))
            _ = try await other.frame(RawFrame.attachReply)
            host.close()
            var stream: UInt32 = 3
            try await eventually("a place for the other") {
                stream += 2
                other.send(.attach(stream: stream))
                return try await other.frame().type == RawFrame.attachReply
            }
        }
    }

    @Test("CAL-2: Nothing comes to a program that is no host, and nothing but CALL to the host, on even streams")
    func towardsTheHost() async throws {
        try await Cluster.run("mkdir outputs; echo x > outputs/x") { cluster in
            let visitor = try await cluster.trainer.program()
            let host = try await cluster.trainer.host()
            let caller = try await cluster.greeted("third")
            // Questions about files are the agent's own business.
            caller.send(.exists("outputs/x", of: "trainer", stream: 1))
            _ = try await caller.frame(RawFrame.existsReply)
            caller.send(RawFrame.Call(work: "trainer").frame(stream: 3))
            #expect(try await host.takeCall().stream == 2)
            #expect(!visitor.hasFrame && !host.hasFrame)
        }
    }

    // MARK: The way

    @Test("What a call and its answer carry passes through both agents unchanged, but for the time")
    func unchanged() async throws {
        try await Cluster.run { cluster in
            let host = try await cluster.deploy.host()
            let caller = try await cluster.trainer.program()
            caller.send(call.frame(stream: 1))
            let taken = try await host.takeCall()
            #expect((15_000...20_000).contains(taken.call.deadline))
            #expect(taken.call == call.with(deadline: taken.call.deadline))
            host.send(answer.frame(stream: taken.stream))
            let reply = try await caller.frame(RawFrame.callReply)
            #expect(reply.stream == 1 && reply.answer == answer)
        }
    }

    @Test("CAL-5: The largest call and the largest answer pass through both agents")
    func largest() async throws {
        try await Cluster.run { cluster in
            let host = try await cluster.deploy.host()
            let caller = try await cluster.trainer.program()
            let empty = RawFrame.Call(work: "deploy").frame(stream: 1).payload.count
            let arguments = [UInt8](repeating: 1, count: 65_536 - empty)
            caller.send(RawFrame.Call(work: "deploy", arguments: arguments).frame(stream: 1))
            let taken = try await host.takeCall()
            #expect(taken.call.arguments == arguments)
            let value = [UInt8](repeating: 2, count: 65_536 - RawFrame.Answer().frame(stream: 1).payload.count)
            host.send(RawFrame.Answer(value: value).frame(stream: taken.stream))
            #expect(try await caller.frame(RawFrame.callReply).answer.value == value)
        }
    }

    @Test("A program can call the work that it is the host of, by way of the relay")
    func ownWork() async throws {
        try await Cluster.run { cluster in
            let host = try await cluster.deploy.host()
            host.send(call.frame(stream: 3))
            let taken = try await host.takeCall()
            #expect(taken.call.id == call.id)
            host.send(answer.frame(stream: taken.stream))
            #expect(try await host.frame(RawFrame.callReply).stream == 3)
        }
    }

    @Test("Calls come to the host in their order, several at once, and each answer finds its caller")
    func several() async throws {
        try await Cluster.run { cluster in
            let host = try await cluster.deploy.host()
            let callers = [try await cluster.greeted("third"), try await cluster.trainer.program()]
            for number in UInt8(0)..<4 {
                callers[0].send(
                    RawFrame.Call(work: "deploy", arguments: [number]).frame(stream: UInt32(number) * 2 + 1))
            }
            var taken: [(call: RawFrame.Call, stream: UInt32)] = []
            for _ in 0..<4 { taken.append(try await host.takeCall()) }
            #expect(taken.map(\.call.arguments) == [[0], [1], [2], [3]])
            callers[1].send(RawFrame.Call(work: "deploy", arguments: [9]).frame(stream: 1))
            taken.append(try await host.takeCall())
            for (call, stream) in taken.reversed() {
                host.send(RawFrame.Answer(value: call.arguments).frame(stream: stream))
            }
            #expect(try await callers[1].frame(RawFrame.callReply).answer.value == [9])
            for _ in 0..<4 {
                let reply = try await callers[0].frame(RawFrame.callReply)
                #expect(reply.answer.value.first.map { UInt32($0) * 2 + 1 } == reply.stream)
            }
        }
    }

    // MARK: Held

    @Test("CAL-6: A call is held until a host comes, behind the answer to its ATTACH, with the time taken off")
    func held() async throws {
        try await Cluster.run { cluster in
            let caller = try await cluster.greeted("third")
            for number in UInt8(0)..<2 {
                caller.send(RawFrame.Call(work: "deploy", arguments: [number]).frame(stream: UInt32(number) * 2 + 1))
            }
            try await Task.sleep(for: .seconds(1))
            #expect(!caller.hasFrame)
            let host = try await cluster.deploy.host()
            for number in UInt8(0)..<2 {
                let taken = try await host.takeCall()
                #expect(taken.call.arguments == [number])
                #expect((10_000...19_100).contains(taken.call.deadline))
                host.send(answer.frame(stream: taken.stream))
                #expect(try await caller.frame(RawFrame.callReply).stream == UInt32(number) * 2 + 1)
            }
        }
    }

    @Test(
        "CAL-6: When no host comes in time the agent answers unreachable, says what is missing, and hands nothing over later"
    )
    func missed() async throws {
        try await Cluster.run { cluster in
            let caller = try await cluster.greeted("third")
            caller.send(RawFrame.Call(work: "deploy", deadline: 1000).frame(stream: 1))
            let error = try await caller.refusal(of: 1, within: .seconds(6))
            #expect(error.code == Code.unreachable && error.saidBy == 2)
            #expect(error.words.contains("'deploy'") && error.words.contains("no program"))
            let host = try await cluster.deploy.host()
            try await host.expectSilence()
        }
    }

    @Test("A call that is held can be cancelled, and so can one whose caller is gone")
    func cancelledWhileHeld() async throws {
        try await Cluster.run { cluster in
            let caller = try await cluster.greeted("third")
            caller.send(call.frame(stream: 1), .cancel(stream: 1))
            #expect(try await caller.refusal(of: 1).code == Code.cancelled)
            caller.send(RawFrame.Call(work: "deploy").frame(stream: 3))
            try await caller.settle(stream: 5)
            caller.close()
            try await cluster.relay.says("a work has gone")
            // Its answer follows what the relay has said to the agent about the call.
            let other = try await cluster.greeted("fourth")
            other.send(.exists("outputs", of: "deploy", stream: 1))
            _ = try await other.refusal(of: 1)
            let host = try await cluster.deploy.host()
            try await host.expectSilence()
        }
    }

    @Test("CAL-7: What callers have held at an agent is bounded; nobody is kept from the others' files by it")
    func heldAtOnce() async throws {
        try await Cluster.run { cluster in
            let callers = [try await cluster.greeted("third"), try await cluster.greeted("fourth")]
            for caller in callers {
                for number in UInt32(0)...64 {
                    caller.send(RawFrame.Call(work: "deploy").frame(stream: number * 2 + 1))
                }
                #expect(try await caller.refusal(of: 129).code == Code.busy)
            }
            let question = try await cluster.trainer.baton("ping", "deploy")
            #expect(question.status == 0, "\(question)")
            let host = try await cluster.deploy.host()
            for _ in 0..<128 { host.send(answer.frame(stream: try await host.takeCall().stream)) }
            for caller in callers { for _ in 0..<64 { _ = try await caller.frame(RawFrame.callReply) } }
        }
    }

    @Test("An agent that ends does not wait for a host: who waits for one is told that the call has not begun")
    func endWhileHeld() async throws {
        try await Cluster.run { cluster in
            let caller = try await cluster.greeted("third")
            caller.send(call.frame(stream: 1))
            try await caller.settle(stream: 3)
            let began = ContinuousClock.now
            cluster.deploy.program.send(SIGTERM)
            #expect(try await caller.refusal(of: 1).code == Code.unreachable)
            #expect(try await cluster.deploy.program.status() == 0)
            #expect(ContinuousClock.now - began < .seconds(3).patient)
        }
    }

    // MARK: Ends

    @Test("CAL-9: When the host ends its calls are lost, and the next host gets nothing of them")
    func hostGone() async throws {
        try await Cluster.run { cluster in
            let caller = try await cluster.greeted("third")
            let host = try await cluster.deploy.host()
            caller.send(call.frame(stream: 1))
            _ = try await host.takeCall()
            host.close()
            let error = try await caller.refusal(of: 1)
            #expect(error.code == Code.lost && error.saidBy == 2 && error.words.contains("'deploy'"))
            let next = try await cluster.deploy.host()
            try await next.expectSilence()
        }
    }

    @Test("CAL-9: When the agent itself ends, the relay says interrupted")
    func agentGone() async throws {
        try await Cluster.run { cluster in
            let caller = try await cluster.greeted("third")
            let host = try await cluster.deploy.host()
            caller.send(call.frame(stream: 1))
            _ = try await host.takeCall()
            try await cluster.deploy.program.kill()
            let error = try await caller.refusal(of: 1)
            #expect(error.code == Code.interrupted && error.saidBy == 1)
        }
    }

    @Test("CAL-10: When the relay is gone, the host is told CANCEL(interrupted), and the caller's program interrupted")
    func relayGone() async throws {
        try await Cluster.run { cluster in
            let host = try await cluster.deploy.host()
            let caller = try await cluster.trainer.program()
            caller.send(call.frame(stream: 1))
            let stream = try await host.takeCall().stream
            try await cluster.relay.program.kill()
            let cancel = try await host.frame(RawFrame.cancel)
            #expect(cancel.stream == stream && cancel.code == Code.interrupted)
            let error = try await caller.refusal(of: 1)
            #expect(error.code == Code.interrupted && error.saidBy == 0)
            // Without a relay nothing can be called, and that is said at once.
            caller.send(RawFrame.Call(work: "deploy").frame(stream: 3))
            #expect(try await caller.refusal(of: 3).code == Code.unreachable)
        }
    }

    @Test("CAL-10: When the calling program is gone, the host is told CANCEL(interrupted)")
    func callerGone() async throws {
        try await Cluster.run { cluster in
            let host = try await cluster.deploy.host()
            let caller = try await cluster.trainer.program()
            caller.send(call.frame(stream: 1))
            let stream = try await host.takeCall().stream
            caller.close()
            let cancel = try await host.frame(RawFrame.cancel)
            #expect(cancel.stream == stream && cancel.code == Code.interrupted)
        }
    }

    @Test("CAL-10: CANCEL passes through both agents with its code", arguments: [Code.cancelled, Code.deadline, 4711])
    func cancel(_ code: UInt16) async throws {
        try await Cluster.run { cluster in
            let host = try await cluster.deploy.host()
            let caller = try await cluster.trainer.program()
            caller.send(call.frame(stream: 1))
            let stream = try await host.takeCall().stream
            caller.send(.cancel(code, stream: 1))
            let cancel = try await host.frame(RawFrame.cancel)
            #expect(cancel.stream == stream && cancel.code == code)
            host.send(.failure(code: code, "stopped", stream: stream))
            let error = try await caller.refusal(of: 1)
            #expect(error.code == code && error.saidBy == 2)
        }
    }

    @Test("CAL-8: At an agent, too, the running time counts from when the host has the call")
    func time() async throws {
        try await Cluster.run { cluster in
            let host = try await cluster.deploy.host()
            let caller = try await cluster.trainer.program()
            caller.send(RawFrame.Call(work: "deploy", deadline: 1000, seconds: 3).frame(stream: 1))
            let taken = try await host.takeCall()
            try await Task.sleep(for: .seconds(2))
            #expect(!host.hasFrame && !caller.hasFrame)
            let cancel = try await host.frame(RawFrame.cancel, within: .seconds(8))
            #expect(cancel.stream == taken.stream && cancel.code == Code.deadline)
        }
    }
}
