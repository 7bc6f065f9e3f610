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
    private func read(_ path: String, changing script: String) throws -> [Message] {
        let reader = try bench.shared(path).open(PathName(path), stream: 1)
        _ = try reader.nextBurst()
        try bench.run(script)
        return try messages(reader)
    }

    @Test(arguments: [
        "printf x >> origin/file", "truncate -s 300000 origin/file", "truncate -s 10 origin/file",
        "printf x | dd of=origin/file conv=notrunc status=none", "touch origin/file", ": > origin/file",
    ])
    func `a file that is written while it is read is refused and named`(script: String) throws {
        try bench.run("head -c 700000 /dev/zero > origin/file; touch -d 2001-01-01 origin/file")
        let error = try expectError(.changed) { try read("file", changing: script) }
        #expect(error.path == (try PathName("file")))
    }

    @Test func `the last piece of a changed file is never sent`() throws {
        try bench.run("head -c 700000 /dev/zero > origin/file")
        let reader = try bench.shared("file").open(PathName("file"), stream: 1)
        var last = false
        _ = try reader.nextBurst()
        try bench.run("touch origin/file")
        try expectError(.changed) {
            while let burst = try reader.nextBurst() {
                var decoder = FrameDecoder(connection: .lane)
                decoder.isGreeted = true
                decoder.feed(burst.frames)
                while let frame = try decoder.next() {
                    if case .chunk(let chunk) = try Message(frame) { last = last || chunk.isLast }
                }
            }
        }
        #expect(!last)
        #expect(try reader.nextBurst()?.payload == nil)
    }

    @Test func `a file that is read while nobody writes it is delivered, whatever happened before`() throws {
        try bench.run("head -c 700000 /dev/zero > origin/file")
        #expect(try read("file", changing: "cat origin/file > /dev/null; ls -l origin").count == 3)
    }

    @Test func `a listed file that vanishes before it is read is a change`() throws {
        try bench.run("mkdir origin/tree; head -c 700000 /dev/zero > origin/tree/a; echo x > origin/tree/b")
        let error = try expectError(.changed) { try read("tree", changing: "rm origin/tree/b") }
        #expect(error.path == (try PathName("tree/b")))
    }

    @Test func `a file that was replaced by a FIFO is skipped without waiting for a writer`() throws {
        try bench.run("mkdir origin/tree; head -c 700000 /dev/zero > origin/tree/a; echo x > origin/tree/b")
        let messages = try read("tree", changing: "rm origin/tree/b; mkfifo origin/tree/b")
        #expect(messages.contains(.skipped(SkippedEntry(reason: .fifo, path: try PathName("b")))))
    }

    @Test func `a directory that was replaced by a link during the walk is carried as a link`() throws {
        try bench.run(
            """
            mkdir -p origin/tree/b secret; head -c 700000 /dev/zero > origin/tree/a
            echo x > origin/tree/b/f; echo secret > secret/f
            """)
        let messages = try read("tree", changing: "mv origin/tree/b away; ln -s \(bench.top)/secret origin/tree/b")
        let entries = messages.compactMap { if case .entry(let entry) = $0 { entry } else { nil } }
        #expect(entries.map(\.path) == [try PathName("b")])
        #expect(entries.first?.kind == .symbolicLink)
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
        var delivered = 0
        for _ in 0..<100 {
            do {
                for message in try messages(files.open(PathName("tree"), stream: 1)) {
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
