import Testing

@Suite(
    "What an origin sends in further passes is judged, too: a bad one publishes nothing, and nothing lands elsewhere",
    .timeLimit(.patientMinutes(30)))
struct HostilePassTests {
    /// What an origin sends after a first pass that holds the directories `d` and `e`, the empty files `d/f`, `d/g` and `f`, and
    /// the link `l` to a directory outside.
    struct BadPass: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let frames: @Sendable (_ stream: UInt32) -> [RawFrame]

        init(_ description: String, _ frames: @escaping @Sendable (UInt32) -> [RawFrame]) {
            testDescription = description
            self.frames = frames
        }

        static func first(_ stream: UInt32, outside: String) -> [RawFrame] {
            [
                .entry(.directory, "", mode: 0o755, stream: stream),
                .entry(.directory, "d", mode: 0o755, stream: stream),
                .entry(.file, "d/f", isLast: true, stream: stream),
                .entry(.file, "d/g", isLast: true, stream: stream),
                .entry(.directory, "e", mode: 0o755, stream: stream),
                .entry(.file, "f", isLast: true, stream: stream),
                .entry(.link, "l", mode: 0o777, target: outside, stream: stream),
            ]
        }

        static let entriesOfFirst: UInt64 = 7
    }

    static let badPasses = [
        BadPass("a child that is kept in the first pass") { [.keep("l", stream: $0)] },
        BadPass("a pass without a number") { [.again(0, stream: $0)] },
        BadPass("a pass that skips a number") { [.again(2, stream: $0)] },
        BadPass("a pass whose number comes twice") { [.again(1, stream: $0), .again(1, stream: $0)] },
        BadPass("an end that counts the first pass only") { stream in
            [
                .again(1, stream: stream), .entry(.file, "f", isLast: true, stream: stream),
                .end(entries: BadPass.entriesOfFirst, stream: stream),
            ]
        },
        BadPass("something above the tree that is kept") { [.again(1, stream: $0), .keep("..", stream: $0)] },
        BadPass("an absolute path that is kept") { [.again(1, stream: $0), .keep("/etc", stream: $0)] },
        BadPass("a child that is kept and was never there") { stream in
            [.again(1, stream: stream), .entry(.directory, "", stream: stream), .keep("ghost", stream: stream)]
        },
        BadPass("a child that is kept of a directory that was not announced") { stream in
            [.again(1, stream: stream), .keep("d/f", stream: stream)]
        },
        BadPass("a child that is kept and sent") { stream in
            [
                .again(1, stream: stream), .entry(.directory, "d", stream: stream), .keep("d/f", stream: stream),
                .entry(.file, "d/f", isLast: true, stream: stream),
            ]
        },
        BadPass("children that are kept out of order") { stream in
            [
                .again(1, stream: stream), .entry(.directory, "d", stream: stream), .keep("d/g", stream: stream),
                .keep("d/f", stream: stream),
            ]
        },
        BadPass("something below a link of the first pass") { stream in
            [.again(1, stream: stream), .entry(.file, "l/evil", isLast: true, stream: stream)]
        },
        BadPass("something below a link that was kept") { stream in
            [
                .again(1, stream: stream), .entry(.directory, "", stream: stream), .keep("d", stream: stream),
                .keep("e", stream: stream), .keep("f", stream: stream), .keep("l", stream: stream),
                .entry(.file, "l/evil", isLast: true, stream: stream),
            ]
        },
        BadPass("something below a directory that has become a link") { stream in
            [
                .again(1, stream: stream), .entry(.link, "d", target: "l", stream: stream),
                .entry(.file, "d/evil", isLast: true, stream: stream),
            ]
        },
        BadPass("something below a directory that has become a link a pass before") { stream in
            [
                .again(1, stream: stream), .entry(.link, "d", target: "l", stream: stream), .again(2, stream: stream),
                .entry(.directory, "d/evil", stream: stream),
            ]
        },
        BadPass("something below a file") { stream in
            [.again(1, stream: stream), .entry(.file, "f/evil", isLast: true, stream: stream)]
        },
        BadPass("something below a directory that has gone") { stream in
            [
                .again(1, stream: stream), .entry(.directory, "", stream: stream), .keep("e", stream: stream),
                .keep("f", stream: stream), .keep("l", stream: stream), .again(2, stream: stream),
                .entry(.file, "d/evil", isLast: true, stream: stream),
            ]
        },
        BadPass("something above the tree") { stream in
            [.again(1, stream: stream), .entry(.file, "../evil", isLast: true, stream: stream)]
        },
        BadPass("entries out of order") { stream in
            [
                .again(1, stream: stream), .entry(.file, "f", isLast: true, stream: stream),
                .entry(.file, "d/f", isLast: true, stream: stream),
            ]
        },
        BadPass("an entry that comes twice") { stream in
            [
                .again(1, stream: stream), .entry(.file, "f", isLast: true, stream: stream),
                .entry(.file, "f", isLast: true, stream: stream),
            ]
        },
        BadPass("data of a file that was open when the pass before ended") { stream in
            [
                .entry(.file, "z", size: 4096, stream: stream), .again(1, stream: stream),
                .chunk(at: 0, isLast: true, stream: stream),
            ]
        },
        BadPass("a hard link to a file that has gone") { stream in
            [
                .again(1, stream: stream), .entry(.directory, "", stream: stream), .keep("e", stream: stream),
                .keep("f", stream: stream), .entry(.hardLink, "h", target: "d/f", stream: stream),
            ]
        },
        BadPass("a hard link to a file that has become a link to one outside") { stream in
            [
                .again(1, stream: stream), .entry(.link, "f", target: "l/file", stream: stream),
                .entry(.hardLink, "h", target: "f", stream: stream),
            ]
        },
        BadPass("another file in the place of one that is restarted") { stream in
            [
                .entry(.file, "y", size: 4096, stream: stream), .chunk(at: 0, stream: stream),
                .entry(.file, "z", size: 4096, stream: stream),
            ]
        },
        BadPass("a directory in the place of a file that is restarted") { stream in
            [
                .entry(.file, "y", size: 4096, stream: stream), .chunk(at: 0, stream: stream),
                .entry(.directory, "y", stream: stream),
            ]
        },
    ]

    @Test("A pass that cannot be ends with 65: corrupt", arguments: badPasses)
    func bad(_ pass: BadPass) async throws {
        try await HostileOrigin.answering { origin in
            let first = BadPass.first(origin.stream, outside: origin.outside)
            origin.lane.send((first + pass.frames(origin.stream)).flatMap(\.bytes))
        } judge: { output in
            try output.expectError("corrupt", 65)
        }
    }

    @Test("More than 64 passes end with 65, whether they bring something or nothing", arguments: [true, false])
    func many(_ bringSomething: Bool) async throws {
        try await HostileOrigin.answering { origin in
            let stream = origin.stream
            let passes = (1...65).flatMap { pass -> [RawFrame] in
                [.again(pass, stream: stream)]
                    + (bringSomething ? [.entry(.file, "f", isLast: true, stream: stream)] : [])
            }
            origin.lane.send((BadPass.first(stream, outside: origin.outside) + passes).flatMap(\.bytes))
        } judge: { output in
            try output.expectError("tooLarge", 65)
        }
    }

    @Test("What comes after the end is ignored")
    func afterTheEnd() async throws {
        try await Cluster.run { cluster in
            let (control, lane) = try await cluster.session()
            let get = try cluster.deploy.start(["get", "lit://third@tree", "copy"])
            let stream = try await control.frame(RawFrame.get).stream
            let first = BadPass.first(stream, outside: "/nowhere")
            lane.send(
                (first + [
                    .end(entries: BadPass.entriesOfFirst, stream: stream), .again(1, stream: stream),
                    .entry(.file, "f", isLast: true, stream: stream),
                ]).flatMap(\.bytes))
            let output = try await get.output()
            #expect(output.status == 0, "\(output)")
            try await cluster.expectHealthy()
        }
    }

    @Test("What lies in the place of a link is made anew, and the link's target is not touched")
    func directoryForLink() async throws {
        try await Cluster.run { cluster in
            let outside = cluster.folder.path("outside")
            try await shell("mkdir outside; echo precious > outside/file", in: cluster.folder.path)
            let (control, lane) = try await cluster.session()
            let get = try cluster.deploy.start(["get", "lit://third@tree", "copy"])
            let stream = try await control.frame(RawFrame.get).stream
            lane.send(
                (BadPass.first(stream, outside: outside) + [
                    .again(1, stream: stream), .entry(.directory, "l", mode: 0o755, stream: stream),
                    .entry(.file, "l/file", isLast: true, stream: stream), .again(2, stream: stream),
                    .entry(.link, "d", target: outside, stream: stream),
                    .end(entries: BadPass.entriesOfFirst + 3, stream: stream),
                ]).flatMap(\.bytes))
            let output = try await get.output()
            #expect(output.status == 0, "\(output)")
            let copy = try await shell(
                "find copy -mindepth 1 -printf '%P %y %l\\n' | LC_ALL=C sort", in: cluster.deploy.root)
            #expect(copy == "d l \(outside)\ne d \nf f \nl d \nl/file f \n")
            #expect(try await shell("ls -A outside; cat outside/file", in: cluster.folder.path) == "file\nprecious\n")
        }
    }
}
