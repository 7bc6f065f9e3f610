import Foundation
import Testing

@Suite("A get that fails says why, and the destination is as it was", .timeLimit(.patientMinutes(30)))
struct DestinationTests {
    /// Whether the destination `copy`, made beforehand, and the directory it lies in are untouched.
    private func expectUntouched(_ agent: Agent, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let state = try await shell("cat copy; ls -A", in: agent.root)
        #expect(state == "old\n.baton\ncopy\n", sourceLocation: sourceLocation)
        try await expectNothingLeft(in: agent, sourceLocation: sourceLocation)
    }

    private func refuses(
        _ arguments: [String], _ status: CInt, _ words: [String],
        files: String = "mkdir outputs; echo 1 > outputs/file",
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await Cluster.run(files) { cluster in
            try await shell("echo old > copy", in: cluster.deploy.root)
            let answer = try await cluster.deploy.start(["get"] + arguments).output()
            #expect(answer.status == status, "\(answer)", sourceLocation: sourceLocation)
            for word in words { #expect(answer.stderr.contains(word), "\(answer)", sourceLocation: sourceLocation) }
            try await expectUntouched(cluster.deploy, sourceLocation: sourceLocation)
        }
    }

    @Test("A path that is not there: 66, and the sentence names it")
    func missing() async throws {
        try await refuses(["lit://trainer@outputs/none", "copy", "--overwrite"], 66, ["outputs/none"])
    }

    @Test("A path that is not declared: 77, and the sentence names it")
    func undeclared() async throws {
        try await refuses(["lit://trainer@secret", "copy", "--overwrite"], 77, ["'secret'"], files: "echo 1 > secret")
    }

    @Test("A work that is away: 69, and the sentence names work and path")
    func away() async throws {
        try await refuses(["lit://nobody@outputs/file", "copy", "--overwrite"], 69, ["'nobody'", "outputs/file"])
    }

    @Test("A destination that exists: 73, and the sentence names it and --overwrite")
    func exists() async throws {
        try await refuses(["lit://trainer@outputs/file", "copy"], 73, ["copy", "--overwrite"])
    }

    @Test("A dangling link at the destination counts as existing")
    func danglingLink() async throws {
        try await Cluster.run("mkdir outputs; echo 1 > outputs/file") { cluster in
            try await shell("ln -s nowhere link", in: cluster.deploy.root)
            let answer = try await cluster.deploy.baton("get", "lit://trainer@outputs/file", "link")
            #expect(answer.status == 73, "\(answer)")
            #expect(try await shell("readlink link", in: cluster.deploy.root) == "nowhere\n")
        }
    }

    @Test("A destination below a file: 73")
    func belowFile() async throws {
        try await refuses(["lit://trainer@outputs/file", "copy/inside"], 73, ["copy/inside"])
    }

    @Test(
        "The work's root, what holds it, Baton's folder and a mount point are refused even with --overwrite",
        arguments: ["ROOT", "PARENT", "ROOT/.baton", "ROOT/.baton/stages", "/proc"])
    func refused(_ destination: String) async throws {
        try await Cluster.run("mkdir outputs; echo 1 > outputs/file") { cluster in
            try await shell("echo old > copy", in: cluster.deploy.root)
            let path = destination.replacing("ROOT", with: cluster.deploy.root).replacing(
                "PARENT", with: cluster.folder.path)
            let answer = try await cluster.deploy.baton("get", "--overwrite", "lit://trainer@outputs/file", path)
            #expect(answer.status == 73 && answer.stderr.contains("'\(path)'"), "\(answer)")
            try await expectUntouched(cluster.deploy)
        }
    }

    @Test("A file that its agent may not read fails the get of its tree and is named")
    func unreadable() async throws {
        try await Cluster.run { cluster in
            let third = try cluster.agent("third", flags: ["--share", "outputs"])
            try await third.ready()
            try await shell("mkdir outputs; echo 1 > outputs/a; echo 1 > outputs/b; chmod 0 outputs/b", in: third.root)
            try await shell("echo old > copy", in: cluster.deploy.root)
            let answer = try await cluster.deploy.baton("get", "--overwrite", "lit://third@outputs", "copy")
            #expect(answer.status == 77 && answer.stderr.contains("outputs/b"), "\(answer)")
            try await expectUntouched(cluster.deploy)
        }
    }

    @Test("A directory that may not be written: 77 names the destination")
    func unwritable() async throws {
        try await Cluster.run("mkdir outputs; echo 1 > outputs/file") { cluster in
            let third = try cluster.agent("third")
            try await third.ready()
            try await shell("mkdir locked; chmod 555 locked", in: third.root)
            let answer = try await third.baton("get", "lit://trainer@outputs/file", "locked/copy")
            #expect(answer.status == 77 && answer.stderr.contains("locked/copy"), "\(answer)")
            #expect(try await leftovers(in: third).isEmpty)
        }
    }

    @Test("A read-only destination: an error that names it, and nothing left behind")
    func readOnly() async throws {
        try await Cluster.run("mkdir outputs; echo 1 > outputs/file") { cluster in
            let third = try await SmallDisk.agent("third", in: cluster, options: "size=1m,ro")
            let answer = try await third.baton("get", "lit://trainer@outputs/file", "disk/copy")
            #expect([73, 77].contains(answer.status) && answer.stderr.contains("disk/copy"), "\(answer)")
            #expect(try await leftovers(in: third).isEmpty)
            #expect(try await SmallDisk.listing(of: third).isEmpty)
        }
    }

    @Test("A full disk: 73 names the destination, the old content is intact and nothing is left behind")
    func fullDisk() async throws {
        try await Cluster.run("mkdir outputs; head -c 20000000 /dev/urandom > outputs/file") { cluster in
            let third = try await SmallDisk.agent("third", in: cluster, options: "size=4m")
            try await shell("echo old > outputs/old", in: cluster.trainer.root)
            let first = try await third.baton("get", "lit://trainer@outputs/old", "disk/copy")
            #expect(first.status == 0, "\(first)")
            let answer = try await third.baton("get", "--overwrite", "lit://trainer@outputs/file", "disk/copy")
            #expect(answer.status == 73 && answer.stderr.contains("disk/copy"), "\(answer)")
            #expect(try await SmallDisk.listing(of: third) == "copy\n")
            #expect(try await shell("cat '\(SmallDisk.place(of: third))/copy'", in: "/") == "old\n")
            #expect(try await leftovers(in: third).isEmpty)
        }
    }

    @Test("After a get has failed for want of space, a smaller one succeeds")
    func afterFullDisk() async throws {
        try await Cluster.run(
            "mkdir outputs; head -c 9000000 /dev/zero | tr '\\0' x > outputs/large; echo small > outputs/small"
        ) {
            cluster in
            let third = try await SmallDisk.agent("third", in: cluster, options: "size=2m")
            let large = try await third.baton("get", "lit://trainer@outputs", "disk/copy")
            #expect(large.status == 73, "\(large)")
            let small = try await third.baton("get", "lit://trainer@outputs/small", "disk/copy")
            #expect(small.status == 0, "\(small)")
        }
    }
}

/// An agent with a small file system at `ROOT/disk`, in a mount namespace of its own: it goes with the agent, and takes no
/// more rights than the tests have.
enum SmallDisk {
    static func agent(_ work: String, in cluster: Cluster, options: String) async throws -> Agent {
        let root = cluster.folder.path("small-\(work)")
        try await shell("mkdir -p '\(root)/disk'", in: "/")
        let agent = try cluster.agent(work, root: root, prefix: prefix(options, at: root + "/disk"))
        try await agent.ready()
        return agent
    }

    /// What stands before a program that has the file system at `place`.
    static func prefix(_ options: String, at place: String) -> [String] {
        let script = #"mount -t tmpfs -o "$1" small "$2" && shift 2 && exec "$@""#
        let rights = geteuid() == 0 ? [] : ["--user", "--map-root-user"]
        return ["unshare", "--mount"] + rights + ["/bin/sh", "-c", script, "sh", options, place]
    }

    /// The small file system, as seen from here.
    static func place(of agent: Agent) -> String { "/proc/\(agent.program.pid)/root\(agent.root)/disk" }

    static func listing(of agent: Agent) async throws -> String {
        try await shell("ls -A '\(place(of: agent))'", in: "/")
    }
}
