import BatonProtocol
import Foundation
import NIOCore
import SystemPackage
import Testing

@testable import BatonFiles

/// A get that was interrupted goes on where it stopped, in the same process or in a later one, or begins anew.
@Suite struct ResumeTests: Resuming {
    let bench: Bench
    init() throws { bench = try Bench() }

    // MARK: Exactness

    @Test func `a get that is killed at any moment resumes to the exact tree, wherever its journal is cut`() throws {
        let origin = ScriptedOrigin(tree: try Script.mixedTree())
        try bench.give()
        try asOrdinaryUser {
            let expected = try reference(origin)
            var random = SystemRandomNumberGenerator()
            var resumed: UInt64 = 0
            for count in 1...origin.tree.count + 1 {
                for round in 0..<3 {
                    _ = try receive(count, of: origin)
                    let journal = try journal()
                    let size = try #require(
                        try FileManager.default.attributesOfItem(atPath: journal)[.size] as? UInt64)
                    let cut = round == 0 ? size : UInt64.random(in: 0...size, using: &random)
                    #expect(truncate(journal, off_t(cut)) == 0)
                    resumed += try complete(origin).resumedBytes
                    let found = try description("copy")
                    #expect(found == expected, "after \(count) messages, with \(cut) of \(size) bytes of the journal")
                    #expect(try bench.leftovers == "")
                }
            }
            #expect(resumed > 10_000)
        }
    }

    @Test func `a process that is killed leaves only what its journal says, also in a large tree`() throws {
        var tree = try Script.directory("")
        for index in 100..<700 { tree += try Script.file("f\(index)", String(repeating: "\(index)", count: 100)) }
        tree += try Script.open("z", size: 40 * 65_536)
        for piece in 0..<40 {
            tree.append(
                Script.chunk(
                    UInt64(piece) * 65_536, Array(repeating: UInt8(piece), count: 65_536), isLast: piece == 39))
        }
        let origin = ScriptedOrigin(tree: tree)
        let expected = try reference(origin)
        for count in [3, 300, 900, 1201, 1203, 1215, 1220, 1235, tree.count, tree.count + 1] {
            let killed = try freshWriter()
            for message in origin.stream(from: nil).prefix(count) { try killed.receive(message) }
            // What the killed process had not written is lost with it, and what it had opened it never touches again.
            let publication = try complete(origin)
            #expect(try description("copy") == expected, "after \(count) messages")
            if count > 1220 { #expect(publication.resumedBytes > 1 << 20) }
            killed.discard()
            #expect(try description("copy") == expected)
            _ = try WorkFolder(root: bench.receiver.root).sweep()
            #expect(try bench.leftovers == "")
        }
    }

    @Test func `a tree is resumed again and again, from any number of processes`() throws {
        let origin = ScriptedOrigin(tree: try Script.mixedTree())
        try bench.give()
        try asOrdinaryUser {
            let expected = try reference(origin)
            for _ in 0..<origin.tree.count {
                let writer = try freshWriter()
                writer.beginStream()
                try writer.receive(origin.stream(from: writer.resumePoint)[0])
                writer.keepPartial()
            }
            let last = try complete(origin)
            #expect(last.resumedBytes == Script.bytes(of: origin.tree))
            #expect(try description("copy") == expected)
        }
    }

    @Test func `a stream that is lost goes on in the next, in the same process`() throws {
        let origin = ScriptedOrigin(tree: try Script.mixedTree())
        let expected = try reference(origin)
        for count in 1...origin.tree.count {
            let writer = try freshWriter()
            writer.beginStream()
            for message in origin.stream(from: nil).prefix(count) { try writer.receive(message) }
            let point = try #require(writer.resumePoint)
            writer.beginStream()
            for message in origin.stream(from: point) { try writer.receive(message) }
            let publication = try writer.publish()
            #expect(publication.resumedBytes == Script.bytes(of: origin.tree.prefix(count)))
            #expect(try description("copy") == expected, "after \(count) messages")
        }
    }

    // MARK: Resume points

    @Test func `the resume point says how many entries came whole, and how far the last one is`() throws {
        let writer = try freshWriter()
        #expect(writer.resumePoint == nil)
        var digest = TreeDigest()
        let tree = try Script.directory("") + Script.skipped("a") + Script.open("b", size: 9000)
        for message in tree {
            try writer.receive(message)
            digest.add(message)
        }
        #expect(writer.resumePoint == ResumePoint(entries: 3, offset: 0, digest: digest.value))
        try writer.receive(Script.chunk(1000, Array(repeating: 1, count: 600)))
        #expect(writer.resumePoint == ResumePoint(entries: 3, offset: 1600, digest: digest.value))
        try writer.receive(Script.chunk(2000, [1], isLast: true))
        #expect(writer.resumePoint == ResumePoint(entries: 3, offset: nil, digest: digest.value))
        try writer.receive(.end(TreeEnd(entries: 2, bytes: 601, skipped: 1)))
        #expect(writer.resumePoint == nil)
    }

    @Test func `an error that the origin sends harms nothing: the next stream goes on`() throws {
        let origin = ScriptedOrigin(tree: try Script.directory("") + Script.file("a", "a") + Script.file("b", "b"))
        let writer = try freshWriter()
        for message in origin.tree.prefix(3) { try writer.receive(message) }
        try expectError(.interrupted) {
            try writer.receive(Frame(.reply(.error(BatonError(.interrupted, "lane lost", saidBy: .relay)))))
        }
        let point = try #require(writer.resumePoint)
        writer.beginStream()
        for message in origin.stream(from: point) { try writer.receive(message) }
        #expect(try writer.publish().resumedBytes == 1)
    }

    @Test func `there is no resume point after a restarted file or a further pass, now or later`() throws {
        let open = try Script.directory("") + Script.file("a") + Script.open("f", size: 9000)
        for extra in try [Script.open("f", size: 8000), Script.again(1), Script.again(1) + Script.file("a", "new")] {
            let writer = try freshWriter()
            for message in open { try writer.receive(message) }
            let other = try freshWriter("other")
            for message in open { try other.receive(message) }
            other.keepPartial()
            #expect(writer.resumePoint != nil)
            for message in extra { try writer.receive(message) }
            #expect(writer.resumePoint == nil)
            writer.keepPartial()
            #expect(try freshWriter().resumePoint == nil)
            #expect(try freshWriter("other").resumePoint != nil)
            #expect(try bench.leftovers == "")
        }
    }

    @Test func `a journal is gone before the first change that it does not know of`() throws {
        let writer = try freshWriter()
        for message in try Script.directory("") + Script.open("f", size: 4 << 20) { try writer.receive(message) }
        for piece in UInt64(0)..<3 {
            try writer.receive(Script.chunk(piece << 19, Array(repeating: 1, count: 1 << 19)))
        }
        #expect(try bench.run("ls receiver/.baton/stages | wc -l") == "2\n")
        try writer.receive(Script.file("f")[0])
        #expect(try bench.run("ls receiver/.baton/stages | wc -l") == "1\n")
        #expect(try freshWriter().resumePoint == nil)
    }

    @Test func `an origin that begins anew is taken from the start, and what was there is gone`() throws {
        let old = ScriptedOrigin(tree: try Script.directory("") + Script.file("a", "old") + Script.file("b", "old"))
        let new = ScriptedOrigin(tree: try Script.directory("") + Script.file("c", "new") + Script.file("d", "new"))
        for sameProcess in [true, false] {
            var writer = try freshWriter()
            for message in old.tree.dropLast() { try writer.receive(message) }
            if !sameProcess {
                writer.keepPartial()
                writer = try freshWriter()
            }
            let point = try #require(writer.resumePoint)
            writer.beginStream()
            for message in new.stream(from: point).prefix(3) { try writer.receive(message) }
            #expect(writer.progress.entries == 2)
            // It can be gone on with itself.
            let next = try #require(writer.resumePoint)
            writer.beginStream()
            for message in new.stream(from: next) { try writer.receive(message) }
            #expect(try writer.publish().resumedBytes == 3)
            #expect(try bench.run("cd receiver/copy; ls; cat *") == "c\nd\nnewnew")
            #expect(try bench.leftovers == "")
        }
    }

    @Test func `passes may follow what was resumed`() throws {
        let origin = ScriptedOrigin(tree: try Script.mixedTree())
        _ = try receive(12, of: origin)
        let writer = try freshWriter()
        let rest =
            origin.stream(from: writer.resumePoint).dropLast() + (try Script.again(1) + Script.file("a", "FIRST!"))
        for message in rest + Script.end(of: Array(rest)) { try writer.receive(message) }
        let publication = try writer.publish()
        #expect(publication.resumedBytes < Script.bytes(of: origin.tree.prefix(12)))
        #expect(try bench.run("cat receiver/copy/a; stat -c %a receiver/copy") == "FIRST!555\n")
    }

    @Test func `a stream that goes on where nothing can be gone on with is refused`() throws {
        let writer = try freshWriter()
        for message in try Script.directory("") + Script.file("a") + Script.again(1) { try writer.receive(message) }
        writer.beginStream()
        try expectError(.corrupt) { try writer.receive(Script.file("b")[0]) }
        let fresh = try freshWriter("other")
        fresh.beginStream()
        try expectError(.corrupt) { try fresh.receive(Script.chunk(0, [1], isLast: true)) }
    }

    @Test func `END counts what its own stream has sent`() throws {
        let tree = try Script.directory("") + Script.file("a", "abc")
        let writer = try freshWriter()
        for message in tree { try writer.receive(message) }
        writer.beginStream()
        try expectError(.corrupt) { try writer.receive(.end(TreeEnd(entries: 2, bytes: 3, skipped: 0))) }
        let other = try freshWriter("other")
        for message in tree { try other.receive(message) }
        other.beginStream()
        try other.receive(.end(TreeEnd(entries: 0, bytes: 0, skipped: 0)))
        #expect(try other.publish().resumedBytes == 3)
    }
}
