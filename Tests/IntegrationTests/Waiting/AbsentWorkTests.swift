import Foundation
import Testing

@Suite("Waiting for works that come and go", .timeLimit(.patientMinutes(30)))
struct AbsentWorkTests {
    @Test("A wait for a work that is away is passed on when it connects")
    func workConnectsLater() async throws {
        try await Cluster.run { cluster in
            let asker = try await cluster.session().control
            asker.send(.wait("outputs/f", of: "fourth", stream: 1))
            try await asker.relayHasTaken(stream: 3)
            #expect(!asker.hasFrame)
            let root = cluster.folder.path("demo-fourth")
            try await shell("mkdir -p \(root)/outputs; echo x > \(root)/outputs/f", in: "/")
            let late = try cluster.agent("fourth", flags: ["--share", "outputs"])
            try await asker.expectYes()
            _ = late
        }
    }

    @Test("The time for which a wait was held is taken off its deadline")
    func remainingTime() async throws {
        try await Cluster.run { cluster in
            let asker = try await cluster.session().control
            let sent = ContinuousClock.now
            asker.send(.wait("outputs/f", of: "fourth", deadline: 60_000, stream: 1))
            try await asker.relayHasTaken(stream: 3)
            let taken = ContinuousClock.now
            let owner = try await cluster.peer("fourth")
            let aboutToGreet = ContinuousClock.now
            _ = try await owner.greet()
            let left = try await owner.frame(RawFrame.wait).deadline
            let received = ContinuousClock.now
            #expect(left <= 60_000 - UInt32((aboutToGreet - taken) / .milliseconds(1)))
            #expect(left >= 60_000 - UInt32((received - sent) / .milliseconds(1)) - 1)
        }
    }

    @Test("A wait outlasts an agent that is killed, and goes on with the next")
    func workIsKilled() async throws {
        try await Cluster.run { cluster in
            try await cluster.waiting("outputs/f") { asker in
                try await cluster.trainer.program.kill()
                try await cluster.relay.says("a work has gone")
                try await asker.relayHasTaken(stream: 3)
                #expect(!asker.hasFrame)
                try await shell("echo x > outputs/f", in: cluster.trainer.root)
                let next = try cluster.agent("trainer", root: cluster.trainer.root, flags: ["--share", "outputs"])
                try await asker.expectYes()
                _ = next
            }
        }
    }

    @Test("A wait does not hold up an agent that is told to end, and goes on with the next")
    func workEnds() async throws {
        try await Cluster.run { cluster in
            try await cluster.waiting("outputs/f") { asker in
                let began = ContinuousClock.now
                cluster.trainer.program.send(SIGTERM)
                #expect(try await cluster.trainer.program.status() == 0)
                #expect(ContinuousClock.now - began < .seconds(4).patient)
                #expect(!asker.hasFrame)
                let next = try cluster.agent("trainer", root: cluster.trainer.root, flags: ["--share", "outputs"])
                try await next.says("waiting")
                try await shell("echo x > outputs/f", in: cluster.trainer.root)
                try await asker.expectYes()
            }
        }
    }

    @Test("A wait goes over to a newer session of its work")
    func workIsReplaced() async throws {
        try await Cluster.run { cluster in
            let asker = try await cluster.session().control
            let first = try await cluster.session("fourth").control
            asker.send(.wait("outputs/f", of: "fourth", stream: 1))
            _ = try await first.frame(RawFrame.wait)
            let second = try await cluster.peer("fourth")
            _ = try await second.greet()
            let stream = try await second.frame(RawFrame.wait).stream
            second.send(.existsReply(stream: stream))
            try await asker.expectYes()
        }
    }

    @Test("An asker that waits for too many works that are away is told to try again later")
    func tooManyHeld() async throws {
        try await Cluster.run { cluster in
            let asker = try await cluster.session().control
            for stream in stride(from: UInt32(1), through: 127, by: 2) {
                asker.send(.wait("outputs/f", of: "fourth", stream: stream))
            }
            try await asker.relayHasTaken(stream: 129)
            asker.send(.wait("outputs/f", of: "nobody", stream: 131))
            let error = try await asker.frame(RawFrame.error)
            #expect(error.stream == 131)
            #expect(error.code == 14)
            try await cluster.expectHealthy()
        }
    }

    @Test("A relay that is told to end does not wait for those who wait")
    func relayEnds() async throws {
        try await Cluster.run { cluster in
            try await cluster.waiting("outputs/f") { asker in
                asker.send(.wait("outputs/f", of: "fourth", stream: 3))
                try await asker.relayHasTaken(stream: 5)
                cluster.relay.program.send(SIGTERM)
                var codes: [UInt32: UInt16] = [:]
                while codes.count < 2 {
                    let frame = try await asker.frame()
                    if frame.type == RawFrame.error { codes[frame.stream] = frame.code }
                }
                #expect(codes == [1: 5, 3: 5])
            }
        }
    }
}
