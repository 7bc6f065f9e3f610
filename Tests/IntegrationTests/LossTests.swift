import Glibc
import Testing

@Suite("A process that is killed in the middle of a get", .timeLimit(.patientMinutes(30)))
struct LossTests {
    /// Starts a get over old content, and hands it to `body` when bytes have arrived.
    private func duringGet(_ body: (Cluster, Program) async throws -> Void) async throws {
        let large = try await LargeFile.shared()
        try await Cluster.run(shares: ["outputs", large.path]) { cluster in
            try await shell("echo old > copy", in: cluster.deploy.root)
            let get = try cluster.deploy.start([
                "get", "--overwrite", "--stall", "4", "lit://trainer@\(large.path)", "copy",
            ])
            try await underWay(get, in: cluster.deploy)
            try await body(cluster, get)
        }
    }

    /// The get says what it has lost within the keepalive deadline, and that it goes on.
    private func told(_ get: Program, _ what: String) async throws {
        try await eventually("a word of the get", within: .seconds(15)) {
            get.stderr.contains(what) && get.stderr.contains("going on when it is back")
        } otherwise: {
            get.stderr
        }
    }

    private func expectOld(_ cluster: Cluster, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        #expect(try await contents(cluster.deploy.root + "/copy") == "old\n", sourceLocation: sourceLocation)
    }

    @Test("The relay: the get says so, and the old content is intact")
    func relay() async throws {
        try await duringGet { cluster, get in
            try await cluster.relay.program.kill()
            try await told(get, "the relay")
            let answer = try await get.output(within: .seconds(15))
            #expect([69, 75].contains(answer.status), "\(answer)")
            try await expectOld(cluster)
            try await expectPartialData(in: cluster.deploy)
            for agent in [cluster.deploy, cluster.trainer] {
                try await agent.says("lost the relay", within: .seconds(15))
            }
            let question = try await cluster.deploy.baton("exists", "lit://trainer@outputs")
            #expect(question.status == 69 && question.stderr.contains(cluster.relay.address), "\(question)")
        }
    }

    @Test("The origin: the get names it, and the old content is intact")
    func origin() async throws {
        try await duringGet { cluster, get in
            try await cluster.trainer.program.kill()
            try await told(get, "'trainer'")
            let answer = try await get.output(within: .seconds(15))
            #expect([69, 75].contains(answer.status), "\(answer)")
            try await expectOld(cluster)
            try await expectPartialData(in: cluster.deploy)
            try await cluster.relay.says("a work has gone", within: .seconds(15))
            let question = try await cluster.deploy.baton("exists", "lit://trainer@outputs")
            #expect(question.status == 69 && question.stderr.contains("'trainer'"), "\(question)")
        }
    }

    @Test("The receiver: the get says so, the old content is intact, and what had come is kept over the next start")
    func receiver() async throws {
        try await duringGet { cluster, get in
            try await cluster.deploy.program.kill()
            let answer = try await get.output(within: .seconds(15))
            #expect([69, 75].contains(answer.status) && !answer.stderr.isEmpty, "\(answer)")
            try await expectOld(cluster)
            try await cluster.trainer.says("a transfer has failed", within: .seconds(15))
            #expect(try await !leftovers(in: cluster.deploy).isEmpty, "the stage was to be there still")
            let again = try cluster.agent("deploy", root: cluster.deploy.root)
            try await again.ready()
            try await expectOld(cluster)
            try await expectPartialData(in: again)
            let get = try await again.baton("get", "--overwrite", "lit://trainer@outputs", "copy")
            #expect(get.status == 0, "\(get)")
        }
    }

    @Test("baton itself: its agent stops, and the old content is intact")
    func client() async throws {
        try await duringGet { cluster, get in
            try await get.kill()
            try await cluster.trainer.says("a transfer has failed", within: .seconds(15))
            try await expectOld(cluster)
            try await expectPartialData(in: cluster.deploy)
            try await cluster.expectHealthy()
        }
    }

    @Test(
        "A get to a place where nothing was leaves nothing where nothing is to be kept, not even the directories it made"
    )
    func nothingBefore() async throws {
        let large = try await LargeFile.shared()
        try await Cluster.run(shares: [large.path]) { cluster in
            let agent = try cluster.agent("third", flags: ["--partial-size", "0"])
            try await agent.ready()
            let get = try agent.start(["get", "--stall", "2", "lit://trainer@\(large.path)", "new/deep/copy"])
            try await eventually("the first bytes of a get") {
                (try? await stagedBytes(in: agent.root + "/new/deep")) ?? 0 > 1 << 20
            }
            try await cluster.trainer.program.kill()
            #expect(try await get.status(within: .seconds(15)) != 0)
            #expect(try await shell("ls -A", in: agent.root) == ".baton\n")
            try await expectNothingLeft(in: agent)
        }
    }

    @Test("Agents come back to a relay that was started again, and get works as before")
    func restartedRelay() async throws {
        try await Cluster.run("mkdir outputs; echo 1 > outputs/file") { cluster in
            try await cluster.relay.program.kill()
            try await cluster.deploy.says("lost the relay")
            let relay = try await Relay(
                in: cluster.folder, certificates: cluster.certificates.relay, listen: cluster.relay.address)
            #expect(relay.address == cluster.relay.address)
            for work in ["trainer", "deploy"] {
                try await eventually("\(work) at the new relay", within: .seconds(15)) {
                    relay.log.contains("a work has connected") && relay.log.contains("work=\(work)")
                }
            }
            let answer = try await cluster.deploy.baton("get", "lit://trainer@outputs/file", "copy")
            #expect(answer.status == 0, "\(answer)")
        }
    }

    @Test("An agent that was killed and started again serves at once")
    func restartedOrigin() async throws {
        try await Cluster.run("mkdir outputs; echo 1 > outputs/file") { cluster in
            try await cluster.trainer.program.kill()
            let again = try cluster.agent("trainer", root: cluster.trainer.root, flags: ["--share", "outputs"])
            try await again.ready()
            let answer = try await cluster.deploy.baton("get", "lit://trainer@outputs/file", "copy")
            #expect(answer.status == 0, "\(answer)")
        }
    }

    @Test("Ctrl-C ends baton get: the origin stops, and what had come is kept")
    func interrupt() async throws {
        try await duringGet { cluster, get in
            get.send(SIGINT)
            let answer = try await get.output(within: .seconds(10))
            #expect(answer.status != 0, "\(answer)")
            try await cluster.trainer.says("a transfer has failed", within: .seconds(10))
            try await expectOld(cluster)
            try await expectPartialData(in: cluster.deploy)
            let next = try await cluster.deploy.baton("get", "--overwrite", "lit://trainer@outputs", "copy")
            #expect(next.status == 0, "\(next)")
        }
    }

    @Test(
        "SIGTERM of the receiver while the origin is stuck: the get fails, what had come is kept, the agent ends with 0"
    )
    func terminatedReceiver() async throws {
        try await duringGet { cluster, get in
            cluster.trainer.program.send(SIGSTOP)
            defer { cluster.trainer.program.send(SIGCONT) }
            cluster.deploy.program.send(SIGTERM)
            let answer = try await get.output(within: .seconds(15))
            #expect([69, 75].contains(answer.status) && !answer.stderr.isEmpty, "\(answer)")
            #expect(try await cluster.deploy.program.status(within: .seconds(15)) == 0)
            try await expectOld(cluster)
            try await expectPartialData(in: cluster.deploy)
        }
    }

    @Test("SIGTERM of the origin while the receiver is stuck: the get goes on from what it leaves behind")
    func terminatedOrigin() async throws {
        try await duringGet { cluster, get in
            cluster.deploy.program.send(SIGSTOP)
            cluster.trainer.program.send(SIGTERM)
            // An agent that says nothing for 15 s would be taken for dead, by its program and by the relay: a word now and then.
            var step = 0
            while cluster.trainer.program.isRunning {
                step += 1
                guard step < 600 else { throw Failure("the origin does not end: \(cluster.trainer.log)") }
                try await Task.sleep(for: .milliseconds(100))
                guard step % 50 == 0 else { continue }
                cluster.deploy.program.send(SIGCONT)
                try await Task.sleep(for: .milliseconds(20))
                cluster.deploy.program.send(SIGSTOP)
            }
            let status = try await cluster.trainer.program.status()
            #expect(status == 0, "\(cluster.trainer.log)")
            cluster.deploy.program.send(SIGCONT)
            let answer = try await get.output(within: .seconds(30))
            #expect(answer.status == 0 && answer.stdout.contains("(stored, generation 1)"), "\(answer)")
            let large = try await LargeFile.shared()
            try await shell("cmp copy '\(large.path)'", in: cluster.deploy.root)
        }
    }

    @Test("A second SIGTERM ends the relay at once")
    func secondSignal() async throws {
        try await duringGet { cluster, get in
            // A get that cannot end keeps the relay.
            cluster.deploy.program.send(SIGSTOP)
            defer { cluster.deploy.program.send(SIGCONT) }
            cluster.relay.program.send(SIGTERM)
            try await cluster.relay.says("shutting down")
            #expect(cluster.relay.program.isRunning)
            cluster.relay.program.send(SIGTERM)
            #expect(try await cluster.relay.program.status(within: .seconds(5)) == 128 + SIGTERM)
        }
    }
}
