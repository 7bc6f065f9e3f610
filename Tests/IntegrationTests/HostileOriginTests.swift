import Glibc
import Testing

@Suite(
    "What an origin sends is judged: nothing of a bad tree is published, and nothing lands elsewhere",
    .timeLimit(.minutes(10)))
struct HostileOriginTests {
    /// Lets the work `third` answer a get of `deploy`, over old content, with frames of the test's choice.
    ///
    /// - Parameters:
    ///   - answer: what it sends on its lane, and after that the lane stays open.
    ///   - judge: is given what `baton get` said, after the old content was found untouched.
    private func get(
        _ answer: @escaping @Sendable (_ stream: UInt32) -> [RawFrame], within limit: Duration = .seconds(20),
        closingLane: Bool = false, _ judge: (Program.Output) throws -> Void
    ) async throws {
        try await Cluster.run { cluster in
            try await shell("echo old > copy", in: cluster.deploy.root)
            let (control, lane) = try await cluster.session()
            let get = try cluster.deploy.start(["get", "--overwrite", "lit://third@tree", "copy"])
            let request = try await control.frame(RawFrame.get)
            lane.send(answer(request.stream).flatMap(\.bytes))
            if closingLane { lane.close() }
            let output = try await get.output(within: limit)
            try judge(output)
            #expect(try await shell("ls -A; cat copy", in: cluster.deploy.root) == ".baton\ncopy\nold\n")
            try await expectNothingLeft(in: cluster.deploy)
            try await cluster.expectHealthy()
        }
    }

    struct BadTree: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let frames: @Sendable (_ stream: UInt32) -> [RawFrame]

        init(_ description: String, _ frames: @escaping @Sendable (UInt32) -> [RawFrame]) {
            testDescription = description
            self.frames = frames
        }
    }

    static let badTrees = [
        BadTree("a chunk whose checksum is wrong") { stream in
            [
                .entry(.file, "", size: 4, stream: stream),
                .chunk(Array("data".utf8), checksum: 0, isLast: true, stream: stream),
                .end(entries: 1, bytes: 4, stream: stream),
            ]
        },
        BadTree("a tree whose first entry is not its top") { stream in
            [.entry(.file, "inside", isLast: true, stream: stream), .end(entries: 1, bytes: 0, stream: stream)]
        },
        BadTree("a path that leads above the tree") { stream in
            [
                .entry(.directory, "", stream: stream), .entry(.file, "../evil", isLast: true, stream: stream),
                .end(entries: 2, bytes: 0, stream: stream),
            ]
        },
        BadTree("an absolute path") { stream in
            [
                .entry(.directory, "", stream: stream), .entry(.file, "/tmp/evil", isLast: true, stream: stream),
                .end(entries: 2, bytes: 0, stream: stream),
            ]
        },
        BadTree("an entry below a symbolic link") { stream in
            [
                .entry(.directory, "", stream: stream), .entry(.link, "link", target: "..", stream: stream),
                .entry(.file, "link/evil", isLast: true, stream: stream), .end(entries: 3, bytes: 0, stream: stream),
            ]
        },
        BadTree("an entry below a directory that was never announced") { stream in
            [
                .entry(.directory, "", stream: stream), .entry(.file, "a/evil", isLast: true, stream: stream),
                .end(entries: 2, bytes: 0, stream: stream),
            ]
        },
        BadTree("a name that comes twice") { stream in
            [
                .entry(.directory, "", stream: stream), .entry(.file, "a", isLast: true, stream: stream),
                .entry(.file, "a", isLast: true, stream: stream), .end(entries: 3, bytes: 0, stream: stream),
            ]
        },
        BadTree("names out of order") { stream in
            [
                .entry(.directory, "", stream: stream), .entry(.file, "b", isLast: true, stream: stream),
                .entry(.file, "a", isLast: true, stream: stream), .end(entries: 3, bytes: 0, stream: stream),
            ]
        },
        BadTree("an end that counts other entries than came") { stream in
            [.entry(.directory, "", stream: stream), .end(entries: 2, bytes: 0, stream: stream)]
        },
        BadTree("an end before the file is whole") { stream in
            [.entry(.file, "", size: 4, stream: stream), .end(entries: 1, bytes: 0, stream: stream)]
        },
        BadTree("an end and nothing before it") { stream in [.end(entries: 0, bytes: 0, stream: stream)] },
        BadTree("an entry with set-user-id") { stream in
            var entry = RawFrame.entry(.file, "", isLast: true, stream: stream)
            entry.payload.replaceSubrange(1...2, with: [0x09, 0xED])
            return [entry, .end(entries: 1, bytes: 0, stream: stream)]
        },
        BadTree("an entry of no known kind") { stream in
            var entry = RawFrame.entry(.file, "", isLast: true, stream: stream)
            entry.payload[0] = 9
            return [entry, .end(entries: 1, bytes: 0, stream: stream)]
        },
        BadTree("a link without a target") { stream in
            [.entry(.link, "", stream: stream), .end(entries: 1, bytes: 0, stream: stream)]
        },
    ]

    @Test("A tree that cannot be ends with 65 and says whose fault it is", arguments: badTrees)
    func bad(_ tree: BadTree) async throws {
        try await get(tree.frames) { output in
            #expect(output.status == 65 && !output.stderr.isEmpty, "\(output)")
        }
    }

    @Test("A lane that ends in the middle is a failed get, however clean its end")
    func cutOff() async throws {
        try await get({ [.entry(.file, "", size: 1 << 20, stream: $0)] }, closingLane: true) { output in
            #expect(output.status == 75 && !output.stderr.isEmpty, "\(output)")
        }
    }

    @Test("More than was granted ends the origin's session; the get fails")
    func flowControl() async throws {
        // 16 MiB of entries without waiting for credit: the relay grants 4.
        try await get({ stream in
            [.entry(.directory, "", stream: stream)]
                + (0..<4400).map { n in
                    .entry(.link, "\(10_000 + n)", target: String(repeating: "t", count: 4000), stream: stream)
                }
        }) { output in
            #expect([65, 75].contains(output.status), "\(output)")
        }
    }

    @Test("An error of the origin in the middle of a tree is what get says")
    func error() async throws {
        try await get({ stream in
            [.entry(.directory, "", stream: stream), .failure(code: 7, "it keeps changing", stream: stream)]
        }) { output in
            #expect(output.status == 65 && output.stderr.contains("it keeps changing"), "\(output)")
        }
    }

    @Test("Control sequences in an origin's sentence do not reach the terminal")
    func escapes() async throws {
        try await get({ stream in
            [
                .entry(.directory, "", stream: stream),
                .failure(code: 3, "gone\u{1B}[2J\r\nbaton: all is well", stream: stream),
            ]
        }) { output in
            #expect(output.status == 66, "\(output)")
            #expect(!output.stderr.contains("\u{1B}") && output.stderr.split(separator: "\n").count == 1, "\(output)")
        }
    }

    @Test("An origin that sends nothing more for 30 seconds is given up: 75")
    func stalled() async throws {
        try await get({ [.entry(.file, "", size: 1 << 20, stream: $0)] }, within: .seconds(45)) { output in
            #expect(output.status == 75 && output.stderr.contains("30 seconds"), "\(output)")
        }
    }
}
