import Foundation
import Glibc
import Testing

@Suite("What a work declared outlives it", .timeLimit(.patientMinutes(30)))
struct EndOfWorkTests {
    private static let writing = """
        cd $BATON_ROOT; mkdir -p outputs/checkpoints
        head -c 3000000 /dev/urandom > outputs/checkpoints/one.ckpt
        head -c 1000 /dev/urandom > outputs/checkpoints/two.ckpt; chmod 640 outputs/checkpoints/two.ckpt
        """

    /// The agent of the work `third`, which shares `outputs` and runs a shell script.
    private func third(
        _ cluster: Cluster, _ script: String, flags: [String] = [], shares: [String] = ["outputs"]
    ) throws -> Agent {
        try cluster.agent(
            "third", flags: shares.flatMap { ["--share", $0] } + flags, command: ["/bin/bash", "-c", script])
    }

    @Test(
        "A command that fails with 3: its agent exits 3 after the receipt, and a relay that was restarted serves both files, exact"
    )
    func command() async throws {
        try await Cluster.run { cluster in
            let agent = try third(cluster, EndOfWorkTests.writing + "; exit 3")
            let output = try await agent.program.output()
            #expect(output.status == 3, "\(output)")
            #expect(output.stderr.contains("the relay keeps lit://outputs"), "\(output)")

            let relay = try await cluster.restartRelay()
            for name in ["one", "two"] {
                let get = try await cluster.deploy.baton(
                    "get", "lit://third@outputs/checkpoints/\(name).ckpt", "\(name).ckpt")
                #expect(get.status == 0 && get.stdout.contains("(stored, generation 1)"), "\(get)\n\(relay.log)")
                try await expectSame(
                    agent.root + "/outputs/checkpoints/\(name).ckpt", cluster.deploy.root + "/\(name).ckpt")
            }
            let tree = try await cluster.deploy.baton("get", "lit://third@outputs", "tree")
            #expect(tree.status == 0, "\(tree)")
            try await expectSame(agent.root + "/outputs", cluster.deploy.root + "/tree")
        }
    }

    @Test("Whatever the status, what was declared is kept", arguments: ["exit 0", "exit 255", "kill -KILL $$"])
    func anyStatus(_ end: String) async throws {
        try await Cluster.run { cluster in
            let agent = try third(cluster, EndOfWorkTests.writing + "; \(end)")
            let status = try await agent.program.status()
            #expect(status == (["exit 0": 0, "exit 255": 255][end] ?? 128 + SIGKILL))
            let answer = try await cluster.deploy.baton("exists", "lit://third@outputs/checkpoints/two.ckpt")
            #expect(answer.stdout == "yes (stored, generation 1)\n", "\(answer)\n\(agent.log)")
        }
    }

    @Test("A declared path that does not exist is a warning, and the others are kept")
    func missing() async throws {
        try await Cluster.run { cluster in
            let agent = try third(cluster, EndOfWorkTests.writing, shares: ["nothing-here", "outputs"])
            let output = try await agent.program.output()
            #expect(output.status == 0 && output.stderr.contains("nothing at lit://nothing-here"), "\(output)")
            #expect(try await cluster.deploy.baton("exists", "lit://third@outputs/checkpoints").status == 0)
            #expect(try await cluster.deploy.baton("exists", "lit://third@nothing-here").status == 69)
        }
    }

    @Test("What is not declared is not stored")
    func undeclared() async throws {
        try await Cluster.run { cluster in
            let script = EndOfWorkTests.writing + "; echo precious-secret > secret; echo precious-secret > outputs-too"
            let agent = try third(cluster, script)
            #expect(try await agent.program.status() == 0)
            let found = try await shell(
                "grep -rl precious-secret . || true; find . -name '*secret*' -o -name '*outputs-too*'",
                in: cluster.folder.path("store"))
            #expect(found.isEmpty)
            #expect(try await StoreOnDisk(cluster).files(named: "two.ckpt").count == 1)
        }
    }

    @Test("Declared paths are kept in the order in which they were declared")
    func order() async throws {
        try await Cluster.run { cluster in
            let agent = try third(cluster, "cd $BATON_ROOT; mkdir z a m", shares: ["z", "a", "m"])
            let output = try await agent.program.output()
            let kept = output.stderr.matches(of: /the relay keeps lit:\/\/(\w)/).map { String($0.1) }
            #expect(output.status == 0 && kept == ["z", "a", "m"], "\(output)")
        }
    }

    @Test("The files lie in the store as a person finds them: by name, and sha256sum says what it says of the source")
    func store() async throws {
        try await Cluster.run { cluster in
            let agent = try third(cluster, EndOfWorkTests.writing)
            #expect(try await agent.program.status() == 0)
            for name in ["one.ckpt", "two.ckpt"] {
                let files = try await StoreOnDisk(cluster).files(named: name)
                #expect(files.count == 1, "\(files)")
                let kept = try await shell("sha256sum < '\(files.first ?? "")'", in: "/")
                #expect(kept == (try await shell("sha256sum < outputs/checkpoints/\(name)", in: agent.root)))
            }
        }
    }

    // MARK: A notice

    @Test(
        "SIGTERM or SIGINT while the command runs: the command gets it first, has its time, and what it wrote then is kept",
        arguments: [SIGTERM, SIGINT])
    func notice(_ signal: CInt) async throws {
        try await Cluster.run { cluster in
            let script = """
                cd $BATON_ROOT; mkdir outputs; echo 1 > outputs/regular
                trap 'sleep 1; echo last > outputs/last; exit 7' TERM INT
                echo begun; while :; do sleep 0.05; done
                """
            let agent = try third(cluster, script)
            try await eventually("the begin of the command") { agent.program.stdout.contains("begun") }
            agent.program.send(signal)
            let status = try await agent.program.status(within: .seconds(20))
            #expect(status == 7)
            let get = try await cluster.deploy.baton("get", "lit://third@outputs/last", "last")
            #expect(get.status == 0 && get.stdout.contains("(stored, generation 1)"), "\(get)\n\(agent.log)")
            #expect(try await contents(cluster.deploy.root + "/last") == "last\n")
        }
    }

    @Test(
        "A command that does not end on SIGTERM is killed after --stop-within, and what it has written is kept in time")
    func deafCommand() async throws {
        try await Cluster.run { cluster in
            let script = """
                cd $BATON_ROOT; mkdir outputs; echo 1 > outputs/file
                trap '' TERM; echo begun; while :; do sleep 0.05; done
                """
            let agent = try third(cluster, script, flags: ["--stop-within", "1", "--persist-within", "10"])
            try await eventually("the begin of the command") { agent.program.stdout.contains("begun") }
            let begin = ContinuousClock.now
            #expect(try await agent.end(within: .seconds(20)) == 128 + SIGKILL)
            #expect(ContinuousClock.now - begin < .seconds(10).patient)
            let answer = try await cluster.deploy.baton("exists", "lit://third@outputs/file")
            #expect(answer.stdout == "yes (stored, generation 1)\n", "\(answer)\n\(agent.log)")
        }
    }

    @Test("An agent without a command persists on SIGTERM, and then ends with 0")
    func withoutCommand() async throws {
        try await Cluster.run("mkdir outputs; echo 1 > outputs/file") { cluster in
            #expect(try await cluster.trainer.end() == 0, "\(cluster.trainer.log)")
            let answer = try await cluster.deploy.baton("exists", "lit://trainer@outputs/file")
            #expect(answer.stdout == "yes (stored, generation 1)\n", "\(answer)")
        }
    }

    // MARK: When it cannot be kept

    @Test(
        "Without a relay the agent gives up after --persist-within: with 75, or the command's own failure, and a sentence that says what is not safe",
        arguments: [(0, 75), (3, 3)] as [(CInt, CInt)])
    func notSafe(_ command: CInt, _ status: CInt) async throws {
        try await Cluster.run { cluster in
            let script =
                EndOfWorkTests.writing + "; echo begun; while [ ! -e end ]; do sleep 0.05; done; exit \(command)"
            let agent = try third(cluster, script, flags: ["--persist-within", "2"])
            try await eventually("the begin of the command") { agent.program.stdout.contains("begun") }
            try await cluster.relay.program.kill()
            try await shell("touch end", in: agent.root)
            let output = try await agent.program.output(within: .seconds(20))
            #expect(output.status == status, "\(output)")
            #expect(output.stderr.contains("not safe") && output.stderr.contains("lit://outputs"), "\(output)")
        }
    }

    @Test("A relay that comes back in time gets it")
    func relayComesBack() async throws {
        try await Cluster.run { cluster in
            let script = EndOfWorkTests.writing + "; echo begun; while [ ! -e end ]; do sleep 0.05; done; exit 3"
            let agent = try third(cluster, script, flags: ["--persist-within", "60"])
            try await eventually("the begin of the command") { agent.program.stdout.contains("begun") }
            try await cluster.relay.program.kill()
            try await shell("touch end", in: agent.root)
            try await Task.sleep(for: .seconds(1))
            let relay = try await cluster.restartRelay()
            #expect(try await agent.program.status(within: .seconds(60)) == 3, "\(agent.log)")
            let answer = try await cluster.deploy.baton("exists", "lit://third@outputs/checkpoints/two.ckpt")
            #expect(answer.stdout == "yes (stored, generation 1)\n", "\(answer)\n\(relay.log)")
        }
    }

    @Test("--persist-within 0: the relay gets nothing")
    func never() async throws {
        try await Cluster.run { cluster in
            let agent = try third(cluster, EndOfWorkTests.writing, flags: ["--persist-within", "0"])
            #expect(try await agent.program.status() == 0)
            #expect(try await cluster.deploy.baton("exists", "lit://third@outputs").status == 69)
        }
    }

    // MARK: While the work runs

    @Test("--persist-every: what a machine that is lost without a word had at last is there")
    func background() async throws {
        try await Cluster.run(flags: ["--persist-every", "1"], "mkdir outputs; echo 1 > outputs/file") { cluster in
            try await cluster.trainer.says("the relay keeps lit://outputs")
            try await shell("echo later > outputs/later", in: cluster.trainer.root)
            try await eventually("the generation with the later file") {
                try await cluster.deploy.baton("get", "--stored", "lit://trainer@outputs/later", "later").status == 0
            }
            try await cluster.trainer.program.kill()
            try await cluster.away("trainer")
            let get = try await cluster.deploy.baton("get", "lit://trainer@outputs", "copy")
            #expect(get.status == 0 && get.stdout.contains("(stored, generation "), "\(get)")
            try await expectSame(cluster.trainer.root + "/outputs", cluster.deploy.root + "/copy")
        }
    }

    @Test("--persist-every makes no generations of what has not changed")
    func backgroundUnchanged() async throws {
        try await Cluster.run(flags: ["--persist-every", "1"], "mkdir outputs; echo 1 > outputs/file") { cluster in
            try await eventually("some rounds") {
                cluster.trainer.log.matches(of: /the relay keeps lit:\/\/outputs/).count >= 3
            } otherwise: {
                cluster.trainer.log
            }
            #expect(try await cluster.trainer.generations() == [1])
        }
    }
}
