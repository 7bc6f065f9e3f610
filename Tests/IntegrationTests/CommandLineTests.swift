import Foundation
import Testing

@Suite("The command line keeps its words", .timeLimit(.patientMinutes(30)))
struct CommandLineTests {
    private let files = "mkdir outputs; echo 1 > outputs/file; ln -s file outputs/link"

    // MARK: JSON

    @Test(
        "--json prints one object with exactly these keys",
        arguments: [
            (["exists", "lit://trainer@outputs/file"], ["path", "origin", "exists", "source"]),
            (
                ["stat", "lit://trainer@outputs/file"],
                ["path", "origin", "kind", "bytes", "files", "mode", "mtime", "source"]
            ),
            (
                ["stat", "--digest", "lit://trainer@outputs"],
                ["path", "origin", "kind", "bytes", "files", "mode", "mtime", "source", "digest"]
            ),
            (["ls", "lit://trainer@outputs"], ["path", "entries", "source"]),
            (["share", "lit://more"], ["path", "origin", "exists"]),
            (["ping"], ["milliseconds"]),
            (["ping", "trainer"], ["work", "milliseconds"]),
        ])
    func keys(_ arguments: [String], _ keys: [String]) async throws {
        try await Cluster.run(files) { cluster in
            let answer = try await cluster.deploy.start(arguments + ["--json"]).output().json()
            #expect(Set(answer.keys) == Set(keys))
        }
    }

    @Test("The object of get has at least the keys of the design, with these values")
    func getKeys() async throws {
        try await Cluster.run(files) { cluster in
            let answer = try await cluster.deploy.baton("get", "--json", "lit://trainer@outputs/file", "a b").json()
            let promised = [
                "path", "origin", "destination", "kind", "bytes", "files", "seconds", "source", "resumed_bytes",
                "skipped", "atomic",
            ]
            #expect(Set(answer.keys) == Set(promised + ["skipped_count"]))
            #expect(answer["path"] as? String == "lit://trainer@outputs/file")
            #expect(answer["origin"] as? String == "trainer")
            #expect(answer["destination"] as? String == cluster.deploy.root + "/a b")
            #expect(answer["kind"] as? String == "file")
            #expect(answer["bytes"] as? Int == 2 && answer["files"] as? Int == 1)
            #expect(answer["source"] as? String == "live")
            #expect(answer["resumed_bytes"] as? Int == 0)
            #expect((answer["skipped"] as? [Any])?.isEmpty == true)
            #expect(answer["atomic"] as? Bool == true)
        }
    }

    @Test(
        "A usage error under --json is an object on stdout, too",
        arguments: [
            ["get", "--json", "no reference"], ["--json", "get"], ["exists", "lit://a@b", "--json", "--wrong"],
        ])
    func jsonUsageError(_ arguments: [String]) async throws {
        try await Cluster.run(files) { cluster in
            let answer = try await cluster.deploy.start(arguments).output()
            #expect(answer.status == 64, "\(answer)")
            let error = try #require(try answer.json()["error"] as? [String: Any], "\(answer)")
            #expect(error["code"] as? String == "usage" && error["said_by"] as? String == "local", "\(answer)")
        }
    }

    @Test("An error under --json is an object on stdout: code, message, path and who said it; the status stays")
    func jsonError() async throws {
        try await Cluster.run(files) { cluster in
            let cases: [(path: String, status: CInt, code: String, saidBy: String)] = [
                ("lit://trainer@outputs/none", 66, "notFound", "owner"),
                ("lit://trainer@secret", 77, "notShared", "owner"),
                ("lit://nobody@outputs", 69, "unreachable", "relay"),
            ]
            for expected in cases {
                let answer = try await cluster.deploy.baton("--json", "stat", expected.path)
                #expect(answer.status == expected.status)
                let error = try #require(try answer.json()["error"] as? [String: String])
                #expect(Set(error.keys) == ["code", "message", "path", "said_by"])
                #expect(error["code"] == expected.code)
                #expect(error["path"] == expected.path)
                #expect(error["said_by"] == expected.saidBy)
            }
        }
    }

    @Test("exists under --json says no with an object, not with an error")
    func jsonNo() async throws {
        try await Cluster.run(files) { cluster in
            let answer = try await cluster.deploy.baton("exists", "--json", "lit://trainer@outputs/none")
            #expect(answer.status == 1)
            #expect(try answer.json()["exists"] as? Bool == false)
        }
    }

    // MARK: Flags and the way to the agent

    @Test("Global flags stand before or after the subcommand")
    func flags() async throws {
        try await Cluster.run(files) { cluster in
            let elsewhere = cluster.folder.path
            let question = ["exists", "lit://trainer@outputs"]
            let flags = ["--json", "--socket", cluster.deploy.socket]
            for arguments in [flags + question, question + flags, ["--json"] + question + flags.dropFirst()] {
                let answer = try await cluster.deploy.start(arguments, in: elsewhere).output()
                #expect(try answer.json()["exists"] as? Bool == true, "\(arguments): \(answer)")
            }
        }
    }

    @Test("baton finds the agent by $BATON_SOCKET")
    func socketVariable() async throws {
        try await Cluster.run(files) { cluster in
            let answer = try await cluster.deploy.start(
                ["exists", "lit://outputs/file"], in: "/", environment: ["BATON_SOCKET": cluster.trainer.socket]
            ).output()
            #expect(answer.status == 0, "\(answer)")
        }
    }

    @Test("baton finds the agent from a directory below the work's root")
    func socketAbove() async throws {
        try await Cluster.run(files + "; mkdir -p deep/er") { cluster in
            let answer = try await cluster.trainer.start(
                ["exists", "lit://outputs/file"], in: cluster.trainer.root + "/deep/er"
            ).output()
            #expect(answer.status == 0, "\(answer)")
        }
    }

    @Test("Without an agent baton ends with 69 and says how to name one")
    func noAgent() async throws {
        let folder = try TemporaryFolder()
        let answer = try await Program([Program.ours("baton"), "ping"], in: folder.path).output()
        #expect(answer.status == 69 && answer.stderr.contains("--socket"), "\(answer)")
        let named = try await Program([Program.ours("baton"), "ping", "--socket", folder.path("none.sock")]).output()
        #expect(named.status == 69 && named.stderr.contains("none.sock"), "\(named)")
    }

    @Test("$BATON_JSON stands for --json")
    func jsonVariable() async throws {
        try await Cluster.run(files) { cluster in
            let answer = try await cluster.deploy.start(["ping"], environment: ["BATON_JSON": "1"]).output()
            #expect(try answer.json()["milliseconds"] != nil)
        }
    }

    @Test("Every flag of the daemons has an environment variable")
    func daemonVariables() async throws {
        try await Cluster.run { cluster in
            let root = cluster.folder.path("third")
            try await shell("mkdir -p '\(root)/data'", in: "/")
            let agent = try Program(
                [Program.ours("baton-agent")],
                environment: [
                    "BATON_RELAY": cluster.relay.address, "BATON_CERTS": cluster.certificates.work("third"),
                    "BATON_ROOT": root, "BATON_SHARE": "data\nlit://more",
                    "BATON_SOCKET": cluster.folder.path("third.sock"),
                ])
            #expect(try await readyLine(of: agent) { agent.stdout } == cluster.folder.path("third.sock"))
            let answer = try await cluster.deploy.baton("exists", "lit://third@data")
            #expect(answer.status == 0, "\(answer)")
            let relay = try Program(
                [Program.ours("baton-relay")],
                environment: [
                    "BATON_LISTEN": "127.0.0.1:0", "BATON_CERTS": cluster.certificates.relay,
                    "BATON_STORE": cluster.folder.path("store-2"),
                ])
            _ = try await readyLine(of: relay) { relay.stdout }
        }
    }

    // MARK: Usage

    @Test(
        "What cannot be asked is a usage error, 64, before anything is sent",
        arguments: [
            ["exists"], ["frobnicate"], ["exists", "outputs/file"], ["exists", "lit://trainer@"],
            ["exists", "lit://trainer@../above"], ["exists", "lit://trainer@a/%2E%2E/%2e%2e"],
            ["exists", "lit://trainer@a?b"], ["exists", "lit://trainer@a%"], ["exists", "lit://trainer@a%00b"],
            ["exists", "lit://trainer@a%2Fb"], ["exists", "lit://no such work@a"], ["get", "lit://trainer@a", ""],
            ["share", "lit://trainer@a"], ["share", ""], ["ping", ".."], ["ping", "--timeout", "0"],
            ["exists", "--nonsense", "lit://a"],
        ])
    func usage(_ arguments: [String]) async throws {
        // No agent is there: whoever asked one would end with 69.
        let folder = try TemporaryFolder()
        let answer = try await Program([Program.ours("baton")] + arguments, in: folder.path).output()
        #expect(answer.status == 64 && !answer.stderr.isEmpty, "\(arguments): \(answer)")
    }

    @Test("A word that is not UTF-8 is a usage error that shows how to write it")
    func notText() async throws {
        let folder = try TemporaryFolder()
        let script = "\(try Program.ours("baton")) exists lit://trainer@$(printf '\\377')"
        let answer = try await Program(["/bin/sh", "-c", script], in: folder.path).output()
        #expect(answer.status == 64 && answer.stderr.contains("lit://trainer@%FF"), "\(answer)")
    }

    @Test(
        "A variable that makes no sense is a usage error, as the flag would be",
        arguments: [("BATON_TIMEOUT", "soon"), ("BATON_JSON", "maybe"), ("BATON_QUIET", "perhaps")])
    func variables(_ name: String, _ value: String) async throws {
        let folder = try TemporaryFolder()
        let answer = try await Program(
            [Program.ours("baton"), "ping"], environment: [name: value], in: folder.path
        ).output()
        #expect(answer.status == 64 && answer.stderr.contains(name), "\(answer)")
    }

    @Test("get --quiet prints where the copy lies, as the shell can use it, and nothing else")
    func quietGet() async throws {
        try await Cluster.run(files) { cluster in
            let answer = try await cluster.deploy.baton("get", "--quiet", "lit://trainer@outputs/file", "50%")
            #expect(answer.stdout == cluster.deploy.root + "/50%\n" && answer.stderr.isEmpty, "\(answer)")
        }
    }

    @Test("get of a path of the very work is a usage error")
    func ownGet() async throws {
        try await Cluster.run(files) { cluster in
            for reference in ["lit://outputs/file", "lit://trainer@outputs/file"] {
                let answer = try await cluster.trainer.baton("get", reference, "copy")
                #expect(answer.status == 64, "\(answer)")
            }
        }
    }

    @Test(
        "A daemon without what it needs ends with 64 and names flag and variable",
        arguments: [
            ("baton-relay", ["--certs", "x", "--store", "y"], ["--listen", "BATON_LISTEN"]),
            ("baton-relay", ["--listen", "127.0.0.1:0", "--store", "y"], ["--certs", "BATON_CERTS"]),
            ("baton-relay", ["--listen", "nonsense", "--certs", "x", "--store", "y"], ["nonsense"]),
            ("baton-agent", ["--certs", "x", "--root", "y"], ["--relay", "BATON_RELAY"]),
            ("baton-agent", ["--relay", "localhost:1", "--certs", "x"], ["--root", "BATON_ROOT"]),
            ("baton-agent", ["--relay", "localhost:1", "--root", "y"], ["--certs", "BATON_CERTS"]),
        ])
    func daemonUsage(_ name: String, _ arguments: [String], _ words: [String]) async throws {
        let folder = try TemporaryFolder()
        let answer = try await Program([Program.ours(name)] + arguments, in: folder.path).output()
        #expect(answer.status == 64, "\(answer)")
        for word in words { #expect(answer.stderr.contains(word), "\(answer)") }
    }

    @Test(
        "Each program tells its version and its help with status 0", arguments: ["baton", "baton-agent", "baton-relay"])
    func help(_ name: String) async throws {
        for flag in ["--help", "--version"] {
            let answer = try await Program([Program.ours(name), flag]).output()
            #expect(answer.status == 0 && !answer.stdout.isEmpty, "\(answer)")
        }
    }
}
