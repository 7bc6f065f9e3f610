import BatonProtocol
import Foundation
import SystemPackage
import Testing

@testable import BatonFiles

/// Where a get may put something.
@Suite struct DestinationTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    @Test func `the roots and everything of Baton's own are refused, overwrite or not`() throws {
        try bench.run("ln -s receiver/.baton around; mkdir receiver/sub; mkdir -p receiver/.baton/other/deep")
        let refused = [
            "/", "/.", "//", bench.receiverRoot, bench.receiverRoot + "/", bench.receiverRoot + "/sub/..", bench.top,
            bench.receiverRoot + "/sub/../../receiver", bench.receiverRoot + "/.baton",
            bench.receiverRoot + "/.baton/x",
            bench.receiverRoot + "/.baton/from", bench.receiverRoot + "/.baton/stages/x", bench.top + "/around/x/y",
            bench.receiverRoot + "/.baton/other/deep/x", bench.receiverRoot + "/sub/../.baton/agent.sock", "/proc",
            "/tmp",
            bench.receiverRoot + "/.baton-stage-0123456789abcdef0123456789abcdef",
        ].filter { $0 != "/tmp" || bench.top.hasPrefix("/tmp/") }
        for path in refused {
            for overwrite in [false, true] {
                let error = try #require(throws: BatonError.self) { try bench.writer(path, overwrite: overwrite) }
                // Without `overwrite` the first thing to say may be that it exists; never is it taken.
                #expect(error.code == .cannotCreate, "\(path): \(error)")
            }
        }
        #expect(
            try bench.run("ls -A receiver/.baton receiver/.baton/other/deep")
                == "receiver/.baton:\nfrom\nkept\nother\nstages\nswaps\n\nreceiver/.baton/other/deep:\n")
    }

    @Test func `a device or a FIFO is never replaced`() throws {
        try bench.run("mkfifo receiver/fifo; echo x > origin/file")
        try expectError(.cannotCreate) { try bench.get("file", to: bench.receiverRoot + "/fifo", overwrite: true) }
        #expect(try bench.run("stat -c %F receiver/fifo") == "fifo\n")
    }

    @Test func `a directory with a file system mounted below it is seen as such`() throws {
        let table = try MountTable()
        #expect(table.hasMount(below: []))
        #expect(!table.hasMount(below: Array(bench.top.utf8)))
        let mounts = try shell("cut -d' ' -f5 /proc/self/mountinfo").split(separator: "\n")
        for mount in mounts where mount.split(separator: "/").count > 1 && !mount.contains("\\") {
            let parent = FilePath(String(mount)).removingLastComponent()
            #expect(table.hasMount(below: Array(parent.string.utf8)))
        }
    }

    @Test func `a relative destination is a usage error`() throws {
        try expectError(.usage) { try bench.writer("relative/path") }
    }

    @Test func `the default place below .baton is allowed`() throws {
        let path = bench.receiver.localPath(origin: try WorkName("trainer"), path: try PathName("a/b"))
        #expect(path.string == bench.receiverRoot + "/.baton/from/trainer/a/b")
        let absolute = bench.receiver.localPath(origin: try WorkName("trainer"), path: try PathName("/data/x"))
        #expect(absolute.string == bench.receiverRoot + "/.baton/from/trainer/%2F/data/x")
        let whole = bench.receiver.localPath(origin: try WorkName("trainer"), path: .root)
        #expect(whole.string == bench.receiverRoot + "/.baton/from/trainer")
        try bench.run("echo x > origin/f")
        for path in [path, absolute] { try bench.get("f", to: path.string) }
        #expect(
            try bench.run("cat receiver/.baton/from/trainer/a/b receiver/.baton/from/trainer/%2F/data/x") == "x\nx\n")
    }

    @Test func `no relative path meets the place of an absolute one`() throws {
        for (path, place) in [("%2F/x", "%252F/x"), ("%", "%25"), ("a/%2F", "a/%2F")] {
            let copy = bench.receiver.localPath(origin: try WorkName("trainer"), path: try PathName(path.utf8))
            #expect(copy.string == bench.receiverRoot + "/.baton/from/trainer/" + place)
        }
    }

    @Test func `a link that another work sent leads no later get out of the default place`() throws {
        try bench.run("mkdir origin/tree outside; echo x > origin/f; ln -s \(bench.top)/outside origin/tree/link")
        let from = bench.receiverRoot + "/.baton/from/evil"
        try bench.get("tree", to: from + "/tree")
        try expectError(.cannotCreate) { try bench.get("f", to: from + "/tree/link/f") }
        #expect(try bench.run("ls outside") == "")
    }

    @Test func `a link at the destination is replaced, not followed; links above it are followed`() throws {
        try bench.run(
            "echo x > origin/f; mkdir real; echo precious > real/file; ln -s ../real/file receiver/link; ln -s ../real receiver/way"
        )
        try expectError(.alreadyExists) { try bench.writer(bench.receiverRoot + "/link") }
        try bench.get("f", to: bench.receiverRoot + "/link", overwrite: true)
        try bench.get("f", to: bench.receiverRoot + "/way/new")
        #expect(try bench.run("cat real/file receiver/link real/new; test ! -L receiver/link") == "precious\nx\nx\n")
    }

    @Test(arguments: ["file/x", "dangling/x", "loop/x"])
    func `what cannot be above a destination is named`(path: String) throws {
        try bench.run("cd receiver; : > file; ln -s nowhere dangling; ln -s loop loop")
        let error = try expectError(.cannotCreate) { try bench.writer(bench.receiverRoot + "/" + path) }
        #expect(error.message.contains(path))
    }

    @Test func `a directory that this user may not write is refused before anything moves`() throws {
        try bench.run("mkdir receiver/closed; chmod 555 receiver/closed")
        try bench.give()
        try asOrdinaryUser {
            try expectError(.permission) { try bench.writer(bench.receiverRoot + "/closed/copy") }
            try expectError(.permission) { try bench.writer(bench.receiverRoot + "/closed/a/b/copy") }
        }
    }

    @Test func `a name too long for the disk is refused`() throws {
        try expectError(.cannotCreate) {
            try bench.writer(bench.receiverRoot + "/" + String(repeating: "n", count: 256))
        }
    }

    @Test func `destinations that contain one another are one lock`() throws {
        try bench.run("mkdir -p receiver/real/deep; ln -s real receiver/link")
        let locks = DestinationLocks()
        func path(_ text: String) -> FilePath { FilePath(bench.receiverRoot + "/" + text) }
        do {
            let first = try locks.acquire(path("real/deep/copy"))
            for overlapping in [
                "real/deep/copy", "real/deep", "real", "real/deep/copy/below/it", "link/deep/copy", "link/deep/copy/x",
            ] {
                let error = try expectError(.busy) { try locks.acquire(path(overlapping)) }
                #expect(error.message.contains(path("real/deep/copy").string))
            }
            _ = try locks.acquire(path("real/deep/copy2"))
            _ = try locks.acquire(path("real/dee"))
            withExtendedLifetime(first) {}
        }
        _ = try locks.acquire(path("real"))
    }

    @Test("Who comes after a get that was cancelled waits for its end; one that goes on is in the way at once")
    func cancelled() async throws {
        let locks = DestinationLocks()
        var first: DestinationLocks.Lock? = try locks.acquire("/somewhere/copy")
        await #expect(throws: BatonError.self) {
            try await locks.acquire("/somewhere/copy/deeper", waitingForCancelled: .seconds(60))
        }
        first?.cancel()
        await #expect(throws: BatonError.self) {
            try await locks.acquire("/somewhere", waitingForCancelled: .milliseconds(20))
        }
        async let second = locks.acquire("/somewhere", waitingForCancelled: .seconds(60))
        try await Task.sleep(for: .milliseconds(20))
        if first != nil { first = nil }
        _ = try await second
    }
}
