import Glibc
import Testing

@Suite("Sessions, lanes, streams and credit are as Protocol/ has them", .timeLimit(.patientMinutes(30)))
struct SessionTests {
    // MARK: Greeting

    @Test("Capabilities that the relay does not know are not in its welcome")
    func capabilities() async throws {
        try await Cluster.run { cluster in
            let welcome = try await cluster.peer().greet(.hello(capabilities: .max))
            #expect(welcome.payload[2..<10].allSatisfy { $0 == 0 })
        }
    }

    @Test("A session's epoch is higher than any before, also after the relay was started anew")
    func epoch() async throws {
        try await Cluster.run { cluster in
            let before = try await cluster.peer().greet().epochOfWelcome
            try await cluster.relay.program.kill()
            let relay = try await Relay(
                in: cluster.folder, certificates: cluster.certificates.relay, listen: cluster.relay.address)
            let after = try await cluster.peer().greet().epochOfWelcome
            #expect(before < after)
            withExtendedLifetime(relay) {}
        }
    }

    // MARK: Drain

    @Test("A relay that is told to end lets a running get end, refuses what is new, and then ends with 0")
    func drain() async throws {
        try await Cluster.run { cluster in
            let (control, lane) = try await cluster.session()
            let get = try cluster.deploy.start(["get", "lit://third@file", "copy"])
            let request = try await control.frame(RawFrame.get)
            cluster.relay.program.send(SIGTERM)
            let goAway = try await control.frame(RawFrame.goAway)
            #expect(goAway.code == 272)
            let question = try await cluster.deploy.baton("exists", "lit://third@file")
            #expect([69, 75].contains(question.status), "\(question)")
            lane.send(
                .entry(.file, "", isLast: true, stream: request.stream),
                .end(entries: 1, bytes: 0, stream: request.stream))
            let answer = try await get.output()
            #expect(answer.status == 0, "\(answer)")
            #expect(try await cluster.relay.program.status() == 0)
        }
    }

    @Test("A relay that is told to end does not wait for ever for a get that is stuck")
    func drainHasAnEnd() async throws {
        try await Cluster.run { cluster in
            let (control, lane) = try await cluster.session()
            let get = try cluster.deploy.start(["get", "lit://third@file", "copy"])
            _ = try await control.frame(RawFrame.get)
            cluster.relay.program.send(SIGTERM)
            #expect(try await cluster.relay.program.status(within: .seconds(20)) == 0)
            let answer = try await get.output()
            #expect([69, 75].contains(answer.status), "\(answer)")
            withExtendedLifetime(lane) {}
        }
    }

    // MARK: Lanes

    @Test("One lane too many takes the place of the oldest, which is told so")
    func newestLane() async throws {
        try await Cluster.run { cluster in
            let control = try await cluster.peer()
            var ticket = try await control.greet().ticketOfWelcome
            var lanes: [RawPeer] = []
            for _ in 0..<9 {
                let lane = try await cluster.peer()
                lane.send(.join(ticket))
                _ = try await lane.frame(RawFrame.joined)
                ticket = try await control.frame(RawFrame.ticket).ticketOfTicket
                lanes.append(lane)
            }
            let goAway = try await lanes[0].frame(RawFrame.goAway)
            #expect(goAway.code == 271)
            try await lanes[0].closed()
            #expect(lanes.last?.isClosed == false)
            control.send(.exists("outputs", of: "trainer", stream: 1))
            _ = try await control.frame(RawFrame.existsReply)
        }
    }

    @Test("The end of a lane leaves its session alive")
    func lostLane() async throws {
        try await Cluster.run { cluster in
            let (control, lane) = try await cluster.session()
            lane.close()
            try await cluster.relay.says("a lane has ended")
            control.send(.exists("outputs", of: "trainer", stream: 1))
            _ = try await control.frame(RawFrame.existsReply)
        }
    }

    @Test("A lane that is lost ends its GETs for good: the owner hears so, and need not answer before it is asked anew")
    func lostLaneFreesStreams() async throws {
        try await Cluster.run { cluster in
            let (origin, lane) = try await cluster.session("third", .hello(maxStreams: 1))
            let (asker, askersLane) = try await cluster.session("fourth")
            asker.send(.get("outputs", of: "third", stream: 1))
            let request = try await origin.frame(RawFrame.get)
            lane.send(.entry(.file, "", size: 1000, stream: request.stream))
            _ = try await askersLane.frame(RawFrame.entry)
            // As if END had been on its way: the owner has nothing to add.
            lane.close()
            #expect(try await askersLane.frame(RawFrame.error).code == 13)
            let cancel = try await origin.frame(RawFrame.cancel)
            #expect(cancel.stream == request.stream && cancel.code == 13)
            asker.send(.exists("outputs", of: "third", stream: 3))
            let question = try await origin.frame(RawFrame.exists)
            origin.send(.existsReply(stream: question.stream))
            #expect(try await asker.frame(RawFrame.existsReply).stream == 3)
        }
    }

    @Test("The end of a session ends its lanes")
    func lostSession() async throws {
        try await Cluster.run { cluster in
            let (control, lane) = try await cluster.session()
            control.close()
            try await lane.closed()
        }
    }

    @Test("A GET by a peer without a lane is refused with ERROR(interrupted) on control")
    func noLane() async throws {
        try await Cluster.run { cluster in
            let control = try await cluster.peer()
            _ = try await control.greet()
            control.send(.get("outputs", of: "trainer", stream: 1))
            let error = try await control.frame(RawFrame.error)
            #expect(error.code == 13 && error.stream == 1)
        }
    }

    // MARK: Streams

    @Test("GETs that come while their origin is opening its lane are all served on it", arguments: 0..<6)
    func whileTheLaneOpens(round: Int) async throws {
        try await Cluster.run { cluster in
            let (control, lane) = try await cluster.session()
            // Some at once, the others one by one: one ought to come in each moment of the dialing.
            for stream in stride(from: UInt32(1), to: 128, by: 2) {
                control.send(.get("outputs", of: "trainer", stream: stream))
                try await Task.sleep(for: .microseconds(100 + 50 * round))
            }
            for _ in 0..<64 {
                _ = try await lane.frame(RawFrame.entry)
                _ = try await lane.frame(RawFrame.end)
            }
        }
    }

    @Test("A request whose deadline has passed already is answered ERROR(deadline)")
    func deadlinePassed() async throws {
        try await Cluster.run { cluster in
            let control = try await cluster.peer()
            _ = try await control.greet()
            control.send(.exists("outputs", of: "trainer", deadline: 0, stream: 1))
            let error = try await control.frame(RawFrame.error)
            #expect(error.code == 6 && error.saidBy == 1)
        }
    }

    @Test("One asker has room for 64 requests at one owner; one more is refused with ERROR(busy), those below go on")
    func tooManyStreams() async throws {
        try await Cluster.run { cluster in
            cluster.trainer.program.send(SIGSTOP)
            let control = try await cluster.peer()
            _ = try await control.greet()
            let allowed: UInt32 = 64
            control.send((0...allowed).flatMap { RawFrame.exists("outputs", of: "trainer", stream: 2 * $0 + 1).bytes })
            let error = try await control.frame(RawFrame.error)
            #expect(error.code == 14 && error.stream == 2 * allowed + 1)
            cluster.trainer.program.send(SIGCONT)
            for _ in 0..<Int(allowed) { _ = try await control.frame(RawFrame.existsReply) }
        }
    }

    @Test("The relay opens no more streams towards a peer than that allows: one more question ends with 75")
    func peersLimit() async throws {
        try await Cluster.run { cluster in
            let origin = try await cluster.peer()
            _ = try await origin.greet(.hello(maxStreams: 1))
            let first = try cluster.deploy.start(["exists", "lit://third@outputs"])
            let request = try await origin.frame(RawFrame.exists)
            let second = try await cluster.deploy.baton("exists", "lit://third@outputs")
            #expect(second.status == 75 && second.stderr.contains("'third'"), "\(second)")
            #expect(!origin.hasFrame)
            origin.send(.existsReply(stream: request.stream))
            #expect(try await first.output().status == 0)
        }
    }

    @Test("A reply of another kind than the question ends the session of who sent it, and the question fails")
    func wrongReply() async throws {
        try await Cluster.run { cluster in
            let origin = try await cluster.peer()
            _ = try await origin.greet()
            let question = try cluster.deploy.start(["exists", "lit://third@outputs"])
            let request = try await origin.frame(RawFrame.exists)
            origin.send(RawFrame(type: 0x24, stream: request.stream, payload: [0]))
            let goAway = try await origin.frame(RawFrame.goAway)
            #expect(goAway.code == 260)
            let answer = try await question.output()
            #expect(answer.status == 69, "\(answer)")
        }
    }

    @Test("CREDIT for what is no GET ends the session")
    func creditForQuestion() async throws {
        try await Cluster.run { cluster in
            cluster.trainer.program.send(SIGSTOP)
            let control = try await cluster.peer()
            _ = try await control.greet()
            control.send(.exists("outputs", of: "trainer", stream: 1), .credit(1 << 30, stream: 1))
            let goAway = try await control.frame(RawFrame.goAway)
            #expect(goAway.code == 260)
            cluster.trainer.program.send(SIGCONT)
        }
    }

    @Test("CANCEL and CREDIT that cross the end of their stream are ignored")
    func lateFrames() async throws {
        try await Cluster.run { cluster in
            let control = try await cluster.peer()
            _ = try await control.greet()
            control.send(.exists("outputs", of: "trainer", stream: 1))
            _ = try await control.frame(RawFrame.existsReply)
            control.send(.cancel(stream: 1), .credit(5 << 20, stream: 1), .exists("outputs", of: "trainer", stream: 3))
            let reply = try await control.frame(RawFrame.existsReply)
            #expect(reply.stream == 3)
        }
    }

    @Test("CANCEL of a question reaches its origin, and its stream still gets a last frame")
    func cancelQuestion() async throws {
        try await Cluster.run { cluster in
            let origin = try await cluster.peer()
            _ = try await origin.greet()
            let asker = try await RawPeer.dial(cluster.relay.address, certificates: cluster.certificates.work("fourth"))
            _ = try await asker.greet()
            asker.send(.exists("outputs", of: "third", stream: 1))
            let request = try await origin.frame(RawFrame.exists)
            asker.send(.cancel(stream: 1))
            let cancel = try await origin.frame(0x30)
            #expect(cancel.stream == request.stream)
            #expect(!asker.hasFrame)
            origin.send(.failure(code: 12, "cancelled", stream: request.stream))
            let error = try await asker.frame(RawFrame.error)
            #expect(error.code == 12 && error.stream == 1)
        }
    }

    @Test(
        "Who asks an owner that never answers is told ERROR(deadline) by the relay", arguments: [0x10, 0x15] as [UInt8])
    func silentOwner(_ type: UInt8) async throws {
        try await Cluster.run { cluster in
            let origin = try await cluster.peer()
            _ = try await origin.greet()
            let asker = try await RawPeer.dial(cluster.relay.address, certificates: cluster.certificates.work("fourth"))
            _ = try await asker.greet()
            let question = RawFrame.exists("outputs", of: "third", deadline: 500, stream: 1)
            asker.send(RawFrame(type: type, stream: 1, payload: question.payload))
            _ = try await origin.frame(type)
            let error = try await asker.frame(RawFrame.error)
            #expect(error.code == 6 && error.saidBy == 1 && error.stream == 1)
        }
    }

    @Test("Who gets from an owner that sends nothing is told ERROR(deadline) by the relay, and the owner to stop")
    func silentOrigin() async throws {
        try await Cluster.run { cluster in
            let origin = try await cluster.peer()
            _ = try await origin.greet()
            let (asker, lane) = try await cluster.session("fourth")
            asker.send(.get("outputs", of: "third", deadline: 500, stream: 1))
            let request = try await origin.frame(RawFrame.get)
            let error = try await asker.frame(RawFrame.error)
            #expect(error.code == 6 && error.saidBy == 1 && error.stream == 1)
            let cancel = try await origin.frame(0x30)
            #expect(cancel.stream == request.stream && cancel.payload == [0, 6] && !lane.hasFrame)
        }
    }

    // MARK: Credit

    /// Takes lane frames until none comes for a second.
    private func drain(_ lane: RawPeer) async throws -> [RawFrame] {
        var frames: [RawFrame] = []
        while true {
            try await Task.sleep(for: .seconds(1))
            guard lane.hasFrame else { return frames }
            while lane.hasFrame { frames.append(try await lane.frame()) }
        }
    }

    @Test("A receiver gets as much as it granted and no more, goes on when it grants more, and holds up nobody else")
    func credit() async throws {
        let large = try await LargeFile.shared()
        try await Cluster.run(shares: [large.path, "outputs"], "mkdir outputs; echo 1 > outputs/file") { cluster in
            let (control, lane) = try await cluster.session()
            control.send(.get(large.path, of: "trainer", credit: 1 << 20, stream: 1))
            var received = try await drain(lane).map(\.payload.count).reduce(0, +)
            // A full chunk more would not have fitted.
            #expect(received <= 1 << 20 && received > 1 << 20 - 524_304, "\(received)")
            control.send(.credit(3 << 20, stream: 1))
            received += try await drain(lane).map(\.payload.count).reduce(0, +)
            #expect(received <= 3 << 20 && received > 3 << 20 - 524_304, "\(received)")
            let get = try await cluster.deploy.baton("get", "lit://trainer@outputs/file", "copy")
            #expect(get.status == 0, "\(get)")
        }
    }

    @Test("Credit that shrinks ends the session")
    func shrinkingCredit() async throws {
        let large = try await LargeFile.shared()
        try await Cluster.run(shares: [large.path, "outputs"]) { cluster in
            let (control, lane) = try await cluster.session()
            control.send(.get(large.path, of: "trainer", credit: 2 << 20, stream: 1))
            _ = try await lane.frame(RawFrame.entry)
            control.send(.credit(1 << 20, stream: 1))
            let goAway = try await control.frame(RawFrame.goAway)
            #expect(goAway.code == 264)
            try await control.closed()
            try await lane.closed()
            try await cluster.expectHealthy()
        }
    }

    @Test("A GET that is cancelled ends with ERROR(cancelled), and its origin stops reading")
    func cancelGet() async throws {
        let large = try await LargeFile.shared()
        try await Cluster.run(shares: [large.path]) { cluster in
            let (control, lane) = try await cluster.session()
            control.send(.get(large.path, of: "trainer", credit: 8 << 20, stream: 1))
            _ = try await lane.frame(RawFrame.entry)
            control.send(.cancel(stream: 1))
            var last = try await lane.frame()
            while last.type == RawFrame.chunk { last = try await lane.frame() }
            #expect(last.type == RawFrame.error && last.code == 12, "\(last)")
            try await cluster.trainer.says("a transfer has failed")
        }
    }
}
