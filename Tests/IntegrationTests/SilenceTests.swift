import Glibc
import Testing

@Suite("Whoever says nothing is given up", .timeLimit(.patientMinutes(30)))
struct SilenceTests {
    /// Waits for the end of a connection and expects it ten seconds after its beginning, give or take a loaded machine.
    private func expectClosedAfterTenSeconds(
        _ peer: RawPeer, since began: ContinuousClock.Instant, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await peer.closed(within: .seconds(15))
        #expect(ContinuousClock.now - began > .seconds(7), sourceLocation: sourceLocation)
    }

    @Test("A TCP connection on which nothing comes is closed after ten seconds")
    func silentConnection() async throws {
        try await Cluster.run { cluster in
            let began = ContinuousClock.now
            let peer = try await RawPeer.dial(cluster.relay.address, certificates: nil)
            try await expectClosedAfterTenSeconds(peer, since: began)
            try await cluster.relay.says("helloTimeout")
            try await cluster.expectHealthy()
        }
    }

    @Test("A handshake that trickles does not get more time")
    func tricklingHandshake() async throws {
        try await Cluster.run { cluster in
            let began = ContinuousClock.now
            let peer = try await RawPeer.dial(cluster.relay.address, certificates: nil)
            // The beginning of a TLS record that holds a long ClientHello.
            let record: [UInt8] =
                [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03] + [UInt8](repeating: 0x55, count: 32)
            for byte in record where !peer.isClosed {
                peer.send([byte])
                try await Task.sleep(for: .milliseconds(500))
            }
            try await expectClosedAfterTenSeconds(peer, since: began)
            try await cluster.expectHealthy()
        }
    }

    @Test("A peer that speaks no TLS is closed, and the relay logs that")
    func plaintext() async throws {
        try await Cluster.run { cluster in
            let peer = try await RawPeer.dial(cluster.relay.address, certificates: nil)
            peer.send(Array("GET / HTTP/1.1\r\nHost: relay\r\n\r\n".utf8))
            try await peer.closed(within: .seconds(12))
            try await cluster.relay.says("does not speak TLS")
            try await cluster.expectHealthy()
        }
    }

    @Test("Frames without TLS are as little TLS as anything else")
    func plaintextFrames() async throws {
        try await Cluster.run { cluster in
            let peer = try await RawPeer.dial(cluster.relay.address, certificates: nil)
            peer.send(.hello())
            try await peer.closed(within: .seconds(12))
            try await cluster.relay.says("does not speak TLS")
        }
    }

    @Test("A peer that says no hello after TLS gets GOAWAY ten seconds after it connected")
    func noHello() async throws {
        try await Cluster.run { cluster in
            let began = ContinuousClock.now
            let peer = try await cluster.peer()
            let goAway = try await peer.frame(RawFrame.goAway)
            #expect(goAway.code == 266)
            try await expectClosedAfterTenSeconds(peer, since: began)
        }
    }

    @Test("Half a hello is no hello")
    func halfHello() async throws {
        try await Cluster.run { cluster in
            let peer = try await cluster.peer()
            peer.send(Array(RawFrame.hello().bytes.dropLast()))
            let goAway = try await peer.frame(RawFrame.goAway)
            #expect(goAway.code == 266)
        }
    }

    @Test(
        "The keepalive that a peer proposes is cut to what the protocol allows",
        arguments: [(0, 1000), (2500, 2500), (.max, 60_000)])
    func keepaliveIsClamped(_ proposed: UInt32, _ settled: UInt32) async throws {
        try await Cluster.run { cluster in
            let peer = try await cluster.peer()
            peer.send(.hello(keepalive: proposed))
            let welcome = try await peer.frame(RawFrame.welcome)
            let keepalive = welcome.payload[20..<24].reduce(0) { $0 << 8 | UInt32($1) }
            #expect(keepalive == settled)
        }
    }

    @Test("A peer that leaves pings without an answer is given up after three keepalive intervals")
    func deadPeer() async throws {
        try await Cluster.run { cluster in
            let peer = try await RawPeer.dial(
                cluster.relay.address, certificates: cluster.certificates.work("third"), isSilent: true)
            peer.send(.hello(keepalive: 1000))
            _ = try await peer.frame(RawFrame.welcome)
            let goAway = try await peer.frame(RawFrame.goAway, within: .seconds(8))
            #expect(goAway.code == 267)
            try await peer.closed()
            let answer = try await cluster.deploy.baton("ping", "third")
            #expect(answer.status == 69, "\(answer)")
        }
    }

    @Test("A peer that answers pings is kept for longer than that")
    func livingPeer() async throws {
        try await Cluster.run { cluster in
            let peer = try await cluster.peer()
            peer.send(.hello(keepalive: 1000))
            _ = try await peer.frame(RawFrame.welcome)
            try await Task.sleep(for: .seconds(6))
            peer.send(.exists("outputs", of: "trainer", stream: 1))
            _ = try await peer.frame(RawFrame.existsReply)
        }
    }

    @Test(
        "A relay that falls silent in the middle of a get: the get says so within the keepalive deadline, and fails, the old content stays"
    )
    func silentRelay() async throws {
        let large = try await LargeFile.shared()
        try await Cluster.run(shares: ["outputs", large.path]) { cluster in
            try await shell("echo old > copy", in: cluster.deploy.root)
            let get = try cluster.deploy.start([
                "get", "--overwrite", "--stall", "20", "lit://trainer@\(large.path)", "copy",
            ])
            try await underWay(get, in: cluster.deploy)
            cluster.relay.program.send(SIGSTOP)
            defer { cluster.relay.program.send(SIGCONT) }
            try await eventually("a word of the get", within: .seconds(25)) { get.stderr.contains("going on") }
            let answer = try await get.output(within: .seconds(40))
            #expect([69, 75].contains(answer.status), "\(answer)")
            #expect(try await contents(cluster.deploy.root + "/copy") == "old\n")
            try await expectPartialData(in: cluster.deploy)
            try await cluster.deploy.says("lost the relay")
            cluster.relay.program.send(SIGCONT)
            try await eventually("an answer after the relay is back", within: .seconds(30)) {
                try await cluster.deploy.baton("exists", "lit://trainer@outputs").status == 0
            }
        }
    }

    @Test(
        "An origin that falls silent in the middle of a get: the get says so within the keepalive deadline, and fails and names it"
    )
    func silentOrigin() async throws {
        let large = try await LargeFile.shared()
        try await Cluster.run(shares: ["outputs", large.path]) { cluster in
            try await shell("echo old > copy", in: cluster.deploy.root)
            let get = try cluster.deploy.start([
                "get", "--overwrite", "--stall", "20", "lit://trainer@\(large.path)", "copy",
            ])
            try await underWay(get, in: cluster.deploy)
            cluster.trainer.program.send(SIGSTOP)
            defer { cluster.trainer.program.send(SIGCONT) }
            try await eventually("a word of the get", within: .seconds(25)) { get.stderr.contains("'trainer'") }
            let answer = try await get.output(within: .seconds(40))
            #expect([69, 75].contains(answer.status), "\(answer)")
            #expect(try await contents(cluster.deploy.root + "/copy") == "old\n")
            try await expectPartialData(in: cluster.deploy)
        }
    }

    @Test("A question to an origin that has fallen silent ends with 69 within the keepalive deadline and names it")
    func questionToSilentOrigin() async throws {
        try await Cluster.run { cluster in
            cluster.trainer.program.send(SIGSTOP)
            defer { cluster.trainer.program.send(SIGCONT) }
            let answer = try await cluster.deploy.start(["exists", "lit://trainer@outputs"]).output(
                within: .seconds(20))
            #expect(answer.status == 69 && answer.stderr.contains("'trainer'"), "\(answer)")
        }
    }

    @Test("A question has a deadline of its own: --timeout, 75")
    func questionTimeout() async throws {
        try await Cluster.run { cluster in
            cluster.trainer.program.send(SIGSTOP)
            defer { cluster.trainer.program.send(SIGCONT) }
            let answer = try await cluster.deploy.start(["exists", "--timeout", "2", "lit://trainer@outputs"])
                .output(within: .seconds(10))
            #expect(answer.status == 75, "\(answer)")
        }
    }
}
