import Foundation
import Testing

/// `BATON_REWRITE_SECONDS` says for how long each source is rewritten (30 if it is not set).
@Suite("A source that is rewritten while it is got", .timeLimit(.patientMinutes(60)))
struct RewritingTests {
    private static let seconds =
        ProcessInfo.processInfo.environment["BATON_REWRITE_SECONDS"].flatMap { Double($0) } ?? 30

    @Test(
        "What arrives is always exactly one of the versions written; gets of what is renamed over all succeed, others mostly",
        arguments: Rewriter.Manner.allCases)
    func rewriting(_ manner: Rewriter.Manner) async throws {
        let script = """
            mkdir -p outputs/source/before outputs/source/behind outputs/aside
            for n in $(seq 20); do echo $n > outputs/source/before/$n; echo $n > outputs/source/behind/$n; done
            """
        try await Cluster.run(script) { cluster in
            let reference = "lit://trainer@outputs/source" + (manner == .together ? "" : "/model")
            let outputs = cluster.trainer.root + "/outputs"
            // Versions stand for about what a get takes here: it begins again some times, but not each time.
            _ = try Rewriter(manner, in: outputs, pause: .zero)
            let begin = ContinuousClock.now
            #expect(try await cluster.deploy.baton("get", reference, "first").status == 0)
            let pause = max(ContinuousClock.now - begin, .milliseconds(150))

            let rewriter = try Rewriter(manner, in: outputs, pause: manner == .renaming ? .milliseconds(3) : pause)
            rewriter.start()
            defer { rewriter.stop() }
            let end = ContinuousClock.now + .seconds(RewritingTests.seconds)
            let tallies = try await withThrowingTaskGroup(of: Tally.self) { group in
                for copy in ["one", "two"] {
                    group.addTask { try await get(reference, copy, cluster, rewriter, manner, until: end) }
                }
                return try await group.reduce(into: Tally()) { $0.add($1) }
            }
            print("\(manner): \(rewriter.versions) versions, \(tallies)")
            #expect(rewriter.failure == nil)
            #expect(tallies.mixes.isEmpty, "\(tallies.mixes)")
            #expect(tallies.others.isEmpty, "\(tallies.others)")
            #expect(tallies.succeeded > tallies.changed, "\(tallies)")
            #expect(manner != .renaming || tallies.changed == 0, "\(tallies)")
            #expect(tallies.versions.count > 2, "the source was to change between the gets: \(tallies)")
        }
    }

    @Test("The checker tells a version from a mix, from a piece, from what was never written, and from another size")
    func checker() throws {
        let folder = try TemporaryFolder()
        for name in ["source", "aside"] {
            try FileManager.default.createDirectory(atPath: folder.path(name), withIntermediateDirectories: true)
        }
        let rewriter = try Rewriter(.together, in: folder.path, pause: .zero)
        let (model, optimizer) = (folder.path("source/model"), folder.path("source/optimizer"))
        func judged() throws -> Rewriter.Verdict { try rewriter.judge { folder.path("source/\($0)") } }
        func isMix() throws -> Bool { if case .mixed = try judged() { true } else { false } }
        #expect(try judged() == .version(1))

        let good = try #require(FileManager.default.contents(atPath: model))
        let two = withUnsafeBytes(of: UInt64(2)) { Data($0) }
        let bad = [good.dropLast(8), good + good.prefix(8), good.dropLast(8) + two, two + good.dropFirst(8), Data()]
        for content in bad {
            try content.write(to: URL(filePath: model))
            #expect(try isMix())
        }
        for content in [good, Data((0..<good.count).map { two[$0 % 8] })] {
            try content.write(to: URL(filePath: model))
            try Data((0..<good.count).map { two[$0 % 8] }).write(to: URL(filePath: optimizer))
            #expect(try isMix())
        }
    }

    private func get(
        _ reference: String, _ copy: String, _ cluster: Cluster, _ rewriter: Rewriter, _ manner: Rewriter.Manner,
        until end: ContinuousClock.Instant
    ) async throws -> Tally {
        var tally = Tally()
        while ContinuousClock.now < end {
            let output = try await cluster.deploy.baton("get", "--overwrite", "--json", reference, copy)
            switch output.status {
            case 0:
                tally.succeeded += 1
                let root = cluster.deploy.root + "/" + copy
                switch try rewriter.judge({ manner == .together ? "\(root)/\($0)" : root }) {
                case .version(let version): tally.versions.insert(version)
                case .heldUp: tally.heldUp += 1
                case .mixed(let what): tally.mixes.append(what)
                }
            case 65 where (try output.json()["error"] as? [String: Any])?["code"] as? String == "changed":
                tally.changed += 1
            default: tally.others.append("\(output)")
            }
        }
        return tally
    }
}

private struct Tally: Sendable, CustomStringConvertible {
    var succeeded = 0
    var changed = 0
    var heldUp = 0
    var versions: Set<UInt64> = []
    var mixes: [String] = []
    var others: [String] = []

    mutating func add(_ other: Tally) {
        succeeded += other.succeeded
        changed += other.changed
        heldUp += other.heldUp
        versions.formUnion(other.versions)
        mixes += other.mixes
        others += other.others
    }

    var description: String {
        "\(succeeded) gets of \(versions.count) versions, \(changed) given up as changed, \(mixes.count) mixes, "
            + "\(heldUp) while the writer was held up"
    }
}
