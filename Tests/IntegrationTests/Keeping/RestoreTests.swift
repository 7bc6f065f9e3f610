import Foundation
import Glibc
import Testing

@Suite("The same work on a new machine gets its own paths back", .timeLimit(.patientMinutes(30)))
struct RestoreTests {
    private let files = """
        mkdir -p outputs/sub data; echo one > outputs/one; echo two > outputs/sub/two; ln outputs/one outputs/same
        chmod 640 outputs/one; ln -s one outputs/link; echo data > data/file
        touch -d '2020-01-02T03:04:05.678901234Z' outputs/one outputs/sub
        """

    /// The work `trainer`, which shared `outputs` and `data` and has ended, on an empty disk.
    private func newMachine(
        shares: [String] = ["outputs", "data"], flags: [String] = [], command: [String] = [],
        _ body: (Cluster, _ again: Agent) async throws -> Void
    ) async throws {
        try await Cluster.run(shares: shares, files) { cluster in
            #expect(try await cluster.trainer.end() == 0, "\(cluster.trainer.log)")
            let again = try cluster.agent(
                "trainer", root: cluster.folder.path("new-machine"), flags: shares.flatMap { ["--share", $0] } + flags,
                command: command)
            if command.isEmpty { try await again.ready() }
            try await body(cluster, again)
        }
    }

    @Test("baton restore brings back everything that is stored, as it was and where it was, and says which generation")
    func all() async throws {
        try await newMachine { cluster, again in
            let output = try await again.baton("restore")
            #expect(output.status == 0, "\(output)\n\(again.log)")
            for path in ["outputs", "data"] {
                #expect(output.stdout.contains("lit://trainer@\(path) -> \(again.root)/\(path)\n"), "\(output)")
                try await expectSame(cluster.trainer.root + "/" + path, again.root + "/" + path)
            }
            #expect(output.stdout.matches(of: /\(stored, generation 1\)/).count == 2, "\(output)")
            // And it is live again.
            let answer = try await cluster.deploy.baton("exists", "lit://trainer@outputs/sub/two")
            #expect(answer.stdout == "yes (live)\n", "\(answer)")
        }
    }

    @Test(
        "baton restore PATH brings back that one; a path may be a reference or one of the file system",
        arguments: ["lit://outputs", "lit://trainer@outputs", "outputs", "sub/../outputs"])
    func one(_ path: String) async throws {
        try await newMachine { cluster, again in
            let output = try await again.baton("restore", path)
            #expect(output.status == 0, "\(output)\n\(again.log)")
            try await expectSame(cluster.trainer.root + "/outputs", again.root + "/outputs")
            #expect(!FileManager.default.fileExists(atPath: again.root + "/data"))
        }
    }

    @Test("What is below a stored path can be brought back alone")
    func below() async throws {
        try await newMachine { cluster, again in
            let output = try await again.baton("restore", "lit://outputs/sub")
            #expect(output.status == 0, "\(output)")
            #expect(try await shell("find outputs -type f", in: again.root) == "outputs/sub/two\n")
        }
    }

    @Test("What exists stays as it is: 73, and the others are brought back; --overwrite replaces it")
    func existing() async throws {
        try await newMachine { cluster, again in
            try await shell("mkdir outputs; echo mine > outputs/mine", in: again.root)
            let refused = try await again.baton("restore")
            #expect(refused.status == 73 && refused.stderr.contains("--overwrite"), "\(refused)")
            #expect(try await shell("ls outputs; cat data/file", in: again.root) == "mine\ndata\n")
            let replaced = try await again.baton("restore", "--overwrite")
            #expect(replaced.status == 0, "\(replaced)")
            try await expectSame(cluster.trainer.root + "/outputs", again.root + "/outputs")
        }
    }

    @Test("--json prints one object: what was brought back, as get has it, and what failed")
    func json() async throws {
        try await newMachine { cluster, again in
            let output = try await again.baton("restore", "--json", "lit://outputs", "lit://elsewhere")
            #expect(output.status == 66, "\(output)")
            let answer = try output.json()
            #expect(Set(answer.keys) == ["restored", "error"])
            let restored = try #require(answer["restored"] as? [[String: Any]])
            #expect(restored.map { $0["path"] as? String } == ["lit://trainer@outputs"])
            #expect(restored.map { $0["source"] as? String } == ["stored"])
            #expect(restored.map { $0["generation"] as? Int } == [1])
            let error = try #require(answer["error"] as? [String: Any])
            #expect(error["path"] as? String == "lit://elsewhere" && error["code"] as? String == "notFound")
        }
    }

    @Test("Where nothing is stored there is nothing to bring back, and that is no failure")
    func nothing() async throws {
        try await Cluster.run { cluster in
            let output = try await cluster.deploy.baton("restore")
            #expect(output.status == 0 && output.stdout.isEmpty && output.stderr.contains("nothing"), "\(output)")
            let json = try await cluster.deploy.baton("restore", "--json")
            #expect(json.stdout == "{\"restored\":[]}\n", "\(json)")
        }
    }

    @Test("What another work has left is got, not restored: 64")
    func others() async throws {
        try await newMachine { cluster, _ in
            let output = try await cluster.deploy.baton("restore", "lit://trainer@outputs")
            #expect(output.status == 64 && output.stderr.contains("another work"), "\(output)")
        }
    }

    @Test("Of declared paths that contain one another the newer content wins")
    func nested() async throws {
        try await Cluster.run(shares: ["outputs", "outputs/sub"], files) { cluster in
            try await cluster.trainer.persist()
            try await shell("echo newer > outputs/sub/two", in: cluster.trainer.root)
            try await cluster.trainer.persist("lit://outputs/sub")
            try await cluster.trainer.program.kill()
            let again = try cluster.agent("trainer", root: cluster.folder.path("new-machine"))
            try await again.ready()
            let first = try await again.baton("restore")
            #expect(first.status == 0, "\(first)")
            #expect(try await contents(again.root + "/outputs/sub/two") == "newer\n")
            // Then the outer one is the newer.
            let declared = try await again.baton("share", "lit://outputs")
            #expect(declared.status == 0)
            try await shell("echo newest > outputs/sub/two", in: again.root)
            try await again.persist("lit://outputs")
            let second = try await again.baton("restore", "--overwrite")
            #expect(second.status == 0, "\(second)")
            #expect(try await contents(again.root + "/outputs/sub/two") == "newest\n")
        }
    }

    @Test("--restore: declared paths are there before the command starts; what exists already stays")
    func beforeCommand() async throws {
        let script = "cd $BATON_ROOT; cat outputs/one; cat data/file; echo more >> outputs/one; exit 3"
        try await newMachine(flags: ["--restore"], command: ["sh", "-c", script]) { cluster, again in
            let output = try await again.program.output()
            #expect(output.status == 3 && output.stdout == "one\ndata\n", "\(output)")
            let get = try await cluster.deploy.baton("get", "lit://trainer@outputs/one", "one")
            #expect(get.stdout.contains("(stored, generation 2)"), "\(get)")
            #expect(try await contents(cluster.deploy.root + "/one") == "one\nmore\n")
        }
    }

    @Test(
        "--restore on a machine that still has its files changes none of them, and where nothing is stored it is no failure"
    )
    func sameMachine() async throws {
        try await Cluster.run(shares: ["outputs", "data"], files) { cluster in
            #expect(try await cluster.trainer.end() == 0)
            try await shell("echo changed > outputs/one; rm -r data", in: cluster.trainer.root)
            let again = try cluster.agent(
                "trainer", root: cluster.trainer.root,
                flags: ["--share", "outputs", "--share", "data", "--share", "new", "--restore"],
                command: ["sh", "-c", "cd $BATON_ROOT; cat outputs/one data/file; ls"])
            let output = try await again.program.output()
            #expect(output.status == 0 && output.stdout == "changed\ndata\ndata\noutputs\n", "\(output)")
        }
    }
}
