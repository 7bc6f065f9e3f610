import Foundation
import Testing

@Suite("get copies what is at a path to this machine", .timeLimit(.patientMinutes(30)))
struct GetTests {
    private let file = "mkdir outputs; echo content > outputs/file"
    private let tree = """
        mkdir -p outputs/tree/sub/empty; echo 1 > outputs/tree/one; echo 2 > outputs/tree/sub/two
        chmod 600 outputs/tree/one; chmod 750 outputs/tree/sub; ln -s sub/two outputs/tree/link
        touch -d '2020-01-02T03:04:05.678901234Z' outputs/tree/one outputs/tree/sub
        """

    @Test("A file arrives in the agent's own place, with its mode and mtime")
    func file() async throws {
        try await Cluster.run(file + "\nchmod 741 outputs/file; touch -d @1234567890.123456789 outputs/file") {
            cluster in
            let answer = try await cluster.deploy.baton("get", "lit://trainer@outputs/file")
            #expect(answer.status == 0, "\(answer)")
            let copy = cluster.deploy.from("trainer", "outputs/file")
            #expect(
                try await shell("cat '\(copy)'; stat -c '%a %.9Y' '\(copy)'", in: "/")
                    == "content\n741 1234567890.123456789\n")
        }
    }

    @Test("A tree arrives whole: content, modes, times, links and empty directories")
    func tree() async throws {
        try await Cluster.run(tree) { cluster in
            let answer = try await cluster.deploy.baton("get", "lit://trainer@outputs/tree")
            #expect(answer.status == 0, "\(answer)")
            try await expectSame(cluster.trainer.root + "/outputs/tree", cluster.deploy.from("trainer", "outputs/tree"))
        }
    }

    @Test("Two producers never overwrite each other")
    func producers() async throws {
        try await Cluster.run(file) { cluster in
            let third = try cluster.agent("third", flags: ["--share", "outputs"])
            try await third.ready()
            try await shell("mkdir outputs; echo other > outputs/file", in: third.root)
            for origin in ["trainer", "third"] {
                let answer = try await cluster.deploy.baton("get", "lit://\(origin)@outputs/file")
                #expect(answer.status == 0, "\(answer)")
            }
            #expect(try await contents(cluster.deploy.from("trainer", "outputs/file")) == "content\n")
            #expect(try await contents(cluster.deploy.from("third", "outputs/file")) == "other\n")
        }
    }

    @Test("An absolute path lies below %2F in the agent's own place")
    func absolute() async throws {
        try await Cluster.run(file) { cluster in
            let path = cluster.trainer.root + "/elsewhere"
            try await shell("echo far > elsewhere", in: cluster.trainer.root)
            let other = try cluster.agent("third", flags: ["--share", path])
            try await other.ready()
            let answer = try await cluster.deploy.baton("get", "lit://third@\(path)")
            #expect(answer.status == 0, "\(answer)")
            #expect(try await contents(cluster.deploy.from("third", "%2F") + path) == "far\n")
        }
    }

    @Test("DEST is relative to the caller's working directory and names the copy itself")
    func destination() async throws {
        try await Cluster.run(file) { cluster in
            try await shell("mkdir here", in: cluster.deploy.root)
            let here = cluster.deploy.root + "/here"
            let answer = try await cluster.deploy.start(["get", "lit://trainer@outputs/file", "new/name"], in: here)
                .output()
            #expect(answer.status == 0, "\(answer)")
            #expect(try await contents(here + "/new/name") == "content\n")
        }
    }

    @Test(
        "DEST with a slash at its end, . and .. mean inside it, under the source's name",
        arguments: ["sub/", ".", "..", "./", "sub/.."])
    func inside(_ destination: String) async throws {
        try await Cluster.run(file) { cluster in
            try await shell("mkdir -p here/sub", in: cluster.deploy.root)
            let here = cluster.deploy.root + "/here"
            let answer = try await cluster.deploy.start(["get", "lit://trainer@outputs/file", destination], in: here)
                .output()
            #expect(answer.status == 0, "\(answer)")
            #expect(try await contents("\(here)/\(destination)/file") == "content\n")
        }
    }

    @Test("--overwrite replaces what is there: a file by a file, a tree by a tree, one by the other")
    func overwrite() async throws {
        try await Cluster.run(tree) { cluster in
            try await shell("mkdir -p old/inner; echo old > old/inner/file; echo old > plain", in: cluster.deploy.root)
            for (path, destination) in [("tree", "old"), ("tree/one", "plain"), ("tree/one", "old"), ("tree", "plain")]
            {
                let answer = try await cluster.deploy.baton(
                    "get", "--overwrite", "lit://trainer@outputs/\(path)", destination)
                #expect(answer.status == 0, "\(answer)")
                try await expectSame(cluster.trainer.root + "/outputs/" + path, cluster.deploy.root + "/" + destination)
                try await expectNothingLeft(in: cluster.deploy)
            }
        }
    }

    @Test("get always transfers: what has changed at the origin arrives the second time")
    func again() async throws {
        try await Cluster.run(file) { cluster in
            let arguments = ["get", "lit://trainer@outputs/file", "copy", "--overwrite"]
            #expect(try await cluster.deploy.start(arguments).output().status == 0)
            try await shell("echo changed > outputs/file", in: cluster.trainer.root)
            #expect(try await cluster.deploy.start(arguments).output().status == 0)
            #expect(try await contents(cluster.deploy.root + "/copy") == "changed\n")
        }
    }

    @Test("A symbolic link at the destination is replaced, not followed")
    func linkAtDestination() async throws {
        try await Cluster.run(file) { cluster in
            try await shell("echo precious > precious; ln -s precious copy", in: cluster.deploy.root)
            let answer = try await cluster.deploy.baton("get", "--overwrite", "lit://trainer@outputs/file", "copy")
            #expect(answer.status == 0, "\(answer)")
            #expect(
                try await shell("cat precious copy; test ! -L copy", in: cluster.deploy.root) == "precious\ncontent\n")
        }
    }

    @Test("What cannot be carried is skipped and listed: sockets and FIFOs")
    func skipped() async throws {
        try await Cluster.run(tree + "\nmkfifo outputs/tree/fifo") { cluster in
            let answer = try await cluster.deploy.baton("get", "lit://trainer@outputs/tree", "copy", "--json").json()
            let skipped = answer["skipped"] as? [[String: String]]
            #expect(skipped?.map { $0["path"] } == ["fifo"], "\(answer)")
            #expect(try await shell("ls copy", in: cluster.deploy.root) == "link\none\nsub\n")
        }
    }

    @Test("Set-user-id, set-group-id and sticky bits do not travel")
    func specialBits() async throws {
        try await Cluster.run("mkdir outputs; echo 1 > outputs/file; chmod 6755 outputs/file; chmod 1777 outputs") {
            cluster in
            let answer = try await cluster.deploy.baton("get", "lit://trainer@outputs", "copy")
            #expect(answer.status == 0, "\(answer)")
            #expect(try await shell("stat -c %a copy copy/file", in: cluster.deploy.root) == "777\n755\n")
        }
    }

    @Test("Many gets at once each arrive whole")
    func manyAtOnce() async throws {
        try await Cluster.run("mkdir outputs; head -c 3000000 /dev/urandom > outputs/file") { cluster in
            let gets = try (0..<8).map { try cluster.deploy.start(["get", "lit://trainer@outputs/file", "copy\($0)"]) }
            for get in gets {
                let answer = try await get.output()
                #expect(answer.status == 0, "\(answer)")
            }
            try await shell("for n in $(seq 0 7); do cmp copy$n ../trainer/outputs/file; done", in: cluster.deploy.root)
        }
    }

    @Test("Two gets to one destination at once: one of them is refused, the other arrives whole")
    func sameDestination() async throws {
        try await Cluster.run("mkdir outputs; head -c 30000000 /dev/urandom > outputs/file") { cluster in
            let arguments = ["get", "--overwrite", "lit://trainer@outputs/file", "copy"]
            let gets = try (0..<2).map { _ in try cluster.deploy.start(arguments) }
            var statuses: Set<CInt> = []
            for get in gets { statuses.insert(try await get.output().status) }
            #expect(statuses == [0] || statuses == [0, 75], "\(statuses)")
            try await shell("cmp copy ../trainer/outputs/file", in: cluster.deploy.root)
        }
    }

    @Test("exists is answered while a get of a large file runs")
    func existsMeanwhile() async throws {
        try await Cluster.run(shares: ["outputs", try await LargeFile.shared().path]) { cluster in
            let large = try await LargeFile.shared()
            let get = try cluster.deploy.start(["get", "lit://trainer@\(large.path)", "copy"])
            try await underWay(get, in: cluster.deploy)
            let answer = try await cluster.deploy.baton("exists", "lit://trainer@outputs")
            #expect(answer.status == 0, "\(answer)")
            #expect(get.isRunning, "the get was to take longer than the question")
            let got = try await get.output(within: .seconds(60))
            #expect(got.status == 0, "\(got)")
            try await shell("cmp copy '\(large.path)'", in: cluster.deploy.root)
        }
    }

    @Test("A small get does not wait for a large one's end: they share the lane")
    func small() async throws {
        let large = try await LargeFile.shared()
        let script = "mkdir outputs; head -c 1048576 /dev/urandom > outputs/small"
        try await Cluster.run(shares: ["outputs", large.path], script) { cluster in
            let get = try cluster.deploy.start(["get", "lit://trainer@\(large.path)", "large"])
            try await underWay(get, in: cluster.deploy)
            let answer = try await cluster.deploy.baton("get", "lit://trainer@outputs/small", "small")
            #expect(answer.status == 0, "\(answer)")
            #expect(get.isRunning, "the large get was to take longer than the small one")
            try await shell("cmp small ../trainer/outputs/small", in: cluster.deploy.root)
            let got = try await get.output(within: .seconds(60))
            #expect(got.status == 0, "\(got)")
            try await shell("cmp large '\(large.path)'", in: cluster.deploy.root)
        }
    }
}
