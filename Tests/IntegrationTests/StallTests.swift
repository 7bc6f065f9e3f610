import Glibc
import Testing

@Suite("A get in which nothing moves ends, and names the hop that holds it up", .timeLimit(.patientMinutes(30)))
struct StallTests {
    private func stalled(
        _ stop: (Cluster) -> Program, _ judge: (Program.Output) throws -> Void
    ) async throws {
        let large = try await LargeFile.shared()
        try await Cluster.run(shares: ["outputs", large.path]) { cluster in
            try await shell("echo old > copy", in: cluster.deploy.root)
            let get = try cluster.deploy.start(
                ["get", "--overwrite", "--stall", "5", "lit://trainer@\(large.path)", "copy"])
            try await underWay(get, in: cluster.deploy)
            let stopped = stop(cluster)
            stopped.send(SIGSTOP)
            defer { stopped.send(SIGCONT) }
            let output = try await get.output(within: .seconds(20))
            try judge(output)
            #expect(try await contents(cluster.deploy.root + "/copy") == "old\n")
        }
    }

    @Test("An origin that has fallen silent: the network between the origin and the relay")
    func silentOrigin() async throws {
        try await stalled {
            $0.trainer.program
        } _: { output in
            #expect(output.status == 75, "\(output)")
            #expect(output.stderr.contains("the network between the origin and the relay"), "\(output)")
        }
    }

    @Test("A relay that has fallen silent: the relay")
    func silentRelay() async throws {
        try await stalled {
            $0.relay.program
        } _: { output in
            #expect(output.status == 75 && output.stderr.contains("the relay, or the way to it"), "\(output)")
        }
    }

    @Test("An origin that says that it waits for its disk: the origin's disk")
    func originDisk() async throws {
        try await Cluster.run { cluster in
            let (control, lane) = try await cluster.session()
            let get = try cluster.deploy.start(["get", "--stall", "4", "lit://third@file", "copy"])
            let request = try await control.frame(RawFrame.get)
            lane.send(.entry(.file, "", size: 1000, stream: request.stream))
            while get.isRunning {
                control.send(.report(waiting: 1, bytes: 37, stream: request.stream))
                try await Task.sleep(for: .milliseconds(500))
            }
            let output = try await get.output()
            #expect(output.status == 75 && output.stderr.contains("the origin's disk"), "\(output)")
        }
    }

    @Test("However often an origin reports, the asker hears of it about once a second")
    func reportFlood() async throws {
        try await Cluster.run { cluster in
            let (owner, ownerLane) = try await cluster.session("third")
            let (asker, askerLane) = try await cluster.session("fourth")
            asker.send(.get("file", of: "third", stream: 1))
            let request = try await owner.frame(RawFrame.get)
            let report = RawFrame.report(waiting: 1, bytes: 0, stream: request.stream)
            owner.send([[UInt8]](repeating: report.bytes, count: 20_000).flatMap(\.self))
            owner.send(.failure(code: 3, "not here", stream: request.stream))
            var reports = 0
            while true {
                let frame = try await asker.frame()
                if frame.type == RawFrame.error { break }
                reports += 1
            }
            #expect(reports < 100, "\(reports) reports of 20,000 came through")
            withExtendedLifetime((ownerLane, askerLane)) {}
        }
    }

    @Test("A get that waits for its path does not stall")
    func waiting() async throws {
        try await Cluster.run { cluster in
            let get = try cluster.deploy.start([
                "get", "--wait", "40", "--stall", "5", "lit://trainer@outputs/late", "copy",
            ])
            try await Task.sleep(for: .seconds(7))
            try await shell("echo 1 > outputs/.late; mv outputs/.late outputs/late", in: cluster.trainer.root)
            let output = try await get.output(within: .seconds(20))
            #expect(output.status == 0, "\(output)")
        }
    }
}
