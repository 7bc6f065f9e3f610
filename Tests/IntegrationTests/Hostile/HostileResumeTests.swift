import Glibc
import Testing

@Suite("An origin that is asked to go on may lie about what it has sent before", .timeLimit(.patientMinutes(30)))
struct HostileResumeTests {
    struct Lie: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let frames: @Sendable (_ stream: UInt32) -> [RawFrame]

        init(_ description: String, _ frames: @escaping @Sendable (UInt32) -> [RawFrame]) {
            testDescription = description
            self.frames = frames
        }
    }

    static let lies = [
        Lie("with data that was there already") { [.chunk(at: 0, isLast: true, stream: $0)] },
        Lie("with data that overlaps") { [.chunk(at: 511, isLast: true, stream: $0)] },
        Lie("with data beyond the size") { [.chunk(at: 3585, isLast: true, stream: $0)] },
        Lie("with a wrong checksum") { stream in
            [.chunk([UInt8](repeating: 1, count: 512), at: 512, checksum: 1, isLast: true, stream: stream)]
        },
        Lie("with the next entry, though the file is not whole") { [.entry(.file, "g", isLast: true, stream: $0)] },
        Lie("with an entry that came before") { [.entry(.directory, "d", stream: $0)] },
        Lie("with an entry below a link") { stream in
            [.chunk(at: 512, isLast: true, stream: stream), .entry(.file, "e/evil", isLast: true, stream: stream)]
        },
        Lie("with the end, though the file is not whole") { [.end(entries: 0, stream: $0)] },
        Lie("with an end that counts what came before") { stream in
            [.chunk(at: 512, isLast: true, stream: stream), .end(entries: 4, bytes: 1024, stream: stream)]
        },
        Lie("with a pass that comes too early") { [.again(2, stream: $0)] },
        Lie("with a child that is kept") { [.keep("d", stream: $0)] },
        Lie("from the top, twice") { stream in
            [.entry(.directory, "", stream: stream), .entry(.directory, "", stream: stream)]
        },
        Lie("from the top, with a tree that cannot be") { stream in
            [
                .entry(.directory, "", stream: stream), .entry(.link, "a", target: "..", stream: stream),
                .entry(.file, "a/evil", isLast: true, stream: stream),
            ]
        },
        Lie("from the top, with data of a file that has not come again") { stream in
            [.entry(.directory, "", stream: stream), .chunk(at: 512, isLast: true, stream: stream)]
        },
        Lie("from the top, with an end that counts the first attempt") { stream in
            [.entry(.directory, "", stream: stream), .end(entries: 5, stream: stream)]
        },
        Lie("with nothing of the kind") { stream in
            var entry = RawFrame.entry(.file, "z", isLast: true, stream: stream)
            entry.payload[0] = 77
            return [entry]
        },
    ]

    @Test("One that goes on with what cannot be ends with 65: corrupt", arguments: lies)
    func lie(_ lie: Lie) async throws {
        try await HostileOrigin.answering { origin in
            let again = try await HostileResumeTests.interrupt(origin)
            #expect(again.request.resume == RawFrame.Resume(options: 6, entries: 4, offset: 512))
            again.lane.send(lie.frames(again.stream).flatMap(\.bytes))
        } judge: { output in
            try output.expectError("corrupt", 65)
        }
    }

    @Test("One that breaks off again and again, and never brings anything, is asked with pauses, and given up: 75")
    func again() async throws {
        try await Cluster.run { cluster in
            let (control, lane) = try await cluster.session()
            let get = try cluster.deploy.start(["get", "--json", "lit://third@tree", "copy"])
            var asked = 0
            try await eventually("the end of the get", within: .seconds(90)) {
                while control.hasFrame {
                    let frame = try await control.frame()
                    guard frame.type == RawFrame.get else { continue }
                    asked += 1
                    // The first time with a chunk, and afterwards with nothing new.
                    if asked == 1 {
                        lane.send(
                            .entry(.file, "", size: 4096, stream: frame.stream), .chunk(at: 0, stream: frame.stream))
                    }
                    lane.send(HostileResumeTests.breakOff(frame.stream))
                    control.send(.ping)
                }
                return !get.isRunning
            }
            try await get.output().expectError("interrupted", 75)
            #expect((2...100).contains(asked), "\(asked)")
            try await cluster.expectHealthy()
        }
    }

    /// A tree up to the first half of the file `f`, and then the word that something was interrupted.
    ///
    /// - Returns: the origin that is asked to go on.
    private static func interrupt(_ origin: HostileOrigin) async throws -> HostileOrigin {
        let stream = origin.stream
        origin.lane.send(
            .entry(.directory, "", mode: 0o755, stream: stream), .entry(.directory, "d", stream: stream),
            .entry(.link, "e", mode: 0o777, target: origin.outside, stream: stream),
            .entry(.file, "f", size: 4096, stream: stream), .chunk(at: 0, stream: stream), breakOff(stream))
        return try await origin.next()
    }

    private static func breakOff(_ stream: UInt32) -> RawFrame {
        .failure(code: 13, "the disk was away", stream: stream)
    }
}
