import BatonProtocol
import Foundation
import SystemPackage
import Testing

@testable import BatonFiles

/// A reader of the destination sees the whole old content or the whole new one.
@Suite struct PublishTests {
    let bench: Bench
    let copy: String
    init() throws {
        bench = try Bench()
        copy = bench.receiverRoot + "/copy"
        try bench.run("mkdir origin/tree; echo new > origin/tree/f; echo new > origin/file; chmod 640 origin/file")
    }

    /// A file system that can neither exchange nor refuse to replace.
    private static let simple: FileSystemCalls = {
        var calls = FileSystemCalls()
        calls.rename = { _, _, _, _ throws(Errno) in throw .invalidArgument }
        return calls
    }()

    @Test func `an existing destination is an error before anything moves, and stays as it is`() throws {
        try bench.run("echo old > receiver/copy")
        let error = try expectError(.alreadyExists) { try bench.writer(copy) }
        #expect(error.message == "'\(copy)' exists; pass --overwrite to replace it")
        #expect(try bench.run("cat receiver/copy") == "old\n")
    }

    @Test(arguments: [FileSystemCalls(), simple])
    func `a destination that came into being meanwhile is not replaced`(calls: FileSystemCalls) throws {
        let writer = try bench.writer(copy, calls: calls)
        for message in try messages(bench.shared("tree").open(PathName("tree"), stream: 1)) {
            try writer.receive(message)
        }
        try bench.run("mkdir receiver/copy")
        try expectError(.alreadyExists) { try writer.publish() }
        writer.discard()
        #expect(try bench.run("ls receiver") == "copy\n")
        #expect(try bench.leftovers == "")
    }

    @Test func `something that appears at the last moment is kept, or replaced in one step with overwrite`() throws {
        var calls = FileSystemCalls()
        calls.rename = { [bench] directory, name, newName, way throws(Errno) in
            _ = try? bench.run("test -e receiver/copy || echo late > receiver/copy")
            try directory.rename(name, to: newName, way)
        }
        try expectError(.alreadyExists) { try bench.get("tree", to: copy, calls: calls) }
        #expect(try bench.run("cat receiver/copy; rm receiver/copy") == "late\n")
        #expect(try bench.get("tree", to: copy, overwrite: true, calls: calls).isAtomic)
        #expect(try bench.run("cat receiver/copy/f") == "new\n")
        #expect(try bench.leftovers == "")
    }

    @Test(arguments: ["file", "tree"], ["nothing", "file", "directory", "link", "dangling"])
    func `overwrite replaces whatever is there by whatever comes`(source: String, existing: String) throws {
        let made = [
            "nothing": ":", "file": "echo old > copy; chmod 0 copy", "link": "ln -s .. copy",
            "dangling": "ln -s no copy",
            "directory": "mkdir -p copy/a/b copy/c; echo old > copy/a/b/f; chmod 555 copy/a/b; chmod 0 copy/c",
        ]
        try bench.run("cd receiver; \(try #require(made[existing]))")
        try bench.give()
        try asOrdinaryUser {
            for calls in [FileSystemCalls(), PublishTests.simple] {
                let publication = try bench.get(source, to: copy, overwrite: true, calls: calls)
                #expect(publication.leftover == nil)
                let path = source == "file" ? "receiver/copy" : "receiver/copy/f"
                #expect(try bench.run("test ! -L receiver/copy; cat \(path)") == "new\n")
                #expect(try bench.leftovers == "")
            }
        }
    }

    @Test func `the result says whether the change was one step`() throws {
        #expect(try bench.get("tree", to: copy, calls: PublishTests.simple).isAtomic)
        #expect(try bench.get("tree", to: copy, overwrite: true).isAtomic)
        #expect(try !bench.get("tree", to: copy, overwrite: true, calls: PublishTests.simple).isAtomic)
    }

    @Test func `somebody who looks all the time sees the old or the new content, never anything else`() throws {
        try bench.run("mkdir receiver/copy; echo new > receiver/copy/f")
        let files = try bench.shared("tree")
        let stop = FileManager.default
        let watcher = Thread { [copy] in
            while !Thread.current.isCancelled {
                if !stop.fileExists(atPath: copy + "/f") { Thread.current.threadDictionary["missing"] = true }
            }
        }
        watcher.start()
        for _ in 0..<100 { try bench.get("tree", to: copy, overwrite: true, files: files) }
        #expect(watcher.threadDictionary["missing"] == nil)
        watcher.cancel()
    }

    @Test func `a failed overwrite leaves the old content and nothing else`() throws {
        try bench.run("mkdir receiver/copy; echo old > receiver/copy/f; head -c 900000 /dev/zero > origin/tree/z")
        let reader = try bench.shared("tree").open(PathName("tree"), stream: 1)
        let writer = try bench.writer(copy, overwrite: true)
        for message in try messages(reader).dropLast() { try writer.receive(message) }
        writer.discard()
        #expect(try bench.run("cat receiver/copy/f; ls receiver") == "old\ncopy\n")
        #expect(try bench.leftovers == "")
    }

    @Test(arguments: [Errno.noSpace, .diskQuotaExceeded])
    func `a full disk is named, the stage goes, the old content stays`(reason: Errno) throws {
        try bench.run("mkdir receiver/copy; echo old > receiver/copy/f; head -c 900000 /dev/zero > origin/tree/z")
        var calls = FileSystemCalls()
        calls.write = { file, memory, offset throws(Errno) in
            guard offset < 500_000 else { throw reason }
            try file.write(memory, at: offset)
        }
        let error = try expectError(.noSpace) { try bench.get("tree", to: copy, overwrite: true, calls: calls) }
        #expect(error.path == (try PathName(copy)))
        #expect(error.message.contains(copy))
        #expect(try bench.run("cat receiver/copy/f; ls receiver") == "old\ncopy\n")
        #expect(try bench.leftovers == "")
    }

    @Test(.enabled(if: geteuid() == 0, "takes another user's files"))
    func `old content that cannot be removed does not fail the get, and the next sweep removes it`() throws {
        try bench.run("mkdir -p receiver/copy/held; echo old > receiver/copy/held/f")
        try bench.give()
        // Another user's directory that is not empty: an ordinary user can move it, but not empty it.
        try bench.run("chown -R 0 receiver/copy/held")
        let publication = try asOrdinaryUser { try bench.get("tree", to: copy, overwrite: true) }
        let leftover = try #require(publication.leftover)
        #expect(try bench.run("cat receiver/copy/f; cat \(leftover.string)/held/f") == "new\nold\n")
        #expect(asOrdinaryUser { bench.receiver.sweep().left } == [leftover])
        #expect(bench.receiver.sweep().removed == [leftover])
        #expect(try bench.leftovers == "")
    }

    @Test func `a read-only tree is published and replaced by an ordinary user`() throws {
        try bench.run("mkdir origin/tree/d; echo x > origin/tree/d/f; chmod 555 origin/tree/d origin/tree")
        try bench.give()
        try asOrdinaryUser {
            let files = try bench.shared("tree", servesReadOnly: true)
            try bench.get("tree", to: copy, files: files)
            try bench.get("tree", to: copy, overwrite: true, files: files)
            #expect(try bench.run("stat -c %a receiver/copy receiver/copy/d") == "555\n555\n")
            #expect(try bench.leftovers == "")
        }
    }

    @Test func `missing parents are made, and taken away again if the get fails`() throws {
        try bench.get("file", to: bench.receiverRoot + "/a/b/c")
        #expect(try bench.run("cat receiver/a/b/c") == "new\n")
        do { _ = try bench.writer(bench.receiverRoot + "/a/x/y/z") }
        #expect(try bench.run("ls receiver/a") == "b\n")
    }

    @Test func `a get whose fresh directory was taken away by a failing one makes it again`() throws {
        let failing = try bench.writer(bench.receiverRoot + "/made/one")
        let lasting = try bench.writer(bench.receiverRoot + "/made/two")
        failing.discard()
        #expect(try bench.run("ls receiver") == "")
        for message in try messages(bench.shared("tree").open(PathName("tree"), stream: 1)) {
            try lasting.receive(message)
        }
        _ = try lasting.publish()
        #expect(try bench.run("cat receiver/made/two/f") == "new\n")
    }

    @Test func `names longer than the kernel takes as one path are published, too`() throws {
        let deep = bench.receiverRoot + String(repeating: "/" + String(repeating: "n", count: 250), count: 20)
        try bench.get("tree", to: deep + "/copy")
        try bench.get("tree", to: deep + "/copy", overwrite: true)
        #expect(try bench.run("cd receiver; for i in $(seq 20); do cd n*; done; cat copy/f; ls -A") == "new\ncopy\n")
    }
}
