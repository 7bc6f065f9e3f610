import BatonProtocol
import Foundation
import NIOCore
import SystemPackage
import Testing

@testable import BatonFiles

/// What is served, and what never is.
@Suite struct SharingTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    private func content(_ files: SharedFiles, _ path: String) throws -> String {
        let messages = try messages(files.open(PathName(path), stream: 1))
        return messages.reduce(into: "") { text, message in
            if case .chunk(let chunk) = message { text += String(buffer: chunk.data) }
        }
    }

    @Test func `a root folder is made with a .baton for this user alone`() throws {
        #expect(try bench.run("stat -c %a origin/.baton") == "700\n")
        try bench.run("mkdir third third/.baton; chmod 777 third/.baton")
        _ = try WorkFolder(root: FilePath(bench.top + "/third"))
        #expect(try bench.run("stat -c %a third/.baton") == "700\n")
    }

    @Test func `a .baton that is a link is refused`() throws {
        try bench.run("mkdir third elsewhere; ln -s ../elsewhere third/.baton")
        try expectError(.cannotCreate) { try WorkFolder(root: FilePath(bench.top + "/third")) }
    }

    @Test func `what is neither declared nor below a declared path is not shared`() throws {
        try bench.run("mkdir origin/in origin/inside; echo x > origin/inside/f; echo x > origin/f")
        let files = try bench.shared("in")
        for path in ["f", "inside/f", "inside", "", "/etc/passwd", bench.originRoot + "/in"] {
            let error = try expectError(.notShared) { try files.exists(PathName(path)) }
            #expect(error.path == (try PathName(path)))
        }
    }

    @Test func `a declared path need not exist yet`() throws {
        let files = SharedFiles(folder: bench.origin, servesReadOnly: false)
        #expect(try files.declare(PathName("later")) == false)
        #expect(try files.exists(PathName("later/file")) == false)
        try expectError(.notFound) { try files.open(PathName("later/file"), stream: 1) }
        try bench.run("mkdir origin/later; echo now > origin/later/file")
        #expect(try content(files, "later/file") == "now\n")
        #expect(try files.declare(PathName("later")))
        #expect(files.declared == [try PathName("later")])
    }

    @Test func `the longest declared path answers, and declared paths keep their order`() throws {
        try bench.run("mkdir -p origin/a origin/real/b; echo deep > origin/real/b/f; ln -s ../real/b origin/a/b")
        let files = try bench.shared("a", "a/b")
        #expect(try content(files, "a/b/f") == "deep\n")
        #expect(files.declared == [try PathName("a"), try PathName("a/b")])
        try expectError(.notShared) { try bench.shared("a").open(PathName("a/b/f"), stream: 1) }
    }

    @Test func `a declared path is resolved through links, wherever they lead`() throws {
        try bench.run("mkdir elsewhere; echo far > elsewhere/f; ln -s ../elsewhere origin/link")
        #expect(try content(bench.shared("link"), "link/f") == "far\n")
    }

    @Test func `a link below that stays beneath is followed`() throws {
        try bench.run(
            "mkdir -p origin/c/d; echo nine > origin/c/epoch=9.ckpt; ln -s ../epoch=9.ckpt origin/c/d/last.ckpt")
        #expect(try content(bench.shared("c"), "c/d/last.ckpt") == "nine\n")
    }

    @Test(arguments: ["/etc/passwd", "../../secret", "../secret", "/proc/self/root/etc/passwd"])
    func `a link below that leads out is not shared`(target: String) throws {
        try bench.run("mkdir origin/c; echo secret > origin/secret; echo s > secret; ln -s \(target) origin/c/link")
        let files = try bench.shared("c")
        try expectError(.notShared) { try files.open(PathName("c/link"), stream: 1) }
        try expectError(.notShared) { try files.stat(PathName("c/link"), digest: true) }
        try expectError(.notShared) { try files.list(PathName("c/link"), after: [], limit: 1) }
    }

    @Test func `links that go in a circle lead nowhere`() throws {
        try bench.run("mkdir origin/c; ln -s b origin/c/a; ln -s a origin/c/b")
        let error = try expectError(.notFound) { try bench.shared("c").open(PathName("c/a"), stream: 1) }
        #expect(error.message.contains("circle"))
    }

    @Test func `.baton of the root is never served, by whatever name`() throws {
        try bench.run(
            """
            echo secret > origin/.baton/secret; mkdir origin/.baton/d origin/c
            ln -s .baton origin/direct; ln -s .baton/secret origin/file; ln -s ../.baton/d origin/c/out
            ln -s origin/.baton around
            """)
        let whole = try bench.shared("")
        for path in [".baton", ".baton/secret", "direct", "direct/secret", "file", "c/out"] {
            try expectError(.notShared) { try whole.open(PathName(path), stream: 1) }
        }
        let absolute = try bench.shared(bench.top)
        for path in ["/origin/.baton", "/origin/.baton/secret", "/around", "/around/secret", "/origin/direct/d"] {
            try expectError(.notShared) { try absolute.open(PathName(bench.top + path), stream: 1) }
        }
        for path in [
            ".baton", ".baton/d", "direct", "file", bench.originRoot + "/.baton/secret", bench.top + "/around",
        ] {
            try expectError(.usage) {
                try SharedFiles(folder: bench.origin, servesReadOnly: true).declare(PathName(path))
            }
        }
    }

    @Test func `a walk passes over .baton and over stages`() throws {
        let stage = ".baton-stage-0123456789abcdef0123456789abcdef"
        try bench.run(
            "cd origin; echo x > file; mkdir \(stage) d; echo s > \(stage)/f; echo s > d/\(stage); mkdir d/.baton")
        let files = try bench.shared("")
        let paths = try messages(files.open(.root, stream: 1)).compactMap { message in
            if case .entry(let entry) = message { entry.path.description } else { nil }
        }
        #expect(paths == [".", "d", "d/.baton", "file"])
        #expect(
            try files.list(.root, after: [], limit: 10).items.map { String(decoding: $0.name, as: UTF8.self) } == [
                "d", "file",
            ])
        try expectError(.notShared) { try files.open(PathName(stage), stream: 1) }
        try expectError(.notShared) { try files.open(PathName("d/" + stage), stream: 1) }
        try bench.run("ln -s \(stage) origin/link")
        try expectError(.notShared) { try files.open(PathName("link/f"), stream: 1) }
    }

    @Test func `a FIFO or a device as the reference is unsupported, and nothing blocks`() throws {
        try bench.run("mkfifo origin/fifo; ln -s /dev/zero origin/zero")
        let files = try bench.shared("fifo", "zero")
        for path in ["fifo", "zero"] {
            try expectError(.unsupported) { try files.open(PathName(path), stream: 1) }
            try expectError(.unsupported) { try files.stat(PathName(path), digest: true) }
            #expect(try files.list(PathName(path), after: [], limit: 1).items.first?.kind == .other)
            #expect(try files.exists(PathName(path)))
        }
    }

    @Test func `what this user may not write is shared only read-only, and what it may not read never`() throws {
        try bench.run("cd origin; echo x > readable; echo x > closed; chmod 444 readable; chmod 0 closed")
        try bench.give()
        try asOrdinaryUser {
            let error = try expectError(.permission) { try bench.shared("readable") }
            #expect(error.message.contains("--serve-read-only"))
            #expect(try content(bench.shared("readable", servesReadOnly: true), "readable") == "x\n")
            try expectError(.permission) { try bench.shared("closed", servesReadOnly: true) }
        }
    }

    @Test func `the rule is checked again at serving time`() throws {
        try bench.run("echo x > origin/f")
        try bench.give()
        try asOrdinaryUser {
            let files = try bench.shared("f")
            try bench.run("chmod 444 origin/f")
            try expectError(.permission) { try files.open(PathName("f"), stream: 1) }
        }
    }

    @Test(arguments: ["tree/a/closed", "tree/b"])
    func `an unreadable file or directory fails the whole get and is named`(closed: String) throws {
        try bench.run("cd origin; mkdir -p tree/a tree/b; echo x > tree/a/closed; echo y > tree/b/f; chmod 0 \(closed)")
        try bench.give()
        try asOrdinaryUser {
            let error = try expectError(.permission) { try bench.get("tree", to: bench.receiverRoot + "/copy") }
            #expect(error.path == (try PathName(closed)))
        }
        #expect(try bench.run("chmod 700 origin/\(closed); ls receiver") == "")
        #expect(try bench.leftovers == "")
    }

    @Test func `a path that is too long for the wire is named by its size`() throws {
        try bench.run(
            "mkdir origin/tree; cd origin/tree; n=$(printf 'n%.0s' $(seq 250)); for i in $(seq 17); do mkdir $n; cd $n; done"
        )
        try expectError(.tooLarge) { try messages(bench.shared("tree").open(PathName("tree"), stream: 1)) }
    }
}
