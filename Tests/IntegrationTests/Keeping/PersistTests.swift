import Foundation
import Glibc
import Testing

@Suite("baton persist has the relay keep declared paths now", .timeLimit(.patientMinutes(30)))
struct PersistTests {
    private let files = "mkdir outputs; echo content > outputs/file; chmod 640 outputs/file; ln -s file outputs/link"

    @Test("It prints reference, generation, files, bytes, what was sent, and the digest that stat tells")
    func line() async throws {
        try await Cluster.run(files) { cluster in
            let digest =
                try await cluster.deploy.baton("stat", "--digest", "--json", "lit://trainer@outputs").json()[
                    "digest"] as? String
            let output = try await cluster.trainer.baton("persist")
            let expected =
                "lit://trainer@outputs stored: generation 1, 8 B (8 bytes) in 1 file, 8 B sent, sha256 \(digest ?? "")\n"
            #expect(output.status == 0 && output.stdout == expected, "\(output)")
            #expect(output.stderr.isEmpty, "\(output)")
        }
    }

    @Test("--json prints one object with exactly these keys")
    func keys() async throws {
        try await Cluster.run(files) { cluster in
            let answer = try await cluster.trainer.baton("persist", "--json").json()
            #expect(Set(answer.keys) == ["persisted"])
            let paths = try #require(answer["persisted"] as? [[String: Any]])
            #expect(
                Set(paths.flatMap(\.keys)) == ["path", "outcome", "generation", "digest", "files", "bytes", "sent"])
            #expect(paths.first?["path"] as? String == "lit://trainer@outputs")
            #expect(paths.first?["outcome"] as? String == "stored")
        }
    }

    @Test("Without a path all declared ones are kept, in their order; a path at which there is nothing is a warning")
    func all() async throws {
        try await Cluster.run(shares: ["z", "missing", "a"], "mkdir z a") { cluster in
            let output = try await cluster.trainer.baton("persist", "--json")
            #expect(output.status == 0, "\(output)")
            #expect(
                try output.persisted().map { "\($0.path) \($0.outcome) \($0.generation)" } == [
                    "lit://trainer@z stored 1", "lit://trainer@missing missing 0", "lit://trainer@a stored 1",
                ])
            let text = try await cluster.trainer.baton("persist")
            #expect(text.status == 0 && text.stderr.contains("nothing at lit://trainer@missing"), "\(text)")
            #expect(
                text.stdout == """
                    lit://trainer@z unchanged: generation 1
                    lit://trainer@a unchanged: generation 1

                    """)
        }
    }

    @Test("A path may be a reference, or a path of the file system, relative to the caller's working directory")
    func words() async throws {
        try await Cluster.run(shares: ["deep/er", "other"], "mkdir -p deep/er other; echo 1 > deep/er/file") {
            cluster in
            for path in [
                "lit://deep/er", "lit://trainer@deep/er", "er", "../deep/er/", cluster.trainer.root + "/deep/er",
            ] {
                let output = try await cluster.trainer.start(
                    ["persist", "--json", path], in: cluster.trainer.root + "/deep"
                ).output()
                #expect(output.status == 0, "\(path): \(output)")
                #expect(try output.persisted().map(\.path) == ["lit://trainer@deep/er"])
            }
            #expect(try await cluster.trainer.artifacts("ls").map(\.path) == ["lit://trainer@deep/er"])
        }
    }

    @Test("What is not declared itself is refused with 77, also below a declared path; another work's path with 64")
    func refused() async throws {
        try await Cluster.run(files + "; echo 1 > secret") { cluster in
            for (path, status) in [
                ("lit://secret", 77), ("lit://outputs/file", 77), ("lit://deploy@outputs", 64), ("", 64),
            ] as [(String, CInt)] {
                let output = try await cluster.trainer.baton("persist", path)
                #expect(output.status == status, "\(path): \(output)")
            }
            #expect(try await cluster.trainer.artifacts("ls").isEmpty)
        }
    }

    @Test("A path that fails does not hold up the others: they are told, and so is the error")
    func partly() async throws {
        try await Cluster.run(files) { cluster in
            let output = try await cluster.trainer.baton("persist", "--json", "lit://secret", "lit://outputs")
            #expect(output.status == 77, "\(output)")
            #expect(try output.persisted().map(\.outcome) == ["stored"])
            let error = try #require(try output.json()["error"] as? [String: Any])
            #expect(error["code"] as? String == "notShared" && error["path"] as? String == "lit://secret")
        }
    }

    @Test("What has not changed makes no generation; what has changed in time or mode alone does")
    func unchanged() async throws {
        try await Cluster.run(files) { cluster in
            let first = try await cluster.trainer.persist()
            let second = try await cluster.trainer.persist()
            #expect(second.map(\.outcome) == ["unchanged"] && second.map(\.digest) == first.map(\.digest))
            #expect(try await cluster.trainer.generations() == [1])
            for (change, generation) in [
                ("touch outputs/file", 2), ("chmod 600 outputs/file", 3), ("touch outputs", 4),
            ] {
                try await shell("sleep 0.1; \(change)", in: cluster.trainer.root)
                let again = try await cluster.trainer.persist()
                #expect(again.map(\.generation) == [generation], "\(change)")
                #expect(again.map(\.outcome) == ["stored"], "\(change)")
            }
        }
    }

    @Test("Of 1,000 files one of which has changed, about that one is sent, and the generation is whole")
    func oneOfMany() async throws {
        let script = """
            mkdir outputs; cd outputs
            for n in $(seq -w 0 999); do head -c 10000 /dev/urandom > file-$n; done
            """
        try await Cluster.run(script) { cluster in
            let first = try await cluster.trainer.persist()
            #expect(first.map(\.sent) == [10_000_000] && first.map(\.files) == [1000])
            try await shell("head -c 11000 /dev/urandom > outputs/file-500", in: cluster.trainer.root)
            let second = try await cluster.trainer.persist()
            #expect(second.map(\.generation) == [2] && second.map(\.bytes) == [10_001_000])
            #expect((11_000...33_000).contains(second.first?.sent ?? 0), "\(second)")
            let get = try await cluster.deploy.baton("get", "--stored", "lit://trainer@outputs", "copy")
            #expect(get.status == 0, "\(get)")
            try await expectSame(cluster.trainer.root + "/outputs", cluster.deploy.root + "/copy")
        }
    }

    @Test("Unchanged files are not sent again by an agent that was started anew, nor to a relay that was")
    func startedAnew() async throws {
        try await Cluster.run("mkdir outputs; for n in 1 2 3; do head -c 2000000 /dev/urandom > outputs/$n; done") {
            cluster in
            try await cluster.trainer.persist()
            try await cluster.trainer.program.kill()
            let relay = try await cluster.restartRelay()
            let again = try cluster.agent(
                "trainer", root: cluster.trainer.root, flags: ["--share", "outputs"])
            try await again.ready()
            try await shell("echo more > outputs/4", in: again.root)
            let second = try await again.persist()
            #expect(second.map(\.generation) == [2] && second.map(\.sent) == [5], "\(second)\n\(relay.log)")
        }
    }

    @Test("A tree of all that a tree can hold comes back from the store as it was")
    func fidelity() async throws {
        try await Cluster.run(MixedTree.script) { cluster in
            try await cluster.trainer.persist()
            #expect(try await cluster.trainer.end() == 0)
            let get = try await cluster.deploy.baton("get", "lit://trainer@outputs/tree", "copy")
            #expect(get.status == 0 && get.stdout.contains("(stored, "), "\(get)")
            try await expectSame(cluster.trainer.root + "/outputs/tree", cluster.deploy.root + "/copy")
        }
    }

    @Test("Modes that keep their owner from writing are no obstacle: neither to keep, nor to get, nor to remove it")
    func oddModes() async throws {
        let script = """
            mkdir -p outputs/closed/deep outputs/empty; echo 1 > outputs/closed/deep/file; echo 2 > outputs/closed/file
            chmod 400 outputs/closed/deep/file; chmod 444 outputs/closed/file
            chmod 500 outputs/closed/deep outputs/empty; chmod 555 outputs/closed
            """
        try await Cluster.run(keeping: ["--keep-generations", "1"], script) { cluster in
            for generation in 1...2 {
                #expect(try await cluster.trainer.persist().map(\.generation) == [generation])
                try await shell("touch outputs/more; sleep 0.1", in: cluster.trainer.root)
            }
            try await shell("rm outputs/more", in: cluster.trainer.root)
            #expect(try await cluster.trainer.persist().map(\.outcome) == ["stored"])
            let get = try await cluster.deploy.baton("get", "--stored", "lit://trainer@outputs", "copy")
            #expect(get.status == 0, "\(get)")
            try await expectSame(cluster.trainer.root + "/outputs", cluster.deploy.root + "/copy")
            try await eventually("the end of the older ones on the disk", within: .seconds(90)) {
                try await StoreOnDisk(cluster).files(named: "file").count == 2
            } otherwise: {
                cluster.relay.log
            }
            try await cluster.trainer.artifacts("rm", "lit://outputs")
            #expect(try await StoreOnDisk(cluster).files(named: "file").isEmpty)
        }
    }

    @Test("A work that shares its whole root: all of it is kept, but what is Baton's own")
    func root() async throws {
        try await Cluster.run(shares: ["."], "mkdir sub; echo 1 > file; echo 2 > sub/file") { cluster in
            #expect(try await cluster.trainer.persist().map(\.path) == ["lit://trainer@."])
            #expect(try await cluster.trainer.generations() == [1])
            #expect(try await cluster.trainer.end() == 0)
            let get = try await cluster.deploy.baton("get", "lit://trainer@.", "copy")
            #expect(get.status == 0 && get.stdout.contains("(stored, generation 1)"), "\(get)")
            #expect(
                try await shell("find copy | sort", in: cluster.deploy.root)
                    == "copy\ncopy/file\ncopy/sub\ncopy/sub/file\n")
            let one = try await cluster.deploy.baton("stat", "lit://trainer@sub/file")
            #expect(one.status == 0 && one.stdout.contains("(stored, generation 1)"), "\(one)")
            let hidden = try await cluster.deploy.baton("stat", "lit://trainer@.baton/agent.sock")
            #expect([66, 77].contains(hidden.status), "\(hidden)")
        }
    }

    @Test("While the relay is away it waits, says so, and goes on when it is back")
    func relayAway() async throws {
        try await Cluster.run(files) { cluster in
            try await cluster.relay.program.kill()
            try await cluster.trainer.says("lost the relay")
            let persist = try cluster.trainer.start(["persist"])
            try await eventually("a remark") { persist.stderr.contains("out of reach") }
            let relay = try await cluster.restartRelay()
            let output = try await persist.output(within: .seconds(30))
            #expect(output.status == 0 && output.stdout.contains("generation 1"), "\(output)\n\(relay.log)")
        }
    }

    @Test("A relay that is told to end in the middle, and comes back, has it in the end")
    func relayEnded() async throws {
        let large = try await LargeFile.shared()
        // The agent stands still meanwhile: shorter than after what its program takes it for dead.
        try await Cluster.run(shares: [large.path], keeping: ["--drain-within", "2"]) { cluster in
            let persist = try cluster.trainer.start(["persist", "--json"])
            try await eventually("some of the file at the relay") { try await storeSize(cluster) > 20 << 20 }
            cluster.trainer.program.send(SIGSTOP)
            cluster.relay.program.send(SIGTERM)
            #expect(try await cluster.relay.program.status(within: .seconds(30)) == 0)
            cluster.trainer.program.send(SIGCONT)
            let relay = try await Relay(
                in: cluster.folder, certificates: cluster.certificates.relay, listen: cluster.relay.address)
            let output = try await persist.output(within: .seconds(60))
            #expect(output.status == 0, "\(output)\n\(relay.log)")
            #expect(try output.persisted().map(\.generation) == [1])
        }
    }

    @Test("A declared file is kept as well as a directory")
    func file() async throws {
        try await Cluster.run(shares: ["outputs/file"], files) { cluster in
            #expect(try await cluster.trainer.persist().map(\.path) == ["lit://trainer@outputs/file"])
            try await cluster.trainer.program.kill()
            try await cluster.away("trainer")
            let get = try await cluster.deploy.baton("get", "lit://trainer@outputs/file", "copy")
            #expect(get.status == 0, "\(get)")
            try await expectSame(cluster.trainer.root + "/outputs/file", cluster.deploy.root + "/copy")
        }
    }

    @Test("Ctrl-C cancels: 75, nothing of it is published, and a later persist succeeds")
    func cancelled() async throws {
        let large = try await LargeFile.shared()
        try await Cluster.run(shares: [large.path]) { cluster in
            let persist = try cluster.trainer.start(["persist"])
            try await eventually("some of the file at the relay") {
                try await storeSize(cluster) > 10 << 20
            } otherwise: {
                cluster.trainer.log
            }
            persist.send(SIGINT)
            #expect(try await persist.status(within: .seconds(15)) == 75)
            #expect(try await cluster.trainer.generations().isEmpty)
            let again = try await cluster.trainer.persist()
            #expect(again.map(\.bytes) == [LargeFile.size])
        }
    }

    /// Bytes on the disk below the relay's store.
    private func storeSize(_ cluster: Cluster) async throws -> Int {
        let text = try await shell("du -s --block-size=1 store 2>/dev/null | cut -f 1", in: cluster.folder.path)
        return Int(text.dropLast()) ?? 0
    }

    @Test(
        "A relay that is killed in the middle and started again: the same persist ends with its receipt, and that is true"
    )
    func relayRestarted() async throws {
        let large = try await LargeFile.shared()
        try await Cluster.run(shares: [large.path]) { cluster in
            let persist = try cluster.trainer.start(["persist", "--json"])
            try await eventually("some of the file at the relay") {
                try await storeSize(cluster) > 50 << 20
            } otherwise: {
                cluster.trainer.log
            }
            let relay = try await cluster.restartRelay()
            let output = try await persist.output(within: .seconds(60))
            #expect(output.status == 0, "\(output)\n\(relay.log)")
            let receipt = try #require(try output.persisted().first)
            #expect(receipt.generation == 1 && receipt.bytes == LargeFile.size)
            let expected = try await shell("sha256sum < '\(large.path)' | cut -d' ' -f1", in: "/")
            #expect(receipt.digest + "\n" == expected)
        }
    }

    @Test("--within bounds it: 75, and the sentence names the path")
    func within() async throws {
        try await Cluster.run(files) { cluster in
            cluster.relay.program.send(SIGSTOP)
            let output = try await cluster.trainer.baton("persist", "--within", "2")
            cluster.relay.program.send(SIGCONT)
            #expect(output.status == 75 && output.stderr.contains("lit://outputs"), "\(output)")
        }
    }

    @Test(
        "What cannot be asked is a usage error, 64, before anything is sent",
        arguments: [["--within", "0"], ["lit://x?"]])
    func usage(_ arguments: [String]) async throws {
        let folder = try TemporaryFolder()
        let answer = try await Program([Program.ours("baton"), "persist"] + arguments, in: folder.path).output()
        #expect(answer.status == 64 && !answer.stderr.isEmpty, "\(answer)")
    }
}
