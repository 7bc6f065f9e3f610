import Glibc
import Testing

/// An agent that a test plays, of the work `third`.
private struct PlayedAgent {
    let control: RawPeer
    let lane: RawPeer

    init(_ cluster: Cluster, relay: String? = nil) async throws {
        let certificates = cluster.certificates.work("third")
        control = try await RawPeer.dial(relay ?? cluster.relay.address, certificates: certificates)
        let ticket = try await control.greet().ticketOfWelcome
        lane = try await RawPeer.dial(relay ?? cluster.relay.address, certificates: certificates)
        lane.send(.join(ticket))
        _ = try await lane.frame(RawFrame.joined)
        _ = try await control.frame(RawFrame.ticket)
    }

    /// The next frame on control but what only tells how things are going.
    func frame(_ type: UInt8) async throws -> RawFrame {
        while true {
            let frame = try await control.frame()
            if [RawFrame.credit, RawFrame.progress].contains(frame.type) { continue }
            guard frame.type == type else { throw Failure("expected a frame of type \(type), got \(frame)") }
            return frame
        }
    }

    /// Asks, and returns the relay's GET.
    func persist(_ path: String, stream: UInt32 = 1) async throws -> RawFrame {
        control.send(.persist(path, stream: stream))
        return try await frame(RawFrame.get)
    }

    /// Persists a tree with one file of 600 bytes.
    func persistTree(stream: UInt32 = 1) async throws -> RawFrame.Receipt {
        let get = try await persist("tree", stream: stream).stream
        lane.send(
            .entry(.directory, "", mode: 0o755, stream: get), .entry(.file, "file", size: 600, stream: get),
            .chunk(0, PlayedAgent.data, isLast: true, stream: get), .end(entries: 2, bytes: 600, stream: get))
        return try await frame(RawFrame.persistReply).receipt
    }

    static let data = [UInt8](repeating: 1, count: 600)
}

@Suite("PERSIST on the wire, with an agent that the test plays", .timeLimit(.patientMinutes(30)))
struct PersistWireTests {
    @Test("The relay asks for the tree on an even stream, by BASE for what differs from the generation that it has")
    func base() async throws {
        try await Cluster.run { cluster in
            let agent = try await PlayedAgent(cluster)
            let first = try await agent.persistTree()
            #expect(first.path == "tree" && first.outcome == 1 && first.generation == 1 && first.sent == 600)

            let get = try await agent.persist("tree", stream: 3)
            #expect(get.stream % 2 == 0 && get.keeping.base == first.stamp)
            #expect(get.keeping.resume == RawFrame.Resume(options: 9, entries: 0, offset: 0))
            agent.lane.send(
                .entry(.directory, "", mode: 0o755, stream: get.stream), .kept("file", size: 600, stream: get.stream),
                .entry(.file, "more", isLast: true, stream: get.stream), .end(entries: 3, stream: get.stream))
            let second = try await agent.frame(RawFrame.persistReply).receipt
            #expect(second.outcome == 1 && second.generation == 2 && second.sent == 0 && second.stamp != first.stamp)
            let copy = try await cluster.deploy.baton("get", "--stored", "lit://third@tree", "copy")
            #expect(copy.status == 0, "\(copy)")
            #expect(try await shell("stat -c %s copy/file copy/more", in: cluster.deploy.root) == "600\n0\n")
        }
    }

    @Test("The same tree again: outcome 2, with the numbers of the generation that is there")
    func unchanged() async throws {
        try await Cluster.run { cluster in
            let agent = try await PlayedAgent(cluster)
            let first = try await agent.persistTree()
            let second = try await agent.persistTree(stream: 3)
            #expect(second.outcome == 2 && second.generation == 1 && second.stamp == first.stamp)
        }
    }

    @Test("notFound is outcome 3, and what is stored stays; another error is the answer")
    func missing() async throws {
        try await Cluster.run { cluster in
            let agent = try await PlayedAgent(cluster)
            _ = try await agent.persistTree()
            let get = try await agent.persist("tree", stream: 3)
            agent.control.send(.failure(code: 3, "gone", stream: get.stream))
            let receipt = try await agent.frame(RawFrame.persistReply).receipt
            #expect(receipt == RawFrame.Receipt(path: "tree", outcome: 3, generation: 0, stamp: 0, sent: 0))
            let again = try await agent.persist("tree", stream: 5)
            agent.control.send(.failure(code: 11, "may not read it", stream: again.stream))
            #expect(try await agent.frame(RawFrame.error).code == 11)
            #expect(try await cluster.deploy.generations("lit://third@tree") == [1])
        }
    }

    @Test(
        "What went wrong on the way is not stored: a wrong checksum, a KEPT that the base has otherwise, an error in the middle"
    )
    func corrupt() async throws {
        try await Cluster.run { cluster in
            let agent = try await PlayedAgent(cluster)
            _ = try await agent.persistTree()
            let bad: [(UInt32) -> [RawFrame]] = [
                {
                    [
                        .entry(.file, "file", size: 600, stream: $0),
                        .chunk(PlayedAgent.data, checksum: 1, isLast: true, stream: $0),
                    ]
                },
                { [.kept("file", size: 601, stream: $0)] },
                { [.kept("other", size: 600, stream: $0)] },
                {
                    [
                        .entry(.file, "file", size: 600, stream: $0),
                        .failure(code: 7, "it changes all the time", stream: $0),
                    ]
                },
            ]
            for (index, frames) in bad.enumerated() {
                let get = try await agent.persist("tree", stream: UInt32(3 + 2 * index)).stream
                agent.lane.send(
                    ([RawFrame.entry(.directory, "", mode: 0o755, stream: get)] + frames(get)).flatMap(\.bytes))
                var last = try await agent.control.frame()
                while last.type != RawFrame.error { last = try await agent.control.frame() }
                #expect(last.code == (index < 3 ? 8 : 7), "\(index): \(last.words)")
            }
            #expect(try await cluster.deploy.generations("lit://third@tree") == [1])
            let copy = try await cluster.deploy.baton("get", "--stored", "lit://third@tree/file", "copy")
            #expect(copy.status == 0, "\(copy)")
        }
    }

    @Test("A PERSIST that is cancelled is not published, though its tree comes whole after that")
    func cancelled() async throws {
        try await Cluster.run { cluster in
            let agent = try await PlayedAgent(cluster)
            let get = try await agent.persist("tree").stream
            agent.lane.send(.entry(.directory, "", mode: 0o755, stream: get))
            agent.control.send(.cancel(stream: 1))
            var last = try await agent.control.frame()
            while last.type != RawFrame.error { last = try await agent.control.frame() }
            #expect(last.code == 12)
            agent.lane.send(.end(entries: 1, stream: get))
            try await Task.sleep(for: .milliseconds(500))
            #expect(try await cluster.deploy.generations("lit://third@tree").isEmpty)
        }
    }

    // MARK: Resume

    /// Sends more than what the relay writes down at once, and waits until it lies in the store.
    private func sendHalf(_ agent: PlayedAgent, _ cluster: Cluster) async throws {
        let get = try await agent.persist("file").stream
        let chunk = [UInt8](repeating: 2, count: 262_144)
        agent.lane.send(.entry(.file, "", size: 16 * 262_144, stream: get))
        for index in 0..<8 { agent.lane.send(.chunk(UInt64(index * 262_144), chunk, stream: get)) }
        try await eventually("the data at the relay") {
            let text = try await shell("du -s --block-size=1 store | cut -f 1", in: cluster.folder.path)
            return (Int(text.dropLast()) ?? 0) >= 8 * 262_144
        }
    }

    private func goOn(_ agent: PlayedAgent, from get: RawFrame) async throws -> RawFrame.Receipt {
        let begin = Int(get.keeping.resume.offset)
        let rest = [UInt8](repeating: 2, count: 16 * 262_144 - begin)
        for offset in stride(from: 0, to: rest.count, by: 262_144) {
            let piece = Array(rest[offset..<min(offset + 262_144, rest.count)])
            let isLast = offset + piece.count == rest.count
            agent.lane.send(.chunk(UInt64(begin + offset), piece, isLast: isLast, stream: get.stream))
        }
        agent.lane.send(.end(entries: 0, bytes: UInt64(rest.count), stream: get.stream))
        return try await agent.frame(RawFrame.persistReply).receipt
    }

    @Test("A session that is lost in the middle costs a resume: the next PERSIST goes on where that one stood")
    func lostSession() async throws {
        try await Cluster.run { cluster in
            let first = try await PlayedAgent(cluster)
            try await sendHalf(first, cluster)
            first.control.close()
            try await first.lane.closed()
            let second = try await PlayedAgent(cluster)
            let get = try await again(second)
            #expect(get.keeping.resume == RawFrame.Resume(options: 15, entries: 1, offset: 8 * 262_144))
            let receipt = try await goOn(second, from: get)
            #expect(receipt.outcome == 1 && receipt.generation == 1)
        }
    }

    @Test("A relay that is killed in the middle asks for the rest only when it is back")
    func killedRelay() async throws {
        try await Cluster.run { cluster in
            let first = try await PlayedAgent(cluster)
            try await sendHalf(first, cluster)
            let relay = try await cluster.restartRelay()
            let second = try await PlayedAgent(cluster, relay: relay.address)
            let get = try await again(second)
            let offset = get.keeping.resume.offset
            #expect(get.keeping.resume.options == 15 && offset >= 1 << 20, "\(get.keeping)")
            let receipt = try await goOn(second, from: get)
            #expect(receipt.outcome == 1 && receipt.generation == 1, "\(relay.log)")
        }
    }

    /// The relay may still have to notice that the other session is over.
    private func again(_ agent: PlayedAgent) async throws -> RawFrame {
        for stream in stride(from: UInt32(1), to: 101, by: 2) {
            agent.control.send(.persist("file", stream: stream))
            let answer = try await agent.control.frame()
            if answer.type == RawFrame.get { return answer }
            guard answer.type == RawFrame.error, answer.code == 14 else { throw Failure("\(answer): \(answer.words)") }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw Failure("the path stays busy")
    }

    // MARK: What nobody may

    @Test(
        "A work can persist only paths of its own; BASE is the relay's alone; only its owner removes, pins and verifies"
    )
    func refused() async throws {
        try await Cluster.run { cluster in
            let agent = try await PlayedAgent(cluster)
            _ = try await agent.persistTree()
            let control = try await cluster.peer("fourth")
            _ = try await control.greet()
            control.send(.persist("tree", of: "third", stream: 1))
            #expect(try await control.frame(RawFrame.error).code == 2)
            control.send(.getWithBase("tree", of: "third", base: 0, stream: 3))
            #expect(try await control.frame(RawFrame.error).code == 2)
            for action in UInt8(2)...5 {
                control.send(.artifacts(action, "tree", of: "third", stream: 3 + 2 * UInt32(action)))
                #expect(try await control.frame(RawFrame.error).code == 4, "action \(action)")
            }
            control.send(.artifacts(1, "", of: "third", stream: 21))
            #expect(try await control.frame(RawFrame.error).code == 4)
            control.send(.artifacts(1, "tree", of: "third", stream: 23))
            #expect(try await control.frame(RawFrame.artifactsReply).payload.first == 0)
        }
    }
}
