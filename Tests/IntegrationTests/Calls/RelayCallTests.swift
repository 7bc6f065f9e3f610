import Glibc
import Testing

@Suite("A relay brings calls to the work that they name, once", .timeLimit(.patientMinutes(30)))
struct RelayCallTests {
    private let call = RawFrame.Call(
        work: "fourth",
        references: [.init(origin: "trainer", path: "outputs/\u{e9}"), .init(origin: "third", path: "/")],
        arguments: Array(0...255))
    private let answer = RawFrame.Answer(references: [.init(origin: "fourth", path: "outputs")], value: [1, 2, 3])

    // MARK: The way

    @Test("CAL-6: What a call and its answer carry passes unchanged, but for the time")
    func unchanged() async throws {
        try await Cluster.run { cluster in
            let (caller, owner) = try await cluster.callerAndOwner()
            caller.send(call.frame(stream: 5))
            let taken = try await owner.takeCall()
            #expect(taken.stream % 2 == 0)
            #expect((15_000...20_000).contains(taken.call.deadline))
            #expect(taken.call == call.with(deadline: taken.call.deadline))
            owner.send(answer.frame(stream: taken.stream))
            let reply = try await caller.frame(RawFrame.callReply)
            #expect(reply.stream == 5 && reply.answer == answer)
        }
    }

    @Test("What was thrown, and ERROR of the host, pass unchanged")
    func thrown() async throws {
        try await Cluster.run { cluster in
            let (caller, owner) = try await cluster.callerAndOwner()
            let thrown = RawFrame.Answer(outcome: 2, error: "NoGood", message: "because", value: [9])
            caller.send(call.frame(stream: 1))
            owner.send(thrown.frame(stream: try await owner.takeCall().stream))
            #expect(try await caller.frame(RawFrame.callReply).answer == thrown)
            caller.send(RawFrame.Call(work: "fourth").frame(stream: 3))
            owner.send(.failure(code: Code.lost, "gone", stream: try await owner.takeCall().stream))
            let error = try await caller.refusal(of: 3)
            #expect(error.code == Code.lost && error.saidBy == 2 && error.words.contains("gone"))
        }
    }

    @Test("Several calls are under way at once, and each gets its own answer")
    func several() async throws {
        try await Cluster.run { cluster in
            let (caller, owner) = try await cluster.callerAndOwner()
            for number in UInt8(0)..<8 {
                caller.send(RawFrame.Call(work: "fourth", arguments: [number]).frame(stream: UInt32(number) * 2 + 1))
            }
            var taken: [(call: RawFrame.Call, stream: UInt32)] = []
            for _ in 0..<8 { taken.append(try await owner.takeCall()) }
            #expect(taken.map(\.call.arguments) == (0..<8).map { [$0] })
            for (call, stream) in taken.reversed() {
                owner.send(RawFrame.Answer(value: call.arguments).frame(stream: stream))
            }
            for _ in 0..<8 {
                let reply = try await caller.frame(RawFrame.callReply)
                #expect(reply.answer.value.first.map { UInt32($0) * 2 + 1 } == reply.stream)
            }
        }
    }

    @Test("A work can call itself")
    func ownWork() async throws {
        try await Cluster.run { cluster in
            let work = try await cluster.greeted("fourth")
            work.send(call.frame(stream: 1))
            let taken = try await work.takeCall()
            #expect(taken.stream % 2 == 0 && taken.call.id == call.id)
            work.send(answer.frame(stream: taken.stream))
            let reply = try await work.frame(RawFrame.callReply)
            #expect(reply.stream == 1 && reply.answer == answer)
        }
    }

    @Test(
        "CAL-5: The largest call that a frame can carry passes, and so does the largest answer; one byte more ends the session"
    )
    func largest() async throws {
        try await Cluster.run { cluster in
            let (caller, owner) = try await cluster.callerAndOwner()
            let empty = RawFrame.Call(work: "fourth").frame(stream: 1).payload.count
            let full = RawFrame.Call(work: "fourth", arguments: [UInt8](repeating: 1, count: 65_536 - empty))
            caller.send(full.frame(stream: 1))
            let taken = try await owner.takeCall()
            #expect(taken.call.arguments.count == 65_536 - empty)
            let value = [UInt8](repeating: 2, count: 65_536 - RawFrame.Answer().frame(stream: 1).payload.count)
            owner.send(RawFrame.Answer(value: value).frame(stream: taken.stream))
            #expect(try await caller.frame(RawFrame.callReply).answer.value == value)
            var larger = full.frame(stream: 3)
            larger.payload.append(0)
            caller.send(larger)
            #expect(try await caller.frame(RawFrame.goAway).code == Code.frameTooLarge)
        }
    }

    @Test("CAL-20: A call looks for its work in the app of its caller alone")
    func otherApp() async throws {
        try await Cluster.run { cluster in
            let stranger = try await RawPeer.dial(
                cluster.relay.address, certificates: cluster.certificates.work("deploy", app: "other"))
            _ = try await stranger.greet()
            let (caller, owner) = try await cluster.callerAndOwner()
            stranger.send(RawFrame.Call(work: "fourth", deadline: 1000).frame(stream: 1))
            #expect(try await stranger.refusal(of: 1).code == Code.unreachable)
            // There is a 'deploy' in both apps.
            caller.send(RawFrame.Call(work: "deploy", deadline: 1000).frame(stream: 1))
            #expect(try await caller.refusal(of: 1).saidBy == 2)
            #expect(!owner.hasFrame && !stranger.hasFrame)
        }
    }

    // MARK: Held

    @Test("CAL-6: A call is held until its work comes, and passed on with the time taken off; calls keep their order")
    func held() async throws {
        try await Cluster.run { cluster in
            let caller = try await cluster.greeted("third")
            for number in UInt8(0)..<3 {
                caller.send(RawFrame.Call(work: "fourth", arguments: [number]).frame(stream: UInt32(number) * 2 + 1))
            }
            try await caller.settle(stream: 9)
            try await Task.sleep(for: .seconds(1))
            let owner = try await cluster.greeted("fourth")
            for number in UInt8(0)..<3 {
                let taken = try await owner.takeCall()
                #expect(taken.call.arguments == [number])
                #expect((10_000...19_000).contains(taken.call.deadline))
                owner.send(answer.frame(stream: taken.stream))
                #expect(try await caller.frame(RawFrame.callReply).stream == UInt32(number) * 2 + 1)
            }
        }
    }

    @Test(
        "CAL-6: When its work does not come in time the relay answers unreachable, names the work, and passes nothing on later"
    )
    func missed() async throws {
        try await Cluster.run { cluster in
            let caller = try await cluster.greeted("third")
            caller.send(RawFrame.Call(work: "fourth", deadline: 1000).frame(stream: 1))
            let error = try await caller.refusal(of: 1, within: .seconds(5))
            #expect(error.code == Code.unreachable && error.saidBy == 1)
            #expect(error.words.contains("'fourth'") && error.words.contains("1 s"))
            let owner = try await cluster.greeted("fourth")
            try await owner.expectSilence()
        }
    }

    @Test("A call that is held can be cancelled, and is not passed on")
    func cancelledWhileHeld() async throws {
        try await Cluster.run { cluster in
            let caller = try await cluster.greeted("third")
            caller.send(call.frame(stream: 1), .cancel(stream: 1))
            #expect(try await caller.refusal(of: 1).code == Code.cancelled)
            let owner = try await cluster.greeted("fourth")
            try await owner.expectSilence()
        }
    }

    @Test("What a caller that is gone had waiting is not passed on")
    func callerGoneWhileHeld() async throws {
        try await Cluster.run { cluster in
            let caller = try await cluster.greeted("third")
            caller.send(call.frame(stream: 1))
            try await caller.settle(stream: 3)
            caller.close()
            try await cluster.relay.says("a work has gone")
            let owner = try await cluster.greeted("fourth")
            try await owner.expectSilence()
        }
    }

    @Test(
        "CAL-7: So many calls of one session are held and no more; the others are answered busy, and the held ones go on"
    )
    func heldAtOnce() async throws {
        try await Cluster.run { cluster in
            let caller = try await cluster.greeted("third")
            for number in UInt32(0)...16 { caller.send(RawFrame.Call(work: "fourth").frame(stream: number * 2 + 1)) }
            let error = try await caller.refusal(of: 33)
            #expect(error.code == Code.busy && error.saidBy == 1 && error.words.contains("'fourth'"))
            let owner = try await cluster.greeted("fourth")
            for _ in 0..<16 { owner.send(answer.frame(stream: try await owner.takeCall().stream)) }
            for _ in 0..<16 { _ = try await caller.frame(RawFrame.callReply) }
        }
    }

    @Test("STR-30: So many calls of one session are under way at one work and no more")
    func underWayAtOnce() async throws {
        try await Cluster.run { cluster in
            let (caller, owner) = try await cluster.callerAndOwner()
            for number in UInt32(0)...64 { caller.send(RawFrame.Call(work: "fourth").frame(stream: number * 2 + 1)) }
            #expect(try await caller.refusal(of: 129).code == Code.busy)
            // Another work still gets through.
            let other = try await cluster.greeted("deploy")
            other.send(RawFrame.Call(work: "fourth", arguments: [99]).frame(stream: 1))
            for _ in 0..<64 { _ = try await owner.takeCall() }
            #expect(try await owner.takeCall().call.arguments == [99])
        }
    }

    // MARK: Ends

    @Test("CAL-8: From when a call was passed on, its time is what is left until the host has it, and its running time")
    func time() async throws {
        try await Cluster.run { cluster in
            let (caller, owner) = try await cluster.callerAndOwner()
            caller.send(RawFrame.Call(work: "fourth", deadline: 1000, seconds: 3).frame(stream: 1))
            let taken = try await owner.takeCall()
            try await Task.sleep(for: .seconds(2))
            #expect(!owner.hasFrame && !caller.hasFrame)
            let cancel = try await owner.frame(RawFrame.cancel, within: .seconds(6))
            #expect(cancel.stream == taken.stream && cancel.code == Code.deadline)
            // It may have come to its end all the same.
            owner.send(answer.frame(stream: taken.stream))
            #expect(try await caller.frame(RawFrame.callReply).answer == answer)
        }
    }

    @Test(
        "CAL-10: CANCEL is passed on with its code, and the answer that follows is passed back",
        arguments: [Code.cancelled, Code.deadline, Code.interrupted, 4711])
    func cancel(_ code: UInt16) async throws {
        try await Cluster.run { cluster in
            let (caller, owner) = try await cluster.callerAndOwner()
            caller.send(call.frame(stream: 1))
            let stream = try await owner.takeCall().stream
            caller.send(.cancel(code, stream: 1))
            let cancel = try await owner.frame(RawFrame.cancel)
            #expect(cancel.stream == stream && cancel.code == code)
            owner.send(.failure(code: code, "stopped", stream: stream))
            #expect(try await caller.refusal(of: 1).code == code)
        }
    }

    @Test("CAL-10: When the caller is gone, who has the call is told CANCEL(interrupted)")
    func callerGone() async throws {
        try await Cluster.run { cluster in
            let (caller, owner) = try await cluster.callerAndOwner()
            caller.send(call.frame(stream: 1))
            let stream = try await owner.takeCall().stream
            caller.close()
            let cancel = try await owner.frame(RawFrame.cancel)
            #expect(cancel.stream == stream && cancel.code == Code.interrupted)
        }
    }

    @Test(
        "CAL-9: When the session of the called work ends, the caller is told interrupted, and the next session gets nothing"
    )
    func ownerGone() async throws {
        try await Cluster.run { cluster in
            let (caller, owner) = try await cluster.callerAndOwner()
            caller.send(call.frame(stream: 1))
            _ = try await owner.takeCall()
            owner.close()
            let error = try await caller.refusal(of: 1)
            #expect(error.code == Code.interrupted && error.saidBy == 1 && error.words.contains("'fourth'"))
            let next = try await cluster.greeted("fourth")
            try await next.expectSilence()
        }
    }

    @Test("CAL-9: So it is when a newer session takes the place of the one that has the call")
    func ownerReplaced() async throws {
        try await Cluster.run { cluster in
            let (caller, owner) = try await cluster.callerAndOwner()
            caller.send(call.frame(stream: 1))
            _ = try await owner.takeCall()
            let next = try await cluster.greeted("fourth")
            #expect(try await owner.frame(RawFrame.goAway).code == Code.replaced)
            #expect(try await caller.refusal(of: 1).code == Code.interrupted)
            try await next.expectSilence()
            // A new one, or the same one with AGAIN, is for the newer session.
            var again = call
            again.isAgain = true
            caller.send(again.frame(stream: 5))
            let taken = try await next.takeCall().call
            #expect(taken.isAgain && taken.id == call.id)
        }
    }

    @Test(
        "CAL-11: A drain of the relay does not wait for calls: who waits is told interrupted, or unreachable if it was only held"
    )
    func drain() async throws {
        try await Cluster.run { cluster in
            let (caller, owner) = try await cluster.callerAndOwner()
            caller.send(call.frame(stream: 1), RawFrame.Call(work: "nobody").frame(stream: 3))
            let stream = try await owner.takeCall().stream
            try await caller.settle(stream: 5)
            cluster.relay.program.send(SIGTERM)
            var errors: [UInt32: UInt16] = [:]
            for _ in 0..<2 {
                let error = try await caller.frame(RawFrame.error)
                errors[error.stream] = error.code
            }
            #expect(errors == [1: Code.interrupted, 3: Code.unreachable])
            let cancel = try await owner.frame(RawFrame.cancel)
            #expect(cancel.stream == stream && cancel.code == Code.interrupted)
            // The host ends its stream, as any that is cancelled.
            owner.send(.failure(code: Code.interrupted, "the caller is gone", stream: stream))
            #expect(try await cluster.relay.program.status(within: .seconds(4)) == 0)
        }
    }
}
