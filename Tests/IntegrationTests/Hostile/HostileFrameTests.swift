import Testing

@Suite(
    "A peer that breaks the protocol is told its error and closed; nobody else is harmed",
    .timeLimit(.patientMinutes(30)))
struct HostileFrameTests {
    struct Offence: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let code: UInt16
        let frames: [RawFrame]

        init(_ description: String, _ code: UInt16, _ frames: RawFrame...) {
            testDescription = description
            self.code = code
            self.frames = frames
        }
    }

    private func expectRefusal(
        _ offence: Offence, of peer: RawPeer, in cluster: Cluster, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        peer.send(offence.frames.flatMap(\.bytes))
        var frame = try await peer.frame()
        while frame.type != RawFrame.goAway { frame = try await peer.frame() }
        #expect(frame.code == offence.code, "\(frame.sentence)", sourceLocation: sourceLocation)
        #expect(!frame.sentence.isEmpty, sourceLocation: sourceLocation)
        try await peer.closed()
        try await cluster.expectHealthy()
    }

    static let first = [
        Offence("a first frame that is PING", 257, .ping),
        Offence("a first frame that is a request", 257, .exists("outputs", of: "trainer", stream: 1)),
        Offence("a first frame that is WELCOME", 257, RawFrame(type: 0x02, payload: [UInt8](repeating: 0, count: 40))),
        Offence(
            "a first frame that is larger than 4 KiB", 258,
            RawFrame(type: 0x01, payload: [UInt8](repeating: 0, count: 4097))),
        Offence("a first frame that claims 4 GiB", 258, RawFrame(type: 0x01, claimedLength: .max)),
        Offence("a first frame that claims 2 GiB and a byte", 258, RawFrame(type: 0x01, claimedLength: 0x8000_0001)),
        Offence("a first frame of an unknown type", 259, RawFrame(type: 0xEE)),
        Offence("a HELLO that is too short", 256, RawFrame(type: 0x01, payload: [0, 1])),
        Offence("a HELLO on a stream", 262, RawFrame(type: 0x01, stream: 1, payload: RawFrame.hello().payload)),
        Offence("a HELLO of version 2", 268, .hello(version: 2)),
        Offence("a HELLO of version 0", 268, .hello(version: 0)),
        Offence("a JOIN with a ticket that nobody gave out", 270, .join([UInt8](repeating: 7, count: 32))),
        Offence("a JOIN with a short ticket", 256, .join([1, 2, 3])),
    ]

    @Test("Instead of a greeting", arguments: first)
    func beforeGreeting(_ offence: Offence) async throws {
        try await Cluster.run { cluster in
            try await expectRefusal(offence, of: try await cluster.peer(), in: cluster)
        }
    }

    static let later = [
        Offence("a second HELLO", 260, .hello()),
        Offence("a JOIN on control", 261, .join([UInt8](repeating: 7, count: 32))),
        Offence("a frame that is larger than 64 KiB", 258, RawFrame(type: 0x10, stream: 1, claimedLength: 65_537)),
        Offence("a frame of an unknown type", 259, RawFrame(type: 0x7F, stream: 1)),
        Offence("a lane's frame on control", 261, .entry(.file, "", stream: 1)),
        Offence("a local frame on control", 261, RawFrame(type: 0x18, stream: 1)),
        Offence("a reserved bit in the header", 256, RawFrame(type: 0x06, reserved: 1, payload: RawFrame.ping.payload)),
        Offence(
            "a flag that the type does not have", 256, RawFrame(type: 0x06, flags: 1, payload: RawFrame.ping.payload)),
        Offence("a PING on a stream", 262, RawFrame(type: 0x06, stream: 1, payload: RawFrame.ping.payload)),
        Offence("a request on stream 0", 262, .exists("outputs", of: "trainer", stream: 0)),
        Offence("a request on a stream with the acceptor's parity", 262, .exists("outputs", of: "trainer", stream: 2)),
        Offence(
            "a stream that is used twice", 263, .exists("outputs", of: "trainer", stream: 1),
            .exists("outputs", of: "trainer", stream: 1)),
        Offence(
            "a stream below the last one", 263, .exists("outputs", of: "trainer", stream: 5),
            .exists("outputs", of: "trainer", stream: 3)),
        Offence("a reply to what was never asked", 262, RawFrame(type: 0x20, stream: 2, payload: [1, 0])),
        Offence("a path with ..", 256, .exists("outputs/../secret", of: "trainer", stream: 1)),
        Offence("a path with an empty component", 256, .exists("outputs//file", of: "trainer", stream: 1)),
        Offence("a path with NUL", 256, .exists("outputs\0", of: "trainer", stream: 1)),
        Offence(
            "a path that is too long", 256,
            .exists(String(repeating: "a/", count: 2048) + "a", of: "trainer", stream: 1)),
        Offence(
            "a component that is too long", 256, .exists(String(repeating: "a", count: 256), of: "trainer", stream: 1)),
        Offence("a work's name with a slash", 256, .exists("outputs", of: "a/b", stream: 1)),
        Offence("a GET with less credit than a frame needs", 256, .get("outputs", of: "trainer", credit: 0, stream: 1)),
        Offence("a request that is cut short", 256, RawFrame(type: 0x10, stream: 1, payload: [0, 0, 0])),
        Offence(
            "a path length past the end", 256, RawFrame(type: 0x10, stream: 1, payload: [0, 0, 0, 9, 1, 97, 255, 255])),
    ]

    @Test("After the welcome", arguments: later)
    func afterGreeting(_ offence: Offence) async throws {
        try await Cluster.run { cluster in
            let peer = try await cluster.peer()
            _ = try await peer.greet()
            try await expectRefusal(offence, of: peer, in: cluster)
        }
    }

    @Test("Too many PINGs in a second are a flood")
    func pingFlood() async throws {
        try await Cluster.run { cluster in
            let peer = try await cluster.peer()
            _ = try await peer.greet()
            let flood = [RawFrame](repeating: .ping, count: 200).flatMap(\.bytes)
            peer.send(flood)
            var frame = try await peer.frame()
            while frame.type == RawFrame.pong { frame = try await peer.frame() }
            #expect(frame.type == RawFrame.goAway && frame.code == 265, "\(frame)")
            try await peer.closed()
            try await cluster.expectHealthy()
        }
    }

    @Test("A JOIN takes the ticket of the welcome, and a new ticket follows")
    func join() async throws {
        try await Cluster.run { cluster in
            let control = try await cluster.peer()
            let ticket = try await control.greet().ticketOfWelcome
            #expect(ticket.count == 32)
            let lane = try await cluster.peer()
            lane.send(.join(ticket))
            let joined = try await lane.frame(RawFrame.joined)
            #expect(joined.payload == [0])
            let next = try await control.frame(RawFrame.ticket)
            #expect(next.ticketOfTicket.count == 32 && next.ticketOfTicket != ticket)
        }
    }

    @Test("A ticket that was used is a bad ticket; the session it belongs to lives on")
    func usedTicket() async throws {
        try await Cluster.run { cluster in
            let control = try await cluster.peer()
            let ticket = try await control.greet().ticketOfWelcome
            let lane = try await cluster.peer()
            lane.send(.join(ticket))
            _ = try await lane.frame(RawFrame.joined)
            let thief = try await cluster.peer()
            try await expectRefusal(Offence("", 270, .join(ticket)), of: thief, in: cluster)
            _ = try await control.frame(RawFrame.ticket)
            control.send(.exists("outputs", of: "trainer", stream: 1))
            let answer = try await control.frame(RawFrame.existsReply)
            #expect(answer.payload.first == 1)
            #expect(!lane.isClosed)
        }
    }

    @Test("A ticket in the hands of another work is a bad ticket, and stays good for its owner")
    func stolenTicket() async throws {
        try await Cluster.run { cluster in
            let control = try await cluster.peer()
            let ticket = try await control.greet().ticketOfWelcome
            let thief = try await RawPeer.dial(
                cluster.relay.address, certificates: cluster.certificates.work("deploy", app: "other"))
            try await expectRefusal(Offence("", 270, .join(ticket)), of: thief, in: cluster)
            let lane = try await cluster.peer()
            lane.send(.join(ticket))
            _ = try await lane.frame(RawFrame.joined)
        }
    }

    @Test("A request on a lane closes the lane, not the session")
    func requestOnLane() async throws {
        try await Cluster.run { cluster in
            let (control, lane) = try await cluster.session()
            try await expectRefusal(
                Offence("", 261, .exists("outputs", of: "trainer", stream: 1)), of: lane, in: cluster)
            control.send(.exists("outputs", of: "trainer", stream: 1))
            _ = try await control.frame(RawFrame.existsReply)
        }
    }

    @Test("Frames that arrive byte by byte are answered like any others")
    func byteByByte() async throws {
        try await Cluster.run { cluster in
            let peer = try await cluster.peer()
            for byte in RawFrame.hello().bytes + RawFrame.exists("outputs", of: "trainer", stream: 1).bytes {
                peer.send([byte])
                try await Task.sleep(for: .milliseconds(1))
            }
            _ = try await peer.frame(RawFrame.welcome)
            _ = try await peer.frame(RawFrame.existsReply)
        }
    }

    @Test("What follows the known fields of a message is skipped, so that messages can grow")
    func tails() async throws {
        try await Cluster.run { cluster in
            let peer = try await cluster.peer()
            var hello = RawFrame.hello()
            hello.payload += [1, 2, 3, 4]
            peer.send(hello)
            _ = try await peer.frame(RawFrame.welcome)
            var exists = RawFrame.exists("outputs", of: "trainer", stream: 1)
            exists.payload += [9, 9]
            peer.send(exists)
            #expect(try await peer.frame(RawFrame.existsReply).payload.first == 1)
        }
    }

    @Test("Of very many questions at once each gets one answer, or is refused as one too many")
    func manyQuestions() async throws {
        try await Cluster.run { cluster in
            let peer = try await cluster.peer()
            _ = try await peer.greet()
            // Some are refused as too many at once; each gets exactly one answer.
            let questions = 2000
            peer.send(
                (0..<questions).flatMap { RawFrame.exists("outputs", of: "trainer", stream: UInt32(2 * $0 + 1)).bytes })
            var answered: Set<UInt32> = []
            for _ in 0..<questions {
                let frame = try await peer.frame()
                #expect(frame.type == RawFrame.existsReply || frame.type == RawFrame.error, "\(frame)")
                answered.insert(frame.stream)
            }
            #expect(answered.count == questions)
            try await cluster.expectHealthy()
        }
    }
}
