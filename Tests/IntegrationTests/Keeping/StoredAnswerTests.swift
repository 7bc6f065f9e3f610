import Foundation
import Glibc
import Testing

@Suite("Who answers: the live work for what it has, the store for the rest", .timeLimit(.patientMinutes(30)))
struct StoredAnswerTests {
    private let files = """
        mkdir -p outputs/sub; printf hello > outputs/greeting; echo 2 > outputs/sub/two; chmod 640 outputs/greeting
        ln -s greeting outputs/link; touch -d '2024-02-29T12:34:56.123456789Z' outputs/greeting
        """

    /// A work that has persisted what it shares.
    private func persisted(_ body: (Cluster) async throws -> Void) async throws {
        try await Cluster.run(files) { cluster in
            try await cluster.trainer.persist()
            try await body(cluster)
        }
    }

    /// A work that has gone after that.
    private func gone(_ body: (Cluster) async throws -> Void) async throws {
        try await persisted { cluster in
            try await cluster.trainer.program.kill()
            try await cluster.away("trainer")
            try await body(cluster)
        }
    }

    // MARK: The work is away

    @Test("exists, stat, ls and get say stored, and which generation")
    func text() async throws {
        try await gone { cluster in
            let exists = try await cluster.deploy.baton("exists", "lit://trainer@outputs/greeting")
            #expect(exists.stdout == "yes (stored, generation 1)\n", "\(exists)")
            let stat = try await cluster.deploy.baton("stat", "lit://trainer@outputs/greeting")
            #expect(stat.stdout.contains("(stored, generation 1)\n"), "\(stat)")
            let get = try await cluster.deploy.baton("get", "lit://trainer@outputs/greeting", "copy")
            #expect(get.stdout.contains("(stored, generation 1)\n"), "\(get)")
            let list = try await cluster.deploy.baton("ls", "lit://trainer@outputs")
            #expect(list.stdout == "greeting\nlink\nsub/\n" && list.stderr.contains("generation 1"), "\(list)")
            let quiet = try await cluster.deploy.baton("ls", "--quiet", "lit://trainer@outputs")
            #expect(quiet.stderr.isEmpty, "\(quiet)")
        }
    }

    @Test("Under --json source is stored and generation a number; answers of a live work have no generation")
    func json() async throws {
        let questions = [["exists"], ["stat"], ["ls"], ["get", "--overwrite"]]
        try await persisted { cluster in
            for words in questions {
                let answer = try await cluster.deploy.start(words + ["--json", "lit://trainer@outputs"]).output().json()
                #expect(answer["source"] as? String == "live" && answer["generation"] == nil, "\(answer)")
            }
            try await cluster.trainer.program.kill()
            try await cluster.away("trainer")
            for words in questions {
                let answer = try await cluster.deploy.start(words + ["--json", "lit://trainer@outputs"]).output().json()
                #expect(answer["source"] as? String == "stored" && answer["generation"] as? Int == 1, "\(answer)")
            }
        }
    }

    @Test("stat of the stored copy is that of the source, to the nanosecond")
    func stat() async throws {
        try await persisted { cluster in
            var answers: [[String: String]] = []
            for isLive in [true, false] {
                if !isLive {
                    try await cluster.trainer.program.kill()
                    try await cluster.away("trainer")
                }
                for path in ["outputs/greeting", "outputs", "outputs/sub", "outputs/link"] {
                    let answer = try await cluster.deploy.baton("stat", "--json", "--digest", "lit://trainer@\(path)")
                        .json()
                    answers.append(
                        ["kind", "bytes", "files", "mode", "mtime", "digest"].reduce(into: [:]) {
                            $0[$1] = answer[$1].map { "\($0)" }
                        })
                }
            }
            #expect(answers.prefix(4) == answers.suffix(4))
            #expect(answers.last?["kind"] == "file", "a link beneath the declared path is followed")
        }
    }

    @Test("Below a stored path but missing there: exists says no, everything else 66; not below any: 69")
    func missing() async throws {
        try await gone { cluster in
            let exists = try await cluster.deploy.baton("exists", "lit://trainer@outputs/none", "--json")
            #expect(exists.status == 1, "\(exists)")
            #expect(try exists.json()["generation"] as? Int == 1)
            for words in [["stat"], ["ls"], ["get"]] {
                let answer = try await cluster.deploy.start(words + ["lit://trainer@outputs/none"]).output()
                #expect(answer.status == 66 && answer.stderr.contains("outputs/none"), "\(answer)")
            }
            for words in [["exists"], ["stat"], ["ls"], ["get"]] {
                let answer = try await cluster.deploy.start(words + ["lit://trainer@elsewhere"]).output()
                #expect(answer.status == 69 && answer.stderr.contains("'trainer'"), "\(answer)")
            }
        }
    }

    @Test("The newest generation answers, and the whole of it: what it no longer has is not found")
    func newest() async throws {
        try await persisted { cluster in
            try await shell("rm outputs/greeting; echo new > outputs/new", in: cluster.trainer.root)
            #expect(try await cluster.trainer.persist().map(\.generation) == [2])
            try await cluster.trainer.program.kill()
            try await cluster.away("trainer")
            let new = try await cluster.deploy.baton("exists", "lit://trainer@outputs/new")
            #expect(new.stdout == "yes (stored, generation 2)\n", "\(new)")
            #expect(try await cluster.deploy.baton("exists", "lit://trainer@outputs/greeting").status == 1)
        }
    }

    @Test("Where stored paths contain one another the longest answers")
    func longest() async throws {
        try await Cluster.run(shares: ["outputs", "outputs/sub"], files) { cluster in
            try await cluster.trainer.persist()
            try await shell("echo newer > outputs/sub/two", in: cluster.trainer.root)
            try await cluster.trainer.persist("lit://outputs/sub")
            try await cluster.trainer.program.kill()
            try await cluster.away("trainer")
            let inner = try await cluster.deploy.baton("get", "lit://trainer@outputs/sub/two", "two")
            #expect(inner.stdout.contains("(stored, generation 2)"), "\(inner)")
            #expect(try await contents(cluster.deploy.root + "/two") == "newer\n")
            let outer = try await cluster.deploy.baton("exists", "lit://trainer@outputs/greeting")
            #expect(outer.stdout == "yes (stored, generation 1)\n", "\(outer)")
        }
    }

    @Test("get --wait is answered at once by what is stored")
    func wait() async throws {
        try await gone { cluster in
            let get = try await cluster.deploy.start(["get", "--wait", "600", "lit://trainer@outputs/greeting", "copy"])
                .output(within: .seconds(20))
            #expect(get.status == 0 && get.stdout.contains("(stored, generation 1)"), "\(get)")
        }
    }

    @Test("Works of another app see nothing of it")
    func otherApp() async throws {
        try await gone { cluster in
            let stranger = try cluster.agent("deploy", app: "other")
            try await stranger.ready()
            let questions: [([String], CInt)] = [
                (["exists"], 69), (["stat"], 69), (["ls"], 69), (["get"], 69), (["get", "--stored"], 66),
                (["artifacts", "ls"], 66),
            ]
            for (words, status) in questions {
                let answer = try await stranger.start(words + ["lit://trainer@outputs"]).output()
                #expect(answer.status == status && answer.stdout.isEmpty, "\(words): \(answer)")
            }
        }
    }

    // MARK: The work is there

    @Test("A stored copy never hides a live file")
    func live() async throws {
        try await persisted { cluster in
            try await shell("echo changed > outputs/greeting", in: cluster.trainer.root)
            let get = try await cluster.deploy.baton("get", "lit://trainer@outputs/greeting", "copy")
            #expect(get.stdout.contains("(live)"), "\(get)")
            #expect(try await contents(cluster.deploy.root + "/copy") == "changed\n")
        }
    }

    @Test("A declared path that the live work has lost is answered from the store")
    func lostDisk() async throws {
        try await persisted { cluster in
            try await shell("mv outputs ../outputs-gone", in: cluster.trainer.root)
            for path in ["outputs", "outputs/sub/two"] {
                let exists = try await cluster.deploy.baton("exists", "lit://trainer@\(path)")
                #expect(exists.stdout == "yes (stored, generation 1)\n", "\(exists)")
            }
            let get = try await cluster.deploy.baton("get", "lit://trainer@outputs", "copy")
            #expect(get.status == 0, "\(get)")
            try await expectSame(cluster.folder.path("outputs-gone"), cluster.deploy.root + "/copy")
        }
    }

    @Test(
        "Below a live declared path the live work alone answers: what it has removed is not found, though it is stored")
    func removedLive() async throws {
        try await persisted { cluster in
            try await shell("rm outputs/greeting", in: cluster.trainer.root)
            let exists = try await cluster.deploy.baton("exists", "lit://trainer@outputs/greeting")
            #expect(exists.status == 1, "\(exists)")
            for words in [["stat"], ["get"]] {
                let answer = try await cluster.deploy.start(words + ["lit://trainer@outputs/greeting"]).output()
                #expect(answer.status == 66, "\(answer)")
            }
        }
    }

    @Test("A path that the live work does not declare (any more) is answered from the store")
    func undeclared() async throws {
        try await persisted { cluster in
            try await cluster.trainer.program.kill()
            let again = try cluster.agent("trainer", root: cluster.trainer.root, flags: ["--share", "other"])
            try await again.ready()
            let get = try await cluster.deploy.baton("get", "lit://trainer@outputs/greeting", "copy")
            #expect(get.status == 0 && get.stdout.contains("(stored, generation 1)"), "\(get)")
            let none = try await cluster.deploy.baton("stat", "lit://trainer@elsewhere")
            #expect(none.status == 77, "\(none)")
        }
    }

    @Test("get --stored takes the kept copy, though the work is live and has another; 66 where nothing is stored")
    func storedOnly() async throws {
        try await persisted { cluster in
            try await shell("echo changed > outputs/greeting", in: cluster.trainer.root)
            let get = try await cluster.deploy.baton("get", "--stored", "lit://trainer@outputs/greeting", "copy")
            #expect(get.status == 0 && get.stdout.contains("(stored, generation 1)"), "\(get)")
            #expect(try await contents(cluster.deploy.root + "/copy") == "hello")
            let none = try await cluster.deploy.baton("get", "--stored", "lit://trainer@elsewhere", "none")
            #expect(none.status == 66, "\(none)")
        }
    }

    // MARK: Digest

    @Test("Live and stored copy of a tree give one digest, and the script of Protocol/11-digest.md the same")
    func digest() async throws {
        try await Cluster.run(MixedTree.script) { cluster in
            let reference = "lit://trainer@outputs/tree"
            func told(_ digest: Program.Output) throws -> String { try digest.json()["digest"] as? String ?? "" }
            let live = try await told(cluster.deploy.baton("stat", "--digest", "--json", reference))
            let tree = try await Digest.recomputed(cluster.trainer.root + "/outputs/tree")
            let outputs = try await Digest.recomputed(cluster.trainer.root + "/outputs")
            let receipt = try await cluster.trainer.persist()
            try await cluster.trainer.program.kill()
            try await cluster.away("trainer")
            let stored = try await cluster.deploy.baton("stat", "--digest", "--json", reference)
            #expect(try stored.json()["source"] as? String == "stored", "\(stored)")
            #expect(try told(stored) == live && tree == live)
            #expect(receipt.map(\.digest) == [outputs])
            #expect(try await cluster.deploy.artifacts("ls", "lit://trainer@outputs").map(\.digest) == [outputs])
            let file = try await told(cluster.deploy.baton("stat", "--digest", "--json", reference + "/a-large"))
            #expect(file == (try await Digest.recomputed(cluster.trainer.root + "/outputs/tree/a-large")))
        }
    }
}

/// The digest as chapter 11 has standard tools compute it: by the very script that stands there.
private enum Digest {
    static func recomputed(_ path: String) async throws -> String {
        let chapter = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../../Protocol/11-digest.md").standardizedFileURL.path
        let parts = try await contents(chapter).split(separator: "```bash\n")
        let script = try #require(parts.last?.split(separator: "\n```\n").first)
        let output = try await Program(["/bin/bash", "-c", String(script), "tree-digest", path]).output(
            within: .seconds(60))
        guard output.status == 0 else { throw Failure("\(output)") }
        return String(output.stdout.dropLast())
    }
}
