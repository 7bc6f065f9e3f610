import Testing

@Suite("exists, stat, ls, share and ping answer about the origin, now", .timeLimit(.patientMinutes(30)))
struct QuestionTests {
    private let files = """
        mkdir -p outputs/empty; printf hello > outputs/greeting; chmod 640 outputs/greeting
        ln -s greeting outputs/link; touch -d '2024-02-29T12:34:56.123456789Z' outputs/greeting
        """

    @Test("exists says yes with exit status 0 for a file, a directory and the declared path itself")
    func existsYes() async throws {
        try await Cluster.run(files) { cluster in
            for path in ["outputs", "outputs/greeting", "outputs/empty", "outputs/link"] {
                let answer = try await cluster.deploy.baton("exists", "lit://trainer@\(path)")
                #expect(answer.status == 0 && answer.stdout == "yes (live)\n", "\(path): \(answer)")
            }
        }
    }

    @Test("exists says no with exit status 1, and yes once the file is there")
    func existsNo() async throws {
        try await Cluster.run(files) { cluster in
            let before = try await cluster.deploy.baton("exists", "lit://trainer@outputs/later")
            #expect(before.status == 1 && before.stdout == "no\n", "\(before)")
            try await shell("touch outputs/later", in: cluster.trainer.root)
            let after = try await cluster.deploy.baton("exists", "lit://trainer@outputs/later")
            #expect(after.status == 0, "\(after)")
        }
    }

    @Test("A declared path need not exist: exists says no")
    func declaredButMissing() async throws {
        try await Cluster.run("true") { cluster in
            let answer = try await cluster.deploy.baton("exists", "lit://trainer@outputs")
            #expect(answer.status == 1, "\(answer)")
        }
    }

    @Test("stat tells kind, size, mode and mtime to the nanosecond")
    func stat() async throws {
        try await Cluster.run(files) { cluster in
            let file = try await cluster.deploy.baton("stat", "lit://trainer@outputs/greeting", "--json").json()
            #expect(file["kind"] as? String == "file")
            #expect(file["bytes"] as? Int == 5)
            #expect(file["mode"] as? String == "0640")
            #expect(file["mtime"] as? String == "2024-02-29T12:34:56.123456789Z")
            #expect(file["source"] as? String == "live")
            let tree = try await cluster.deploy.baton("stat", "lit://trainer@outputs", "--json").json()
            #expect(tree["kind"] as? String == "directory")
            #expect(tree["files"] as? Int == 1 && tree["bytes"] as? Int == 5)
        }
    }

    @Test("A time that no file has is shown as far as that goes", arguments: [Int64.min, Int64.max, -1])
    func oddTime(_ seconds: Int64) async throws {
        try await Cluster.run { cluster in
            let origin = try await cluster.peer()
            _ = try await origin.greet()
            let question = try cluster.deploy.start(["stat", "--json", "lit://third@file"])
            let stream = try await origin.frame(RawFrame.stat).stream
            origin.send(.statReply(modified: seconds, stream: stream))
            let answer = try await question.output()
            #expect(answer.status == 0, "\(answer)")
            if seconds == -1 {
                #expect(try answer.json()["mtime"] as? String == "1969-12-31T23:59:59.000000000Z")
            }
        }
    }

    @Test("stat --digest of a file is what sha256sum says")
    func fileDigest() async throws {
        try await Cluster.run(files) { cluster in
            let answer = try await cluster.deploy.baton("stat", "lit://trainer@outputs/greeting", "--digest", "--json")
                .json()
            let expected = try await shell("sha256sum < outputs/greeting | cut -d' ' -f1", in: cluster.trainer.root)
            #expect((answer["digest"] as? String).map { $0 + "\n" } == expected)
        }
    }

    @Test("stat --digest of a tree is what standard tools compute after chapter 11")
    func treeDigest() async throws {
        try await Cluster.run(files) { cluster in
            let answer = try await cluster.deploy.baton("stat", "lit://trainer@outputs", "--digest", "--json").json()
            let expected = try await shell(
                """
                empty=$(printf '' | sha256sum | cut -d' ' -f1); content=$(sha256sum < greeting | cut -d' ' -f1)
                target=$(printf greeting | sha256sum | cut -d' ' -f1); mode=$(stat -c %a empty)
                printf 'd 0%s %s empty\\0f 0640 %s greeting\\0l 0777 %s link\\0' $mode $empty $content $target |
                    sha256sum | cut -d' ' -f1
                """, in: cluster.trainer.root + "/outputs")
            #expect((answer["digest"] as? String).map { $0 + "\n" } == expected)
        }
    }

    @Test("ls lists the names of a directory in byte order, directories with a slash")
    func list() async throws {
        try await Cluster.run(files + "\ntouch outputs/Z outputs/é") { cluster in
            let answer = try await cluster.deploy.baton("ls", "lit://trainer@outputs")
            #expect(answer.stdout == "Z\nempty/\ngreeting\nlink\né\n", "\(answer)")
        }
    }

    @Test("ls lists every name of a directory that is larger than one message")
    func listLong() async throws {
        try await Cluster.run("mkdir outputs; cd outputs; seq -f 'a-rather-long-name-%06g' 5000 | xargs touch") {
            cluster in
            let answer = try await cluster.deploy.baton("ls", "lit://trainer@outputs")
            let expected = try await shell("ls -1", in: cluster.trainer.root + "/outputs")
            #expect(answer.stdout == expected)
        }
    }

    @Test("ls of a file lists the file itself")
    func listFile() async throws {
        try await Cluster.run(files) { cluster in
            let answer = try await cluster.deploy.baton("ls", "lit://trainer@outputs/greeting")
            #expect(answer.stdout == "greeting\n", "\(answer)")
        }
    }

    @Test("A work can ask about its own paths without naming itself")
    func ownPath() async throws {
        try await Cluster.run(files) { cluster in
            let answer = try await cluster.trainer.baton("exists", "lit://outputs/greeting")
            #expect(answer.status == 0, "\(answer)")
        }
    }

    @Test("share makes a path available from then on, and names it with its origin")
    func share() async throws {
        try await Cluster.run("mkdir outputs; echo 1 > extra") { cluster in
            let before = try await cluster.deploy.baton("exists", "lit://trainer@extra")
            #expect(before.status == 77, "\(before)")
            let shared = try await cluster.trainer.baton("share", "lit://extra")
            #expect(shared.status == 0 && shared.stdout == "lit://trainer@extra\n", "\(shared)")
            let after = try await cluster.deploy.baton("exists", "lit://trainer@extra")
            #expect(after.status == 0, "\(after)")
        }
    }

    @Test("share takes a path of the file system, relative to the caller's working directory")
    func shareRelative() async throws {
        try await Cluster.run("mkdir -p outputs deep/er; touch deep/er/file") { cluster in
            let shared = try await cluster.trainer.start(["share", "er/../er"], in: cluster.trainer.root + "/deep")
                .output()
            #expect(shared.stdout == "lit://trainer@deep/er\n", "\(shared)")
            let answer = try await cluster.deploy.baton("exists", "lit://trainer@deep/er/file")
            #expect(answer.status == 0, "\(answer)")
        }
    }

    @Test("ping reaches the relay, and a work by way of the relay")
    func ping() async throws {
        try await Cluster.run { cluster in
            let relay = try await cluster.deploy.baton("ping")
            #expect(relay.status == 0 && relay.stdout.hasPrefix("the relay answered in "), "\(relay)")
            let work = try await cluster.deploy.baton("ping", "trainer")
            #expect(work.status == 0 && work.stdout.hasPrefix("work 'trainer' answered in "), "\(work)")
        }
    }

    @Test("ping of a work that is away ends with 69 and names it")
    func pingAway() async throws {
        try await Cluster.run { cluster in
            let answer = try await cluster.deploy.baton("ping", "nobody")
            #expect(answer.status == 69 && answer.stderr.contains("'nobody'"), "\(answer)")
        }
    }

    @Test("A symbolic link below a declared path leads to its target as long as it stays beneath")
    func linkBeneath() async throws {
        try await Cluster.run("mkdir outputs; echo last > outputs/epoch=9; ln -s epoch=9 outputs/last") { cluster in
            let answer = try await cluster.deploy.baton("stat", "lit://trainer@outputs/last", "--json").json()
            #expect(answer["kind"] as? String == "file" && answer["bytes"] as? Int == 5, "\(answer)")
        }
    }

    @Test("A symbolic link that leaves the declared path is not shared")
    func linkOutside() async throws {
        try await Cluster.run("mkdir outputs; echo secret > secret; ln -s ../secret outputs/leak") { cluster in
            let answer = try await cluster.deploy.baton("stat", "lit://trainer@outputs/leak")
            #expect(answer.status == 77 && answer.stderr.contains("outputs/leak"), "\(answer)")
        }
    }

    @Test("The agent's own folder is never served, though the root is shared")
    func ownFolder() async throws {
        try await Cluster.run(shares: ["."], "echo 1 > visible") { cluster in
            let visible = try await cluster.deploy.baton("exists", "lit://trainer@visible")
            #expect(visible.status == 0, "\(visible)")
            let hidden = try await cluster.deploy.baton("exists", "lit://trainer@.baton/agent.sock")
            #expect(hidden.status == 77, "\(hidden)")
            let listing = try await cluster.deploy.baton("ls", "lit://trainer@.")
            #expect(listing.stdout == "visible\n", "\(listing)")
        }
    }
}
