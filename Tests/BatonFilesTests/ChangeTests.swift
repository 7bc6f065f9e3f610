import BatonProtocol
import Foundation
import NIOCore
import Synchronization
import Testing

@testable import BatonFiles

/// What changes while it is read is never delivered as if it had not.
@Suite struct ChangeTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    /// Reads one burst, runs `script`, and reads the rest.
    private func read(_ path: String, changing script: String) throws -> Replica {
        let reading = try bench.reading(path)
        try reading.burst()
        try bench.run(script)
        return try reading.finish()
    }

    // MARK: One file

    @Test(arguments: [
        "printf x >> origin/file", "truncate -s 300000 origin/file", "truncate -s 10 origin/file",
        "printf x | dd of=origin/file conv=notrunc status=none", "touch origin/file", ": > origin/file",
        "printf x | dd of=origin/file conv=notrunc status=none; touch -d 2001-01-01 origin/file",
    ])
    func `a file that is written while it is read is read again, and arrives as it is then`(script: String) throws {
        try bench.run("head -c 700000 /dev/zero > origin/file; touch -d 2001-01-01 origin/file")
        let replica = try read("file", changing: script)
        #expect(replica.restartedFiles == 1)
        #expect(replica.passes == 0)
        #expect(try replica.text("") == (try bench.run("cat origin/file")))
    }

    @Test func `the last piece of a changed file is never sent`() throws {
        try bench.run("head -c 400000 /dev/zero > origin/file")
        let replica = try read("file", changing: "touch origin/file")
        let last = replica.received.filter { if case .chunk(let chunk) = $0 { chunk.isLast } else { false } }
        #expect(replica.restartedFiles == 1)
        #expect(last.count == 1)
    }

    @Test func `a file that was not written for a moment is read at once, a fresh one waits for that moment`() throws {
        try bench.run("mkdir origin/tree; echo old > origin/tree/old; sleep 0.1; printf new > origin/tree/new")
        let clock = HandClock(wall: try bench.changeTime(of: "tree/new")).clock
        guard case .burst = try bench.reading("tree/old", clock: clock).reader.next() else {
            throw Flaw(what: "a pause for an old file")
        }
        guard case .pause(51) = try bench.reading("tree/new", clock: clock).reader.next() else {
            throw Flaw(what: "no pause for a fresh file")
        }
    }

    @Test func `a file that is written all the time ends with changed, naming it`() throws {
        try bench.run(
            "mkdir origin/tree; echo x > origin/tree/a; echo x > origin/tree/b; touch -d 2001-01-01 origin/tree/a")
        let hand = HandClock()
        let reader = try bench.reading("tree", clock: hand.clock).reader
        let error = try expectError(.changed) {
            for round in 0..<1000 {
                guard let step = try reader.next() else { return }
                if case .pause(let milliseconds) = step { hand.advance(milliseconds) }
                try Data("\(round)".utf8).write(to: URL(filePath: bench.originRoot + "/tree/b"))
            }
        }
        #expect(error.path == (try PathName("tree/b")))
    }

    @Test func `a file that changes during each reading ends with changed after a bounded number of them`() throws {
        try bench.run("head -c 700000 /dev/zero > origin/file")
        let reading = try bench.reading("file")
        let error = try expectError(.changed) {
            while try reading.burst() { try bench.run("touch origin/file") }
        }
        #expect(error.path == (try PathName("file")))
        #expect(reading.replica.restartedFiles == Limits.restarts)
    }

    @Test(arguments: ["mv new origin/file", "rm origin/file", "ln origin/file origin/other"])
    func `a file whose names change while it is read arrives as it was opened, without a second reading`(
        script: String
    ) throws {
        try bench.run(
            "head -c 700000 /dev/urandom > origin/file; cp origin/file before; head -c 700000 /dev/zero > new")
        let replica = try read("file", changing: script)
        #expect(replica.restartedFiles == 0)
        #expect(
            try replica.nodes[PathName("")]?.data.elementsEqual(Data(contentsOf: URL(filePath: bench.top + "/before")))
                == true)
    }

    @Test func `a file that is read while nobody writes it is delivered, whatever happened before`() throws {
        try bench.run("head -c 700000 /dev/zero > origin/file")
        let replica = try read("file", changing: "cat origin/file > /dev/null; ls -l origin")
        #expect(replica.received.count == 5)
    }

    // MARK: Trees

    /// `tree/a/big` takes several bursts; the first ends inside it. `tree/b` lies behind it, `tree/a/0` before it.
    private func makeTree() throws {
        try bench.run(
            """
            mkdir -p origin/tree/a origin/tree/b/deep; cd origin/tree
            printf first > a/0; head -c 700000 /dev/zero > a/big; printf x > b/f; printf y > b/deep/g; ln -s f b/link; printf z > c
            sleep 0.1
            """)
    }

    /// The tree as it is in the end, and as it arrived.
    private func expectSame(_ replica: Replica, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let expected = try bench.run("cd origin/tree; find . -printf '%P %y %m %l\\n' | LC_ALL=C sort")
        let arrived = replica.nodes.map { path, node in
            let kind =
                switch node.entry.kind {
                case .directory: "d"
                case .symbolicLink: "l"
                default: "f"
                }
            let target = String(decoding: node.entry.target, as: UTF8.self)
            return "\(path.isRoot ? "" : "\(path)") \(kind) \(String(node.entry.mode, radix: 8)) \(target)"
        }
        #expect(Set(arrived) == Set(expected.split(separator: "\n").map(String.init)), sourceLocation: sourceLocation)
        for (path, node) in replica.nodes where node.entry.kind == .file {
            let file = URL(filePath: bench.originRoot + "/tree/\(path)")
            #expect(try Data(node.data) == Data(contentsOf: file), "\(path)", sourceLocation: sourceLocation)
        }
    }

    @Test(arguments: [
        // already sent
        "printf other > a/0", "rm a/0", "mv b/f a/0", "mv a/0 b/f", "ln -sf big a/0",
        "rm a/0; mkdir a/0; printf x > a/0/x",
        "printf x > a/1", "mkdir a/00", "chmod 600 a/0", "chmod 700 a", "chmod 700 .", "printf x > 0",
        // being sent
        "printf x >> a/big", "mv c a/big", "rm a/big", "rm -r a", "mv a d", "mv b/deep a/deep",
        // to come
        "rm b/f", "printf other > b/f", "printf x > b/e", "rm -r b", "rm -r b; printf x > b", "mv b e",
        "rm b/link; printf x > b/link",
        "mkfifo b/pipe; rm b/pipe", "ln a/0 b/hard", "rm -r a b c",
    ])
    func `whatever changes in a tree while it is read, what arrives is the tree as it is then`(script: String) throws {
        try makeTree()
        try expectSame(try read("tree", changing: "cd origin/tree; " + script))
    }

    @Test func `a file and a directory that change places arrive so`() throws {
        try makeTree()
        try expectSame(try read("tree", changing: "cd origin/tree; mv a x; mv c a; mv x c"))
        try expectSame(try read("tree", changing: "cd origin/tree; mv a x; mv c a; mv x c; mv b x; mv a b; mv x a"))
    }

    @Test func `what did not change is not sent again`() throws {
        try makeTree()
        let replica = try read("tree", changing: "printf other > origin/tree/b/new")
        #expect(replica.passes == 0, "the directory had not been listed yet")
        let second = try read("tree", changing: "printf more > origin/tree/a/0; printf x > origin/tree/a/2")
        #expect(second.passes == 1)
        let types = second.received.map(\.type)
        #expect(
            types.suffix(8) == [
                FrameType.again, .entry, .entry, .chunk, .entry, .chunk, .keep, .end,
            ])
    }

    @Test func `an unchanged tree is sent in one pass`() throws {
        try makeTree()
        let replica = try bench.reading("tree").finish()
        #expect(replica.passes == 0)
        try expectSame(replica)
    }

    @Test func `two changes of which the second undoes the first arrive as the second`() throws {
        try makeTree()
        let reading = try bench.reading("tree")
        try reading.burst()
        try bench.run("cd origin/tree; mv a x; sleep 0.1")
        while try reading.burst(), reading.replica.passes == 0 {}
        try bench.run("cd origin/tree; mv x a; sleep 0.1")
        try expectSame(try reading.finish())
    }

    @Test func `a change after the last frame and before the last look is sent`() throws {
        try bench.run(
            "mkdir origin/tree; cd origin/tree; for i in $(seq 1000 2200); do printf $i > $i; done; sleep 0.1")
        let reading = try bench.reading("tree")
        while try reading.burst(), !reading.replica.paths.contains("2200") {}
        #expect(!reading.replica.isComplete)
        try bench.run("printf late > origin/tree/2100")
        #expect(try reading.finish().text("2100") == "late")
        #expect(reading.replica.passes == 1)
    }

    @Test func `a tree that changes after each pass ends with changed after a bounded number of them, naming what`()
        throws
    {
        try bench.run(
            "mkdir origin/tree; cd origin/tree; printf x > a; for i in $(seq 1000 1700); do printf $i > $i; done; touch -d 2001-01-01 *; sleep 0.1"
        )
        let reading = try bench.reading("tree")
        let error = try expectError(.changed) {
            while let step = try reading.reader.next() {
                if case .pause(let milliseconds) = step { Thread.sleep(forTimeInterval: Double(milliseconds) / 1000) }
                try bench.run("echo >> origin/tree/1001")
            }
        }
        #expect(error.path == (try PathName("tree/1001")))
    }

    @Test func `model and optimizer that are replaced together arrive together`() throws {
        try bench.run(
            """
            mkdir -p origin/tree origin/tree/x
            for n in model optimizer; do head -c 400000 /dev/zero | tr '\\0' 1 > origin/tree/$n; done; sleep 0.1
            """)
        let replica = try read(
            "tree",
            changing: """
                for n in model optimizer; do head -c 400000 /dev/zero | tr '\\0' 2 > $n; done
                mv model optimizer origin/tree
                """)
        #expect(try replica.text("model")?.first == replica.text("optimizer")?.first)
    }

    // MARK: The whole tree replaced

    @Test func `a tree that was replaced as a whole arrives whole, as it was when it was asked for`() throws {
        try makeTree()
        let replica = try read(
            "tree",
            changing: "mkdir origin/new; printf new > origin/new/f; mv origin/tree old; mv origin/new origin/tree")
        #expect(replica.passes == 0)
        #expect(try replica.text("c") == "z")
    }

    @Test func `a tree that is replaced and then removed is given up for the one that took its place`() throws {
        try makeTree()
        let replica = try read(
            "tree",
            changing:
                "mkdir origin/new; printf new > origin/new/f; mv origin/tree old; mv origin/new origin/tree; rm -r old/b"
        )
        #expect(replica.paths == ["", "f"])
        #expect(try replica.text("f") == "new")
    }

    @Test func `a tree that is removed ends with changed`() throws {
        try makeTree()
        let error = try expectError(.changed) { try read("tree", changing: "rm -r origin/tree") }
        #expect(error.path == (try PathName("tree")))
    }

    @Test func `a tree whose place a file takes ends with changed`() throws {
        try makeTree()
        try expectError(.changed) { try read("tree", changing: "rm -r origin/tree; echo x > origin/tree") }
    }

    // MARK: What must not be reached

    @Test func `a file that was replaced by a FIFO is skipped without waiting for a writer`() throws {
        try bench.run("mkdir origin/tree; head -c 700000 /dev/zero > origin/tree/a; echo x > origin/tree/b")
        let replica = try read("tree", changing: "rm origin/tree/b; mkfifo origin/tree/b")
        #expect(replica.skipped.contains(SkippedEntry(reason: .fifo, path: try PathName("b"))))
        #expect(replica.paths == ["", "a"])
    }

    @Test(arguments: ["a", "b"])
    func `a directory that was replaced by a link during the walk arrives as a link, and nothing behind it`(
        name: String
    ) throws {
        try bench.run(
            """
            mkdir -p origin/tree/a origin/tree/b secret; head -c 700000 /dev/zero > origin/tree/a/0
            echo x > origin/tree/b/f; echo x > origin/tree/a/f; echo secret > secret/f
            """)
        let replica = try read(
            "tree", changing: "mv origin/tree/\(name) away; ln -s \(bench.top)/secret origin/tree/\(name)")
        #expect(try replica.nodes[PathName(name)]?.entry.kind == .symbolicLink)
        #expect(
            !replica.received.contains {
                if case .chunk(let chunk) = $0 { String(buffer: chunk.data).contains("secret") } else { false }
            })
    }

    @Test func `a walk never leaves the tree while a directory and a link change places`() throws {
        try bench.run(
            "mkdir -p origin/tree/flip secret; echo inside > origin/tree/flip/f; echo secret > secret/f; ln -s \(bench.top)/secret link"
        )
        let tree = try Descriptor.place(of: FileName(Array((bench.originRoot + "/tree").utf8)))
        try bench.run("mv link origin/tree/other")
        let isDone = Atomic(false)
        let flipper = Thread {
            while !isDone.load(ordering: .relaxed) { try? tree.rename("flip", to: "other", .exchanging) }
        }
        flipper.start()
        defer { isDone.store(true, ordering: .relaxed) }
        let files = try bench.shared("tree")
        // By this clock everything has settled: the walk goes on whatever happens.
        let hasty = ReaderClock(wall: { Timestamp(seconds: Timestamp.now.seconds + 60, nanoseconds: 0) })
        var delivered = 0
        for _ in 0..<100 {
            do {
                for message in try messages(
                    files.open(PathName("tree"), stream: 1, order: TreeReader.Order(), clock: hasty))
                {
                    guard case .chunk(let chunk) = message else { continue }
                    #expect(String(buffer: chunk.data) == "inside\n")
                    delivered += 1
                }
            } catch let error as BatonError {
                #expect(error.code == .changed)
            }
            do {
                _ = try files.open(PathName("tree/flip/f"), stream: 1)
            } catch let error as BatonError {
                #expect([.notShared, .changed, .notFound].contains(error.code))
            }
        }
        #expect(delivered > 0)
    }
}
