import Foundation
import Glibc
import Testing

@Suite("Waiting for a path, by notification", .timeLimit(.patientMinutes(30)))
struct WaitTests {
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

    /// Sends a WAIT and lets `body` go on once the agent of `trainer` watches and has found nothing.
    private func waiting(
        _ path: String, _ cluster: Cluster, deadline: UInt32 = 60_000, _ body: (RawPeer) async throws -> Void
    ) async throws {
        let asker = try await cluster.session().control
        asker.send(.wait(path, of: "trainer", deadline: deadline, stream: 1))
        try await cluster.trainer.says("waiting")
        try await body(asker)
    }

    private func expectYes(_ asker: RawPeer, stream: UInt32 = 1, _ location: SourceLocation = #_sourceLocation)
        async throws
    {
        #expect(try await asker.frame() == .existsReply(stream: stream), sourceLocation: location)
    }

    /// Whatever the relay was sent before on this connection, it has taken.
    private func relayHasTaken(_ asker: RawPeer, stream: UInt32) async throws {
        asker.send(.echo(stream: stream))
        #expect(try await asker.frame(RawFrame.echoReply).stream == stream)
    }

    /// Directories that a process watches, by whatever descriptor.
    private func watches(of pid: pid_t) async throws -> Int {
        let lines = try await shell(
            "cat /proc/\(pid)/fdinfo/* 2>/dev/null | grep '^inotify' | sort -u || true", in: "/")
        return lines.split(separator: "\n").count
    }

    // MARK: What is there

    @Test("What exists is answered at once")
    func exists() async throws {
        try await Cluster.run("mkdir outputs; echo x > outputs/f") { cluster in
            let asker = try await cluster.session().control
            asker.send(.wait("outputs/f", of: "trainer", stream: 1))
            try await expectYes(asker)
        }
    }

    @Test("A file that is renamed into place ends the wait")
    func rename() async throws {
        try await Cluster.run { cluster in
            try await waiting("outputs/f", cluster) { asker in
                try await shell("echo x > .tmp; mv .tmp outputs/f", in: cluster.trainer.root)
                try await expectYes(asker)
            }
        }
    }

    @Test("A file ends the wait when it is closed after writing, not before")
    func close() async throws {
        try await Cluster.run { cluster in
            try await waiting("outputs/f", cluster) { asker in
                let file = open(cluster.trainer.root + "/outputs/f", O_WRONLY | O_CREAT, 0o644)
                try #require(file >= 0)
                #expect(write(file, "x", 1) == 1)
                for stream in [3, 5, 7] as [UInt32] {
                    // The file is there for whoever only asks, and the wait goes on.
                    asker.send(.exists("outputs/f", of: "trainer", stream: stream))
                    try await expectYes(asker, stream: stream)
                }
                Glibc.close(file)
                try await expectYes(asker)
            }
        }
    }

    @Test("A file in directories that do not exist yet ends the wait")
    func missingParents() async throws {
        try await Cluster.run("true") { cluster in
            try await waiting("outputs/a/b/f", cluster) { asker in
                try await shell("mkdir -p outputs/a/b; echo x > outputs/a/b/f", in: cluster.trainer.root)
                try await expectYes(asker)
            }
        }
    }

    @Test("Many waits in one directory share its watch")
    func sharedWatch() async throws {
        try await Cluster.run { cluster in
            try await waiting("outputs/f", cluster) { asker in
                for stream in stride(from: UInt32(3), through: 41, by: 2) {
                    asker.send(.wait("outputs/\(stream)", of: "trainer", stream: stream))
                }
                try await eventually("21 waits") {
                    cluster.trainer.log.components(separatedBy: "waiting").count == 22
                }
                // The directory, and the root above it.
                #expect(try await watches(of: cluster.trainer.program.pid) == 2)
                try await shell("for i in $(seq 3 2 41); do echo x > outputs/$i; done", in: cluster.trainer.root)
                var answered: Set<UInt32> = []
                for _ in 0..<20 { answered.insert(try await asker.frame(RawFrame.existsReply).stream) }
                #expect(answered == Set(stride(from: UInt32(3), through: 41, by: 2)))
                #expect(!asker.hasFrame)
            }
        }
    }

    // MARK: What is refused

    @Test("What is not shared is refused at once")
    func notShared() async throws {
        try await Cluster.run { cluster in
            let asker = try await cluster.session().control
            asker.send(.wait("inputs/f", of: "trainer", stream: 1))
            let error = try await asker.frame(RawFrame.error)
            #expect(error.code == 4)
            #expect(error.saidBy == 2)
        }
    }

    @Test("A deadline that passes is the owner's error, which names the path and how long was waited")
    func deadline() async throws {
        try await Cluster.run { cluster in
            let began = ContinuousClock.now
            try await waiting("outputs/f", cluster, deadline: 1200) { asker in
                let error = try await asker.frame(RawFrame.error)
                let taken = ContinuousClock.now - began
                #expect(error.code == 6)
                #expect(error.saidBy == 2)
                #expect(error.words.contains("outputs/f") && error.words.contains("1.2 s"), "\(error.words)")
                #expect(taken >= .milliseconds(1200))
                try await eventually("no watches") { try await watches(of: cluster.trainer.program.pid) == 0 }
            }
        }
    }

    @Test("A deadline that passes while the work is away is the relay's error, which says that")
    func deadlineWithoutWork() async throws {
        try await Cluster.run { cluster in
            let asker = try await cluster.session().control
            asker.send(.wait("outputs/f", of: "fourth", deadline: 500, stream: 1))
            let error = try await asker.frame(RawFrame.error)
            #expect(error.code == 6)
            #expect(error.saidBy == 1)
            #expect(error.words.contains("work 'fourth' was not connected"), "\(error.words)")
        }
    }

    @Test("An agent keeps room for other requests, however many wait for its paths")
    func tooManyAtOneOwner() async throws {
        try await Cluster.run { cluster in
            let program = try await RawPeer.dial(socket: cluster.trainer.socket)
            _ = try await program.greet()
            for stream in stride(from: UInt32(1), through: 257, by: 2) {
                program.send(.wait("outputs/f", of: "trainer", stream: stream))
            }
            let error = try await program.frame(RawFrame.error)
            #expect(error.stream == 257)
            #expect(error.code == 14)
            try await cluster.expectHealthy()
            program.send(.cancel(stream: 1))
            #expect(try await program.frame(RawFrame.error).stream == 1)
            program.send(.wait("outputs/f", of: "trainer", stream: 259))
            try await shell("echo x > outputs/f", in: cluster.trainer.root)
            var answered: Set<UInt32> = []
            for _ in 0..<128 { answered.insert(try await program.frame(RawFrame.existsReply).stream) }
            #expect(answered.contains(259))
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
            try await expectYes(program)
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
            try await eventually("no watches") { try await watches(of: cluster.trainer.program.pid) == 0 }
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

    // MARK: The end of those who wait

    @Test("A cancel ends the wait and frees its watches")
    func cancel() async throws {
        try await Cluster.run { cluster in
            try await waiting("outputs/f", cluster) { asker in
                #expect(try await watches(of: cluster.trainer.program.pid) > 0)
                asker.send(.cancel(stream: 1))
                #expect(try await asker.frame(RawFrame.error).code == 12)
                try await eventually("no watches") { try await watches(of: cluster.trainer.program.pid) == 0 }
            }
        }
    }

    @Test("The end of the asker frees its watches")
    func askerGoes() async throws {
        try await Cluster.run { cluster in
            try await waiting("outputs/f", cluster) { asker in
                asker.close()
                try await eventually("no watches") { try await watches(of: cluster.trainer.program.pid) == 0 }
            }
        }
    }

    @Test("A cancel reaches an owner that answers nothing, and the asker need not wait for it")
    func cancelOfSilentOwner() async throws {
        try await Cluster.run { cluster in
            let owner = try await cluster.session("fourth").control
            let asker = try await cluster.session().control
            asker.send(.wait("outputs/f", of: "fourth", stream: 1))
            let stream = try await owner.frame(RawFrame.wait).stream
            asker.send(.cancel(stream: 1))
            #expect(try await asker.frame(RawFrame.error).code == 12)
            #expect(try await owner.frame(RawFrame.cancel).stream == stream)
        }
    }

    // MARK: Works that come and go

    @Test("A wait for a work that is away is passed on when it connects")
    func workConnectsLater() async throws {
        try await Cluster.run { cluster in
            let asker = try await cluster.session().control
            asker.send(.wait("outputs/f", of: "fourth", stream: 1))
            try await relayHasTaken(asker, stream: 3)
            #expect(!asker.hasFrame)
            let root = cluster.folder.path("demo-fourth")
            try await shell("mkdir -p \(root)/outputs; echo x > \(root)/outputs/f", in: "/")
            let late = try cluster.agent("fourth", flags: ["--share", "outputs"])
            try await expectYes(asker)
            _ = late
        }
    }

    @Test("The time for which a wait was held is taken off its deadline")
    func remainingTime() async throws {
        try await Cluster.run { cluster in
            let asker = try await cluster.session().control
            let sent = ContinuousClock.now
            asker.send(.wait("outputs/f", of: "fourth", deadline: 60_000, stream: 1))
            try await relayHasTaken(asker, stream: 3)
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
            try await waiting("outputs/f", cluster) { asker in
                try await cluster.trainer.program.kill()
                try await cluster.relay.says("a work has gone")
                try await relayHasTaken(asker, stream: 3)
                #expect(!asker.hasFrame)
                try await shell("echo x > outputs/f", in: cluster.trainer.root)
                let next = try cluster.agent("trainer", root: cluster.trainer.root, flags: ["--share", "outputs"])
                try await expectYes(asker)
                _ = next
            }
        }
    }

    @Test("A wait does not hold up an agent that is told to end, and goes on with the next")
    func workEnds() async throws {
        try await Cluster.run { cluster in
            try await waiting("outputs/f", cluster) { asker in
                let began = ContinuousClock.now
                cluster.trainer.program.send(SIGTERM)
                #expect(try await cluster.trainer.program.status() == 0)
                #expect(ContinuousClock.now - began < .seconds(4).patient)
                #expect(!asker.hasFrame)
                let next = try cluster.agent("trainer", root: cluster.trainer.root, flags: ["--share", "outputs"])
                try await next.says("waiting")
                try await shell("echo x > outputs/f", in: cluster.trainer.root)
                try await expectYes(asker)
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
            try await expectYes(asker)
        }
    }

    @Test("An asker that waits for too many works that are away is told to try again later")
    func tooManyHeld() async throws {
        try await Cluster.run { cluster in
            let asker = try await cluster.session().control
            for stream in stride(from: UInt32(1), through: 127, by: 2) {
                asker.send(.wait("outputs/f", of: "fourth", stream: stream))
            }
            try await relayHasTaken(asker, stream: 129)
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
            try await waiting("outputs/f", cluster) { asker in
                asker.send(.wait("outputs/f", of: "fourth", stream: 3))
                try await relayHasTaken(asker, stream: 5)
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
