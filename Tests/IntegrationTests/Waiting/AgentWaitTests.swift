import Foundation
import Testing

@Suite("Waiting by way of the own agent, and get --wait", .timeLimit(.patientMinutes(30)))
struct AgentWaitTests {
    @Test("While the relay is away a wait ends when its time is up, and says who is away")
    func relayAway() async throws {
        try await Cluster.run { cluster in
            try await cluster.relay.program.kill()
            try await cluster.deploy.says("lost the relay")
            let get = try await cluster.deploy.start(["get", "--wait", "2", "lit://trainer@outputs/late"])
                .output(within: .seconds(15))
            #expect(get.status == 69 && get.stderr.contains(cluster.relay.address), "\(get)")
        }
    }

    @Test("A get that waits goes on waiting when the relay is started again")
    func relayRestarted() async throws {
        try await Cluster.run { cluster in
            let get = try cluster.deploy.start(["get", "--wait", "40", "lit://trainer@outputs/late", "copy"])
            try await Task.sleep(for: .seconds(1))
            try await cluster.relay.program.kill()
            let relay = try await Relay(
                in: cluster.folder, certificates: cluster.certificates.relay, listen: cluster.relay.address)
            try await shell("echo 1 > outputs/.late; mv outputs/.late outputs/late", in: cluster.trainer.root)
            let output = try await get.output(within: .seconds(40))
            #expect(output.status == 0, "\(output)\n\(relay.log)")
        }
    }

    // MARK: By way of the own agent

    @Test("A program waits for a path of another work through its agent")
    func throughTheAgent() async throws {
        try await Cluster.run { cluster in
            let program = try await RawPeer.dial(socket: cluster.deploy.socket)
            _ = try await program.greet()
            program.send(.wait("outputs/f", of: "trainer", stream: 1))
            try await cluster.trainer.says("waiting")
            try await shell("echo x > outputs/f", in: cluster.trainer.root)
            try await program.expectYes()
        }
    }

    @Test("The end of a program frees what it waits for")
    func programGoes() async throws {
        try await Cluster.run { cluster in
            let program = try await RawPeer.dial(socket: cluster.deploy.socket)
            _ = try await program.greet()
            program.send(.wait("outputs/f", of: "trainer", stream: 1))
            try await cluster.trainer.says("waiting")
            program.close()
            try await eventually("no watches") { try await cluster.trainer.watches == 0 }
        }
    }

    @Test("An agent that loses the relay tells those who wait")
    func relayIsLost() async throws {
        try await Cluster.run { cluster in
            let program = try await RawPeer.dial(socket: cluster.deploy.socket)
            _ = try await program.greet()
            program.send(.wait("outputs/f", of: "fourth", stream: 1))
            program.send(.echo(stream: 3))
            #expect(try await program.frame(RawFrame.echoReply).stream == 3)
            try await cluster.relay.program.kill()
            let error = try await program.frame(RawFrame.error)
            #expect(error.code == 5)
            #expect(error.saidBy == 0)
        }
    }

    @Test("A program that waits does not hold up its agent's end")
    func ownAgentEnds() async throws {
        try await Cluster.run { cluster in
            let program = try await RawPeer.dial(socket: cluster.deploy.socket)
            _ = try await program.greet()
            program.send(.wait("outputs/f", of: "fourth", stream: 1))
            program.send(.echo(stream: 3))
            #expect(try await program.frame(RawFrame.echoReply).stream == 3)
            let began = ContinuousClock.now
            cluster.deploy.program.send(SIGTERM)
            var frame = try await program.frame()
            if frame.type == RawFrame.goAway { frame = try await program.frame() }
            #expect(frame.type == RawFrame.error && frame.code == 13)
            #expect(try await cluster.deploy.program.status() == 0)
            #expect(ContinuousClock.now - began < .seconds(4).patient)
        }
    }

    // MARK: get --wait

    @Test("get --wait brings a file whose work is not there yet, whole")
    func getOfLateWork() async throws {
        try await Cluster.run { cluster in
            let get = try cluster.deploy.start(["get", "lit://fourth@outputs/a/f", "copy", "--wait", "30"])
            let late = try cluster.agent("fourth", flags: ["--share", "outputs"])
            try await late.says("waiting")
            let script = "mkdir -p outputs/a; exec 3> outputs/a/f; seq 100000 >&3; echo last >&3; exec 3>&-"
            try await shell(script, in: late.root)
            let output = try await get.output()
            #expect(output.status == 0, "\(output)")
            let same = "cmp \(late.root)/outputs/a/f \(cluster.deploy.root)/copy"
            try await shell(same, in: "/")
        }
    }

    @Test("get --wait ends with 75 and says what did not come")
    func getThatWaitsInVain() async throws {
        try await Cluster.run { cluster in
            let path = try await cluster.deploy.baton("get", "lit://trainer@outputs/f", "copy", "--wait", "1")
            #expect(path.status == 75 && path.stderr.contains("outputs/f"), "\(path)")
            let work = try await cluster.deploy.baton("get", "lit://fourth@outputs/f", "copy", "--wait", "1")
            #expect(work.status == 75 && work.stderr.contains("'fourth' was not connected"), "\(work)")
        }
    }
}
