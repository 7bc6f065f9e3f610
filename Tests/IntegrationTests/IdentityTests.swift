import Testing

@Suite("A work is who its certificate says, once", .timeLimit(.patientMinutes(30)))
struct IdentityTests {
    @Test("A second agent with the same identity replaces the first: the older says so and ends, the newer serves")
    func replaced() async throws {
        try await Cluster.run("mkdir outputs; echo older > outputs/file") { cluster in
            let newer = try cluster.agent("trainer", flags: ["--share", "outputs"])
            try await newer.ready()
            try await shell("mkdir outputs; echo newer > outputs/file", in: newer.root)
            let older = try await cluster.trainer.program.output()
            #expect(
                older.status == 69 && older.stderr.contains("another agent with the identity of 'trainer'"), "\(older)")
            let answer = try await cluster.deploy.baton("get", "lit://trainer@outputs/file", "copy")
            #expect(answer.status == 0, "\(answer)")
            #expect(try await contents(cluster.deploy.root + "/copy") == "newer\n")
            #expect(newer.program.isRunning)
        }
    }

    @Test("The older session is told not to come back")
    func goAway() async throws {
        try await Cluster.run { cluster in
            let older = try await cluster.peer()
            let first = try await older.greet()
            let newer = try await cluster.peer()
            let second = try await newer.greet()
            let goAway = try await older.frame(RawFrame.goAway)
            #expect(goAway.code == 271)
            #expect(goAway.payload[6..<10].elementsEqual([255, 255, 255, 255]))
            try await older.closed()
            #expect(first.epochOfWelcome < second.epochOfWelcome)
            newer.send(.exists("outputs", of: "trainer", stream: 1))
            _ = try await newer.frame(RawFrame.existsReply)
        }
    }

    @Test("A work with a command that is replaced lets the command end in peace")
    func replacedCommand() async throws {
        try await Cluster.run { cluster in
            let older = try cluster.agent("third", command: ["sh", "-c", "echo begun; sleep 3; exit 5"])
            try await eventually("the begin of the command") { older.program.stdout.contains("begun") }
            let newer = try cluster.agent("third", root: cluster.folder.path("newer"))
            try await newer.ready()
            let output = try await older.program.output()
            #expect(output.status == 5 && output.stderr.contains("replaced"), "\(output)")
        }
    }

    @Test("Works of different apps cannot see each other, though they trust the same authority")
    func apps() async throws {
        try await Cluster.run("mkdir outputs; echo 1 > outputs/file") { cluster in
            let stranger = try cluster.agent("deploy", app: "other")
            try await stranger.ready()
            for arguments in [
                ["exists", "lit://trainer@outputs"], ["get", "lit://trainer@outputs", "x"], ["ping", "trainer"],
            ] {
                let answer = try await stranger.start(arguments).output()
                #expect(answer.status == 69 && answer.stderr.contains("'trainer'"), "\(answer)")
            }
        }
    }

    @Test("Works of the same name in different apps do not replace each other")
    func sameName() async throws {
        try await Cluster.run { cluster in
            let stranger = try cluster.agent("deploy", app: "other")
            try await stranger.ready()
            try await cluster.expectHealthy()
            let answer = try await stranger.baton("ping")
            #expect(answer.status == 0, "\(answer)")
            #expect(cluster.deploy.program.isRunning)
        }
    }
}
