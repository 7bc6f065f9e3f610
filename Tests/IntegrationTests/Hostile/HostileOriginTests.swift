import Glibc
import Testing

@Suite(
    "What an origin sends is judged: nothing of a bad tree is published, and nothing lands elsewhere",
    .timeLimit(.patientMinutes(30)))
struct HostileOriginTests {
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
        BadTree("an entry with set-group-id") { stream in
            [
                .entry(.file, "", mode: 0o2755, isLast: true, stream: stream),
                .end(entries: 1, stream: stream),
            ]
        },
        BadTree("a directory with the sticky bit") { stream in
            [.entry(.directory, "", mode: 0o1777, stream: stream), .end(entries: 1, stream: stream)]
        },
        BadTree("more bytes than announced") { stream in
            [
                .entry(.file, "", size: 600, stream: stream), .chunk(at: 0, stream: stream),
                .chunk(at: 512, isLast: true, stream: stream), .end(entries: 1, bytes: 1024, stream: stream),
            ]
        },
        BadTree("bytes that were there already") { stream in
            [
                .entry(.file, "", size: 4096, stream: stream), .chunk(at: 512, stream: stream),
                .chunk(at: 0, isLast: true, stream: stream), .end(entries: 1, bytes: 1024, stream: stream),
            ]
        },
        BadTree("bytes after the last ones") { stream in
            [
                .entry(.file, "", size: 4096, stream: stream), .chunk(at: 0, isLast: true, stream: stream),
                .chunk(at: 512, isLast: true, stream: stream), .end(entries: 1, bytes: 1024, stream: stream),
            ]
        },
        BadTree("bytes of a directory") { stream in
            [
                .entry(.directory, "", stream: stream), .chunk(at: 0, isLast: true, stream: stream),
                .end(entries: 1, bytes: 512, stream: stream),
            ]
        },
        BadTree("bytes at the end of all numbers") { stream in
            [
                .entry(.file, "", size: .max, stream: stream), .chunk(at: .max - 100, isLast: true, stream: stream),
                .end(entries: 1, bytes: 512, stream: stream),
            ]
        },
        BadTree("a top that comes twice") { stream in
            [
                .entry(.directory, "", stream: stream), .entry(.directory, "", stream: stream),
                .end(entries: 2, stream: stream),
            ]
        },
        BadTree("a frame that is cut short") { stream in
            var entry = RawFrame.entry(.link, "", target: "to somewhere or other", stream: stream)
            entry.payload.removeLast(12)
            return [entry, .end(entries: 1, stream: stream)]
        },
        BadTree("a link below itself") { stream in
            [
                .entry(.directory, "", stream: stream), .entry(.link, "a", target: ".", stream: stream),
                .entry(.link, "a/a", target: ".", stream: stream), .end(entries: 3, stream: stream),
            ]
        },
        BadTree("an end that counts other skipped ones than came") { stream in
            [
                .entry(.directory, "", stream: stream), .skipped("fifo", stream: stream),
                .end(entries: 1, stream: stream),
            ]
        },
        BadTree("a top that is skipped") { stream in
            [.skipped("", stream: stream), .end(entries: 0, skipped: 1, stream: stream)]
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

    @Test("A tree that cannot be ends with 65: corrupt", arguments: badTrees)
    func bad(_ tree: BadTree) async throws {
        try await HostileOrigin.answering { origin in
            origin.lane.send(tree.frames(origin.stream).flatMap(\.bytes))
        } judge: { output in
            try output.expectError("corrupt", 65)
        }
    }

    @Test(
        "A name that no tree has ends with 65: corrupt",
        arguments: [
            "..", "../evil", "a/../../evil", ".", "./a", "a/.", "a/./b", "/a", "/", "a/", "a//b", "a\0b",
            String(repeating: "n", count: 256), String(repeating: "a/", count: 2048) + "a",
        ])
    func name(_ name: String) async throws {
        for kind in [RawFrame.Kind.file, .directory, .link] {
            try await HostileOrigin.answering { origin in
                origin.lane.send(
                    .entry(.directory, "", stream: origin.stream), .entry(.directory, "a", stream: origin.stream),
                    .entry(
                        kind, name, target: kind == .link ? "x" : "", isLast: kind == .file, stream: origin.stream),
                    .end(entries: 3, stream: origin.stream))
            } judge: { output in
                try output.expectError("corrupt", 65)
            }
        }
    }

    @Test("A lane that ends in the middle is no end of the tree, however clean: the get asks for the rest")
    func cutOff() async throws {
        try await HostileOrigin.answering { origin in
            origin.lane.send(.entry(.file, "", size: 1 << 20, stream: origin.stream))
            origin.lane.close()
            let again = try await origin.next()
            #expect(again.request.resume.entries == 1)
            again.control.send(.failure(code: 3, "it has gone", stream: again.stream))
        } judge: { output in
            try output.expectError("notFound", 66)
        }
    }

    @Test("More than was granted ends the origin's session; the get waits for it in vain, and fails")
    func flowControl() async throws {
        // 16 MiB of entries without waiting for credit: the relay grants 4.
        try await HostileOrigin.answering(within: .seconds(60), keepsPartial: true) { origin in
            let links = (0..<4400).map { n in
                RawFrame.entry(
                    .link, "\(10_000 + n)", target: String(repeating: "t", count: 4000), stream: origin.stream)
            }
            origin.lane.send(([.entry(.directory, "", stream: origin.stream)] + links).flatMap(\.bytes))
        } judge: { output in
            #expect([65, 69, 75].contains(output.status), "\(output)")
        }
    }

    @Test("An error of the origin in the middle of a tree is what get says")
    func error() async throws {
        try await HostileOrigin.answering { origin in
            origin.lane.send(
                .entry(.directory, "", stream: origin.stream),
                .failure(code: 7, "it keeps changing", stream: origin.stream))
        } judge: { output in
            try output.expectError("changed", 65)
            #expect(output.stdout.contains("it keeps changing"), "\(output)")
        }
    }

    @Test("FRM-17: Control sequences in an origin's sentence do not reach the terminal")
    func escapes() async throws {
        try await Cluster.run { cluster in
            let (control, lane) = try await cluster.session()
            let get = try cluster.deploy.start(["get", "lit://third@tree", "copy"])
            let stream = try await control.frame(RawFrame.get).stream
            lane.send(
                .entry(.directory, "", stream: stream),
                .failure(code: 3, "gone\u{1B}[2J\r\nbaton: all is well", stream: stream))
            let output = try await get.output()
            #expect(output.status == 66, "\(output)")
            #expect(!output.stderr.contains("\u{1B}") && output.stderr.split(separator: "\n").count == 1, "\(output)")
        }
    }

    @Test("An origin that sends nothing more for 30 seconds is given up: 75")
    func stalled() async throws {
        try await HostileOrigin.answering(within: .seconds(45), keepsPartial: true) { origin in
            origin.lane.send(.entry(.file, "", size: 1 << 20, stream: origin.stream))
        } judge: { output in
            #expect(output.status == 75 && output.stdout.contains("30 seconds"), "\(output)")
        }
    }
}
