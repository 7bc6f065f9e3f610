import Glibc
import Testing

@Suite("A transfer that was interrupted goes on where it stopped", .timeLimit(.patientMinutes(30)))
struct ResumeTests {
    private static let first = [UInt8](repeating: 1, count: 600)
    private static let second = [UInt8](repeating: 2, count: 400)

    /// An origin that the test plays: it sends a file of 1,000 bytes up to its first chunk, then its lane is cut. The agent asks
    /// again; `answer` says what the origin sends then.
    private func interrupted(
        _ answer: (_ again: RawFrame) -> [RawFrame], _ judge: (Cluster, Program.Output) async throws -> Void
    ) async throws {
        try await Cluster.run { cluster in
            let control = try await cluster.peer("third")
            let ticket = try await control.greet().ticketOfWelcome
            let lane = try await cluster.peer("third")
            lane.send(.join(ticket))
            let next = try await control.frame(RawFrame.ticket).ticketOfTicket

            let get = try cluster.deploy.start(["get", "--json", "lit://third@file", "copy"])
            let request = try await control.frame(RawFrame.get)
            #expect(request.resume == RawFrame.Resume(options: 0, entries: 0, offset: 0))
            lane.send(
                .entry(.file, "", size: 1000, stream: request.stream), .chunk(0, Self.first, stream: request.stream))
            try await eventually("the first chunk at the receiver") {
                try await stagedBytes(in: cluster.deploy.root) >= Self.first.count
            }
            lane.close()

            let other = try await cluster.peer("third")
            other.send(.join(next))
            _ = try await other.frame(RawFrame.joined)
            var again = try await control.frame()
            while again.type != RawFrame.get { again = try await control.frame() }
            other.send(answer(again).flatMap(\.bytes))
            try await judge(cluster, get.output(within: .seconds(20)))
            try await expectNothingLeft(in: cluster.deploy)
        }
    }

    @Test("A lane that is lost in the middle of a file costs a resume, within the same get")
    func lostLane() async throws {
        try await interrupted { again in
            #expect(again.resume == RawFrame.Resume(options: 6, entries: 1, offset: 600))
            return [
                .chunk(600, Self.second, isLast: true, stream: again.stream),
                .end(entries: 0, bytes: 400, stream: again.stream),
            ]
        } _: { cluster, output in
            #expect(output.status == 0 && output.stdout.contains("\"resumed_bytes\":600"), "\(output)")
            let size = try await shell(
                "stat -c %s copy; tail -c 400 copy | tr -d '\\002' | wc -c", in: cluster.deploy.root)
            #expect(size == "1000\n0\n")
        }
    }

    @Test("An origin whose file is another by now begins anew, and nothing of the old one is left")
    func otherVersion() async throws {
        try await interrupted { again in
            [
                .entry(.file, "", size: 400, stream: again.stream),
                .chunk(0, Self.second, isLast: true, stream: again.stream),
                .end(entries: 1, bytes: 400, stream: again.stream),
            ]
        } _: { cluster, output in
            #expect(output.status == 0 && output.stdout.contains("\"resumed_bytes\":0"), "\(output)")
            let size = try await shell("stat -c %s copy; tr -d '\\002' < copy | wc -c", in: cluster.deploy.root)
            #expect(size == "400\n0\n")
        }
    }

    @Test("An origin that goes on with other data than was asked for is refused")
    func gap() async throws {
        try await interrupted { again in
            [.chunk(0, Self.first, stream: again.stream)]
        } _: { _, output in
            #expect(output.status == 65, "\(output)")
        }
    }

    /// A get of a large file, to whose origin or relay something happens in the middle; it is to end well all the same.
    private func survives(
        _ event: (Cluster, LargeFile) async throws -> [Program]
    ) async throws {
        let large = try await LargeFile.shared()
        try await Cluster.run(shares: ["outputs", large.path]) { cluster in
            let get = try cluster.deploy.start(["get", "--json", "lit://trainer@\(large.path)", "copy"])
            try await underWay(get, in: cluster.deploy)
            let successors = try await event(cluster, large)
            let output = try await get.output(within: .seconds(60))
            #expect(output.status == 0 && !output.stdout.contains("\"resumed_bytes\":0"), "\(output)")
            try await shell("cmp copy '\(large.path)'", in: cluster.deploy.root)
            try await expectNothingLeft(in: cluster.deploy)
            withExtendedLifetime(successors) {}
        }
    }

    @Test("An origin that is killed and started again costs a resume, within the same get")
    func restartedOrigin() async throws {
        try await survives { cluster, large in
            try await cluster.trainer.program.kill()
            let again = try cluster.agent(
                "trainer", root: cluster.trainer.root, flags: ["--share", "outputs", "--share", large.path])
            return [again.program]
        }
    }

    @Test("A relay that is killed and started again costs a resume, within the same get")
    func restartedRelay() async throws {
        try await survives { cluster, _ in
            try await cluster.relay.program.kill()
            let relay = try await Relay(
                in: cluster.folder, certificates: cluster.certificates.relay, listen: cluster.relay.address)
            return [relay.program]
        }
    }

    @Test("A get that was interrupted with Ctrl-C goes on when it is repeated, also by another agent process")
    func repeated() async throws {
        let large = try await LargeFile.shared()
        try await Cluster.run(shares: ["outputs", large.path]) { cluster in
            let get = try cluster.deploy.start(["get", "lit://trainer@\(large.path)", "copy"])
            try await underWay(get, in: cluster.deploy)
            get.send(SIGINT)
            #expect(try await get.output(within: .seconds(10)).status == 75)
            cluster.deploy.program.send(SIGTERM)
            _ = try await cluster.deploy.program.status(within: .seconds(15))
            let again = try cluster.agent("deploy", root: cluster.deploy.root)
            try await again.ready()
            let output = try await again.baton("get", "--json", "lit://trainer@\(large.path)", "copy")
            #expect(output.status == 0 && !output.stdout.contains("\"resumed_bytes\":0"), "\(output)")
            try await shell("cmp copy '\(large.path)'", in: cluster.deploy.root)
            try await expectNothingLeft(in: again)
        }
    }
}
