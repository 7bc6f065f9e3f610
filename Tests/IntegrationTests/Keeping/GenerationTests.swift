import Foundation
import Glibc
import Testing

@Suite("Generations: how many are kept, for how long, and who may do what with them", .timeLimit(.patientMinutes(30)))
struct GenerationTests {
    /// Persists so many versions of `outputs/file`: each holds its number.
    private func persist(_ numbers: ClosedRange<Int>, in cluster: Cluster) async throws {
        for number in numbers {
            try await shell("mkdir -p outputs; echo \(number) > outputs/file", in: cluster.trainer.root)
            #expect(try await cluster.trainer.persist().map(\.generation) == [number])
        }
    }

    private func stored(_ cluster: Cluster) async throws -> String {
        let get = try await cluster.deploy.baton(
            "get", "--stored", "--overwrite", "lit://trainer@outputs/file", "copy")
        guard get.status == 0 else { throw Failure("\(get)") }
        return try await contents(cluster.deploy.root + "/copy")
    }

    @Test("The newest three are kept, and the newest answers")
    func three() async throws {
        try await Cluster.run { cluster in
            try await persist(1...5, in: cluster)
            try await eventually("the end of the older ones") {
                try await cluster.trainer.generations() == [3, 4, 5]
            }
            #expect(try await cluster.trainer.artifacts("ls").map(\.newest) == [false, false, true])
            #expect(try await stored(cluster) == "5\n")
            let relay = try await cluster.restartRelay()
            try await cluster.reconnected(cluster.trainer)
            #expect(try await cluster.trainer.generations() == [3, 4, 5], "\(relay.log)")
        }
    }

    @Test("--keep-generations says how many")
    func one() async throws {
        try await Cluster.run(keeping: ["--keep-generations", "1"]) { cluster in
            try await persist(1...3, in: cluster)
            try await eventually("the end of the older ones") { try await cluster.trainer.generations() == [3] }
        }
    }

    @Test("A pinned generation stays, is not counted, cannot be removed, and goes when it is unpinned")
    func pinned() async throws {
        try await Cluster.run(keeping: ["--keep-generations", "2"]) { cluster in
            try await persist(1...1, in: cluster)
            #expect(try await cluster.trainer.artifacts("pin", "lit://outputs").map(\.pinned) == [true])
            try await persist(2...4, in: cluster)
            try await eventually("the end of the older ones") {
                try await cluster.trainer.generations() == [1, 3, 4]
            }
            let refused = try await cluster.trainer.baton("artifacts", "rm", "lit://outputs", "--generation", "1")
            #expect(refused.status == 64 && refused.stderr.contains("pin"), "\(refused)")
            #expect(
                try await cluster.trainer.artifacts("rm", "lit://outputs").map(\.generation) == [3, 4], "all but that")
            #expect(try await stored(cluster) == "1\n")
            let relay = try await cluster.restartRelay()
            try await cluster.reconnected(cluster.trainer)
            #expect(try await cluster.trainer.artifacts("ls").map(\.pinned) == [true], "\(relay.log)")
            let unpinned = try await cluster.trainer.artifacts("unpin", "lit://outputs", "--generation", "1")
            #expect(unpinned.map(\.pinned) == [false])
            #expect(try await cluster.trainer.artifacts("rm", "lit://outputs").map(\.generation) == [1])
        }
    }

    @Test("A number is not given again, though all were removed and the relay was started anew")
    func numbers() async throws {
        try await Cluster.run { cluster in
            try await persist(1...2, in: cluster)
            #expect(try await cluster.trainer.artifacts("rm", "lit://outputs").map(\.generation) == [1, 2])
            #expect(try await cluster.trainer.generations().isEmpty)
            let relay = try await cluster.restartRelay()
            try await cluster.reconnected(cluster.trainer)
            let again = try await cluster.trainer.persist()
            #expect(again.map(\.generation) == [3] && again.map(\.outcome) == ["stored"], "\(relay.log)")
        }
    }

    @Test("One generation can be removed: the newest of those that are left answers")
    func remove() async throws {
        try await Cluster.run { cluster in
            try await persist(1...3, in: cluster)
            let removed = try await cluster.trainer.baton("artifacts", "rm", "lit://outputs", "--generation", "3")
            #expect(removed.stdout == "removed lit://trainer@outputs generation 3\n", "\(removed)")
            #expect(try await stored(cluster) == "2\n")
            let again = try await cluster.trainer.baton("artifacts", "rm", "lit://outputs", "--generation", "3")
            #expect(again.status == 66, "\(again)")
        }
    }

    @Test("A work may list what another has left, by its path, and nothing else: 77 for rm, pin, unpin and verify")
    func others() async throws {
        try await Cluster.run { cluster in
            try await persist(1...1, in: cluster)
            #expect(try await cluster.deploy.generations("lit://trainer@outputs") == [1])
            for words in [["ls", "lit://trainer@."], ["verify", "lit://trainer@outputs"]] {
                let answer = try await cluster.deploy.start(["artifacts"] + words).output()
                #expect(answer.status == 77, "\(words): \(answer)")
            }
            for action in ["rm", "pin", "unpin"] {
                let answer = try await cluster.deploy.baton("artifacts", action, "lit://trainer@outputs")
                #expect(answer.status == 77, "\(action): \(answer)")
            }
            #expect(try await cluster.trainer.artifacts("ls").map(\.pinned) == [false])
        }
    }

    @Test("KEP-23: --ttl: what was not persisted for so long goes, the newest too; what is pinned stays")
    func timeToLive() async throws {
        try await Cluster.run(shares: ["outputs", "pinned"], keeping: ["--ttl", "3"], "mkdir outputs pinned") {
            cluster in
            try await cluster.trainer.persist()
            try await cluster.trainer.artifacts("pin", "lit://pinned")
            let begin = ContinuousClock.now
            // A receipt that names it lets it live on.
            while ContinuousClock.now - begin < .seconds(5) {
                #expect(try await cluster.trainer.persist("lit://outputs").map(\.generation) == [1])
                try await Task.sleep(for: .milliseconds(500))
            }
            try await eventually("the end of what is not pinned", within: .seconds(90)) {
                try await cluster.trainer.artifacts("ls").map(\.path) == ["lit://trainer@pinned"]
            }
        }
    }

    // MARK: Damage

    @Test(
        "What is damaged in the store is found by verify, which ends with 65 and names it; it is not served any more, and what is older is"
    )
    func damaged() async throws {
        try await Cluster.run { cluster in
            try await persist(1...2, in: cluster)
            let clean = try await cluster.trainer.baton("artifacts", "verify")
            #expect(
                clean.status == 0
                    && clean.stdout == """
                        lit://trainer@outputs generation 1: intact
                        lit://trainer@outputs generation 2: intact

                        """,
                "\(clean)")
            // Of the same length: only reading it tells.
            let file = try #require(try await StoreOnDisk(cluster).files(named: "file").first { $0.contains("/2/") })
            try await shell("chmod u+w '\(file)'; printf X | dd of='\(file)' conv=notrunc status=none", in: "/")
            let verify = try await cluster.trainer.baton("artifacts", "verify", "lit://outputs")
            #expect(
                verify.status == 65 && verify.stdout.contains("lit://trainer@outputs generation 2: damaged\n"),
                "\(verify)")
            #expect(try await cluster.trainer.artifacts("ls").map(\.damaged) == [false, true])
            #expect(try await stored(cluster) == "1\n")
            let json = try await cluster.trainer.baton("artifacts", "verify", "--json")
            #expect(json.status == 65, "\(json)")
            #expect(try json.json()["error"] == nil && json.stdout.contains("\"damaged\":true"))
            // The next one is whole again, and is no copy of the damaged one.
            try await shell("touch outputs/file", in: cluster.trainer.root)
            #expect(try await cluster.trainer.persist().map(\.generation) == [3])
            #expect(try await stored(cluster) == "2\n")
            #expect(
                try await cluster.trainer.baton("artifacts", "verify", "--quiet").stdout.contains("generation 3")
                    == false)
        }
    }

    @Test(
        "What was damaged while the relay was down is found at its start: it does not answer, and is not taken away",
        arguments: ["truncate -s 1 \"$1\"", "rm \"$1\"", "echo more >> \"$1\""])
    func damagedAtStart(_ damage: String) async throws {
        try await Cluster.run { cluster in
            try await persist(1...2, in: cluster)
            let file = try #require(try await StoreOnDisk(cluster).files(named: "file").first { $0.contains("/2/") })
            try await cluster.relay.program.kill()
            try await shell("chmod -R u+w .; set -- '\(file)'; \(damage)", in: StoreOnDisk(cluster).path)
            let relay = try await cluster.restartRelay()
            try await cluster.reconnected(cluster.trainer)
            #expect(try await cluster.trainer.artifacts("ls").map(\.damaged) == [false, true], "\(relay.log)")
            #expect(try await stored(cluster) == "1\n")
            #expect(try await cluster.trainer.artifacts("rm", "lit://outputs", "--generation", "2").count == 1)
        }
    }

    // MARK: The command

    @Test("ls prints a table with titles, local times and short digests, and nothing but a remark if there is nothing")
    func table() async throws {
        try await Cluster.run(shares: ["outputs", "a space"], "mkdir outputs 'a space'") { cluster in
            let none = try await cluster.trainer.baton("artifacts", "ls")
            #expect(none.status == 0 && none.stdout.isEmpty && none.stderr.contains("nothing stored"), "\(none)")
            try await shell("echo 1 > outputs/file", in: cluster.trainer.root)
            try await cluster.trainer.persist()
            try await cluster.trainer.artifacts("pin", "lit://outputs")
            let table = try await cluster.trainer.start(["artifacts", "ls"], environment: ["TZ": "XYZ-05:30"]).output()
            let lines = table.stdout.split(separator: "\n")
            #expect(table.status == 0 && lines.count == 3, "\(table)")
            #expect(
                lines.first?.contains(/^PATH +GENERATION +CREATED +FILES +BYTES +STATE +SHA256$/) == true, "\(table)")
            let digest = try await cluster.trainer.artifacts("ls").last?.digest.prefix(12) ?? ""
            let row = lines.last?.wholeMatch(
                of:
                    /lit:\/\/trainer@outputs +1 +20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+0530 +1 +2 B +newest,pinned +([0-9a-f]{12})/
            )
            #expect(row?.1 == digest, "\(table)")
            #expect(
                Set(lines.map { line in line.count - (line.split(separator: " ").last?.count ?? 0) }).count == 1,
                "columns")
        }
    }

    @Test("--json prints one object with exactly these keys")
    func keys() async throws {
        try await Cluster.run { cluster in
            try await persist(1...1, in: cluster)
            let keys: Set = [
                "path", "origin", "generation", "created", "files", "bytes", "digest", "pinned", "damaged", "newest",
            ]
            for words in [
                ["ls"], ["ls", "lit://outputs"], ["verify"], ["pin", "lit://outputs"], ["unpin", "outputs"],
                ["rm", "outputs"],
            ] {
                let answer = try await cluster.trainer.start(["artifacts"] + words + ["--json"]).output().json()
                #expect(Set(answer.keys) == ["artifacts"], "\(words)")
                let items = try #require(answer["artifacts"] as? [[String: Any]])
                #expect(items.count == 1 && Set(items.flatMap(\.keys)) == keys, "\(words): \(items)")
                #expect(
                    items.first?["path"] as? String == "lit://trainer@outputs"
                        && items.first?["origin"] as? String == "trainer")
                #expect((items.first?["created"] as? String)?.contains(/^20\d\d-.*\.\d{9}Z$/) == true)
            }
        }
    }

    @Test("What is not there is not found: 66", arguments: [["ls"], ["verify"], ["rm"], ["pin"], ["unpin"]])
    func notFound(_ action: [String]) async throws {
        try await Cluster.run { cluster in
            try await persist(1...1, in: cluster)
            for path in ["lit://outputs/file", "lit://elsewhere"] {
                let answer = try await cluster.trainer.start(["artifacts"] + action + [path]).output()
                #expect(answer.status == 66, "\(path): \(answer)")
            }
        }
    }

    @Test(
        "What cannot be asked is a usage error, 64, before anything is sent",
        arguments: [
            ["rm"], ["pin"], ["rm", ""], ["pin", "lit://x", "--generation", "0"],
            ["rm", "lit://x", "--generation", "-1"],
            ["rm", "lit://x", "--generation", "all"], ["frobnicate"], ["ls", "lit://a?"],
        ])
    func usage(_ arguments: [String]) async throws {
        let folder = try TemporaryFolder()
        let answer = try await Program([Program.ours("baton"), "artifacts"] + arguments, in: folder.path).output()
        #expect(answer.status == 64 && !answer.stderr.isEmpty, "\(arguments): \(answer)")
    }
}
