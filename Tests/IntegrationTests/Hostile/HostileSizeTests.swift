import Testing

@Suite("An origin cannot send more than is taken: it is stopped, and nothing is kept", .timeLimit(.patientMinutes(30)))
struct HostileSizeTests {
    private static let fewEntries = ["BATON_MAX_ENTRIES": "1000"]

    @Test("A million entries without a name: the second ends the get")
    func namelessEntries() async throws {
        try await HostileOrigin.answering { origin in
            let entries = (0..<1_000_000).lazy.map { _ in RawFrame.entry(.directory, "", stream: origin.stream) }
            let allWent = try await origin.send(entries)
            #expect(!allWent, "it was to be cancelled before all had been sent")
        } judge: { output in
            try output.expectError("corrupt", 65)
        }
    }

    @Test("A million skipped ones without a name: the first ends the get")
    func namelessSkipped() async throws {
        try await HostileOrigin.answering { origin in
            let top = [RawFrame.entry(.directory, "", stream: origin.stream)]
            let skipped = (0..<1_000_000).lazy.map { _ in RawFrame.skipped("", stream: origin.stream) }
            origin.lane.send(top.flatMap(\.bytes))
            let allWent = try await origin.send(skipped)
            #expect(!allWent, "it was to be cancelled before all had been sent")
        } judge: { output in
            try output.expectError("corrupt", 65)
        }
    }

    @Test("A million nameless entries without regard to credit or cancel: the get ends all the same")
    func namelessFlood() async throws {
        try await HostileOrigin.answering { origin in
            let entry = RawFrame.entry(.directory, "", stream: origin.stream).bytes
            let thousand = Array(repeatElement(entry, count: 1000).joined())
            for _ in 0..<1000 { origin.lane.send(thousand) }
        } judge: { output in
            #expect([65, 75].contains(output.status), "\(output)")
        }
    }

    @Test("More entries than --max-entries: 65, tooLarge")
    func entries() async throws {
        try await HostileOrigin.answering(environment: HostileSizeTests.fewEntries) { origin in
            let entries = (0...1000).lazy.map { number in
                number == 0
                    ? RawFrame.entry(.directory, "", stream: origin.stream)
                    : .entry(.file, "\(10_000 + number)", isLast: true, stream: origin.stream)
            }
            try await origin.send(entries)
        } judge: { output in
            try output.expectError("tooLarge", 65)
        }
    }

    @Test("More skipped ones than --max-entries: 65, tooLarge")
    func skipped() async throws {
        try await HostileOrigin.answering(environment: HostileSizeTests.fewEntries) { origin in
            let entries = (0...1000).lazy.map { number in
                number == 0
                    ? RawFrame.entry(.directory, "", stream: origin.stream)
                    : .skipped("\(10_000 + number)", stream: origin.stream)
            }
            try await origin.send(entries)
        } judge: { output in
            try output.expectError("tooLarge", 65)
        }
    }

    @Test("A file that is restarted more often than --max-entries: 65, tooLarge")
    func restarts() async throws {
        try await HostileOrigin.answering(environment: HostileSizeTests.fewEntries) { origin in
            let file = RawFrame.entry(.file, "", size: 4096, stream: origin.stream)
            try await origin.send((0...1000).lazy.map { _ in file })
        } judge: { output in
            try output.expectError("tooLarge", 65)
        }
    }

    @Test("More children that are kept than --max-entries, in passes: 65, tooLarge")
    func kept() async throws {
        try await HostileOrigin.answering(environment: HostileSizeTests.fewEntries) { origin in
            let stream = origin.stream
            let names = (0..<100).map { "\(1000 + $0)" }
            let first =
                [RawFrame.entry(.directory, "", mode: 0o755, stream: stream)]
                + names.map { .entry(.file, $0, isLast: true, stream: stream) }
            let passes = (1...20).flatMap { pass -> [RawFrame] in
                [.again(pass, stream: stream), .entry(.directory, "", mode: 0o755, stream: stream)]
                    + names.map { .keep($0, stream: stream) }
            }
            try await origin.send(first + passes)
        } judge: { output in
            try output.expectError("tooLarge", 65)
        }
    }

    @Test("As many entries as --max-entries are taken")
    func justEnough() async throws {
        try await Cluster.run(environment: HostileSizeTests.fewEntries, "mkdir outputs; cd outputs; touch $(seq 999)") {
            cluster in
            let fits = try await cluster.deploy.baton("get", "lit://trainer@outputs", "copy")
            #expect(fits.status == 0, "\(fits)")
            try await shell("touch outputs/one-more", in: cluster.trainer.root)
            let tooMany = try await cluster.deploy.baton(
                "get", "--json", "--overwrite", "lit://trainer@outputs", "copy")
            try tooMany.expectError("tooLarge", 65)
            #expect(try await shell("ls copy | wc -l", in: cluster.deploy.root) == "999\n")
        }
    }

    @Test("10,000 levels: the get ends before, and nothing is left of those that came")
    func levels() async throws {
        try await HostileOrigin.answering(within: .seconds(60)) { origin in
            let levels = (0..<10_000).lazy.map { level in
                RawFrame.entry(
                    .directory, Array(repeating: "a", count: level).joined(separator: "/"), mode: 0o755,
                    stream: origin.stream)
            }
            try await origin.send(levels)
        } judge: { output in
            #expect(output.status == 65, "\(output)")
        }
    }

    @Test(
        "A size that no disk has is only a claim: what is wrong is the data")
    func claimedSize() async throws {
        try await HostileOrigin.answering { origin in
            let stream = origin.stream
            origin.lane.send(
                .entry(.file, "", size: 1 << 62, stream: stream), .chunk(at: 0, stream: stream),
                .chunk(at: 0, isLast: true, stream: stream), .end(entries: 1, bytes: 1024, stream: stream))
        } judge: { output in
            try output.expectError("corrupt", 65)
        }
    }
}
