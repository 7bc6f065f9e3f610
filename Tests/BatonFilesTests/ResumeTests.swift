import BatonProtocol
import Foundation
import NIOCore
import SystemPackage
import Testing

@testable import BatonFiles

/// A get that was interrupted goes on where it stopped, in the same process or in a later one, or begins anew.
@Suite struct ResumeTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    private func order(_ path: String = "tree", attributes: Bool = false) throws -> TreeWriter.Order {
        TreeWriter.Order(
            source: Reference(origin: try WorkName("origin"), path: try PathName(path)), attributes: attributes)
    }

    /// A writer as a process that has just started has it.
    private func freshWriter(
        _ destination: String = "copy", order: TreeWriter.Order? = nil, calls: FileSystemCalls = FileSystemCalls()
    ) throws -> TreeWriter {
        try TreeWriter(
            destination: FilePath(bench.receiverRoot + "/" + destination), overwrite: true,
            folder: WorkFolder(root: bench.receiver.root), order: order ?? self.order(), limits: TreeLimits(),
            calls: calls)
    }

    /// Every kind of entry, modes that keep their owner out, several pieces, holes at the start, in the middle and at the end.
    private static func mixedTree() throws -> [Message] {
        func bytes(_ count: Int, _ seed: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ seed) }
        }
        var tree =
            try Script.directory("", mode: 0o555) + Script.file("a", "first") + Script.directory("b", mode: 0o500)
        tree +=
            try Script.file("b/0", mode: 0) + Script.directory("b/c", mode: 0)
            + Script.file("b/c/f", "deep", mode: 0o400)
        tree += try Script.link("b/l", "/etc/passwd") + Script.hardLink("b/m", "b/c/f") + Script.skipped("b/s")
        tree += try Script.open("big", size: 9000, mode: 0o400)
        tree += [
            Script.chunk(700, bytes(800, 1)), Script.chunk(1500, bytes(600, 2)), Script.chunk(4000, bytes(512, 3)),
            Script.chunk(6000, bytes(100, 4), isLast: true),
        ]
        tree += try Script.hardLink("big2", "big") + Script.directory("d") + Script.directory("d/e", mode: 0o711)
        tree += try Script.directory("d/e/f") + Script.open("d/e/f/g", size: 2000)
        tree += [Script.chunk(0, bytes(1000, 5)), Script.chunk(1000, bytes(1000, 6), isLast: true)]
        tree += try Script.directory("d/e/z", mode: 0o555) + Script.link("d/e/z/up", "..") + Script.file("e", "last")
        tree += [
            .entry(
                TreeEntry(
                    kind: .file, mode: 0o640, size: 5000, modified: Script.time, path: try PathName("hole"),
                    isLast: true))
        ]
        return tree
    }

    /// Kinds, modes, sizes, links, times and names of everything, and the digests of what it holds.
    private func description(_ copy: String) throws -> String {
        try bench.run(
            """
            cd receiver/\(copy); export LC_ALL=C
            find . -type f -printf '%y %m %n %s %T@ %P\\n' -o -printf '%y %m %T@ %P -> %l\\n' | sort
            find . -type f -print0 | sort -z | xargs -0r sha256sum
            """)
    }

    private func reference(_ origin: ScriptedOrigin) throws -> String {
        let writer = try freshWriter("reference", order: order("reference"))
        for message in origin.stream(from: nil) { try writer.receive(message) }
        _ = try writer.publish()
        return try description("reference")
    }

    /// Receives `count` messages and stops as a killed process does, but for having written its journal.
    private func receive(_ count: Int, of origin: ScriptedOrigin) throws -> TreeWriter {
        let writer = try freshWriter()
        #expect(writer.resumePoint == nil)
        for message in origin.stream(from: nil).prefix(count) { try writer.receive(message) }
        writer.keepPartial()
        return writer
    }

    /// Gets the tree again, in a process that has just started.
    private func complete(_ origin: ScriptedOrigin) throws -> Publication {
        _ = try WorkFolder(root: bench.receiver.root).sweep()
        let writer = try freshWriter()
        let point = writer.resumePoint
        writer.beginStream()
        for message in origin.stream(from: point) { try writer.receive(message) }
        return try writer.publish()
    }

    private func journal() throws -> String {
        bench.receiverRoot + "/.baton/stages/"
            + (try bench.run("cd receiver/.baton/stages; ls | grep journal")).trimmingCharacters(in: .newlines)
    }

    // MARK: Exactness

    @Test func `a get that is killed at any moment resumes to the exact tree, wherever its journal is cut`() throws {
        let origin = ScriptedOrigin(tree: try ResumeTests.mixedTree())
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
        let origin = ScriptedOrigin(tree: try ResumeTests.mixedTree())
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
        let origin = ScriptedOrigin(tree: try ResumeTests.mixedTree())
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
        let origin = ScriptedOrigin(tree: try ResumeTests.mixedTree())
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

    // MARK: Adoption

    @Test func `partial data is for the same source, destination and attributes only`() throws {
        let origin = ScriptedOrigin(tree: try Script.directory("") + Script.file("a", "a"))
        _ = try receive(3, of: origin)
        #expect(try freshWriter(order: order("other")).resumePoint == nil)
        #expect(try freshWriter(order: order(attributes: true)).resumePoint == nil)
        #expect(try freshWriter("elsewhere").resumePoint == nil)
        #expect(try freshWriter().resumePoint != nil)
        #expect(try bench.leftovers == "", "the writer that took it up has been dropped")
    }

    @Test func `partial data that somebody has is nobody else's`() throws {
        let origin = ScriptedOrigin(tree: try Script.directory("") + Script.file("a", "a"))
        let folder = bench.receiver
        func writer() throws -> TreeWriter {
            try TreeWriter(
                destination: FilePath(bench.receiverRoot + "/copy"), overwrite: true, folder: folder, order: order())
        }
        let first = try writer()
        for message in origin.tree { try first.receive(message) }
        first.keepPartial()
        let second = try writer()
        #expect(second.resumePoint != nil)
        let third = try writer()
        #expect(third.resumePoint == nil)
        for message in origin.tree { try third.receive(message) }
        third.keepPartial(partialBytes: 0)
        second.beginStream()
        for message in origin.stream(from: second.resumePoint) { try second.receive(message) }
        #expect(try second.publish().resumedBytes == 1)
        #expect(try bench.leftovers == "")
    }

    @Test func `a stage that is not what its journal says is not believed`() throws {
        let origin = ScriptedOrigin(
            tree: try Script.directory("") + Script.file("a", "abc") + Script.directory("d")
                + Script.open("z", size: 9000) + [Script.chunk(0, Array(repeating: 1, count: 600))])
        for damage in [
            "rm a", "echo longer > a", "rmdir d", "rm -r d; ln -s .. d", "truncate -s 1 z", "rm z; mkfifo z",
            "cd ..; cp -r $OLDPWD x; rm -r $OLDPWD; mv x $OLDPWD",
        ] {
            _ = try receive(origin.tree.count, of: origin)
            try bench.run("cd receiver/.baton-stage-*; cd -; cd receiver/.baton-stage-*; \(damage)")
            #expect(try freshWriter().resumePoint == nil, "\(damage)")
            _ = try WorkFolder(root: bench.receiver.root).sweep()
            #expect(try bench.leftovers == "", "\(damage)")
        }
    }

    @Test func `what lies in the open file beyond the last mark is cut off`() throws {
        let origin = ScriptedOrigin(
            tree: try Script.open("", size: 9000) + [
                Script.chunk(0, Array(repeating: 1, count: 600)),
                Script.chunk(8000, Array(repeating: 1, count: 1000), isLast: true),
            ])
        _ = try receive(2, of: origin)
        try bench.run("head -c 3000 /dev/urandom >> receiver/.baton-stage-*; chmod 0 receiver/.baton-stage-*")
        #expect(try complete(origin).resumedBytes == 600)
        #expect(try bench.run("head -c 8000 receiver/copy | tail -c 7400 | tr -d '\\0' | wc -c") == "0\n")
    }

    @Test func `a journal of another start of the machine, or of garbage, is not believed`() throws {
        let origin = ScriptedOrigin(tree: try Script.directory("") + Script.file("a", "abc"))
        for damage in [
            "printf X | dd of=FILE bs=1 seek=30 conv=notrunc status=none", "head -c 300 /dev/urandom > FILE",
            ": > FILE",
            "printf '\\xff' | dd of=FILE conv=notrunc status=none", "rm FILE; mkdir FILE",
        ] {
            _ = try receive(100, of: origin)
            try bench.run(damage.replacingOccurrences(of: "FILE", with: journal()))
            #expect(try freshWriter().resumePoint == nil, "\(damage)")
            try bench.run("rm -rf receiver/.baton/stages/*.journal")
            _ = try WorkFolder(root: bench.receiver.root).sweep()
            #expect(try bench.leftovers == "", "\(damage)")
        }
    }

    @Test func `the old content that publishing leaves under the stage's name is never taken for partial data`() throws
    {
        let origin = ScriptedOrigin(tree: try Script.directory("") + Script.file("a", "new"))
        try bench.run("mkdir receiver/copy; echo ol > receiver/copy/a")
        let path = bench.receiverRoot
        var calls = FileSystemCalls()
        calls.rename = { directory, name, newName, way throws(Errno) in
            try directory.rename(name, to: newName, way)
            // Killed at this moment: the journal and the record stay.
            _ = try? shell("cp -r \(path)/.baton/stages \(path)/../kept; mv \(path)/.baton-stage-* \(path)/../old")
        }
        _ = try receive(100, of: origin)
        let writer = try freshWriter(calls: calls)
        writer.beginStream()
        for message in origin.stream(from: writer.resumePoint) { try writer.receive(message) }
        _ = try writer.publish()
        try bench.run("cp kept/* receiver/.baton/stages; mv old receiver/.baton-stage-$(ls kept | head -1)")
        #expect(try freshWriter().resumePoint == nil)
        let folder = try WorkFolder(root: bench.receiver.root)
        try bench.run("cat receiver/copy/a")
        #expect(folder.sweep().kept.isEmpty)
        #expect(try bench.run("cat receiver/copy/a") == "new")
        #expect(try bench.leftovers == "")
    }

    @Test func `a full disk leaves partial data that a later get goes on with`() throws {
        let origin = ScriptedOrigin(tree: try ResumeTests.mixedTree())
        var calls = FileSystemCalls()
        calls.write = { file, memory, offset throws(Errno) in
            guard offset < 4000 else { throw .noSpace }
            try file.write(memory, at: offset)
        }
        let writer = try freshWriter(calls: calls)
        try expectError(.noSpace) { for message in origin.tree { try writer.receive(message) } }
        writer.keepPartial()
        #expect(try complete(origin).resumedBytes == 5 + 4 + 1400)
        #expect(try description("copy") == reference(origin))
    }

    @Test func `an order of which nothing came to lie there leaves nothing to a later get`() throws {
        let writer = try freshWriter(calls: FileSystemCalls())
        // It is refused only once its stage is recorded: no attributes were asked for.
        let top = try Script.directory("", mode: 0o755, [ExtendedAttribute(name: Array("user.a".utf8), value: [])])
        try expectError(.corrupt) { for message in top { try writer.receive(message) } }
        writer.keepPartial()
        #expect(try bench.leftovers == "")
    }

    // MARK: What is kept

    /// Partial data of `size` bytes and its journal.
    private func keep(_ name: String, _ size: Int, partialBytes: UInt64 = 1 << 30) throws {
        let writer = try freshWriter(name, order: order(name))
        for message in try Script.directory("") + Script.file("f", String(repeating: "x", count: size)) {
            try writer.receive(message)
        }
        writer.keepPartial(partialBytes: partialBytes)
    }

    private func kept(_ names: String...) throws -> [String] {
        try names.filter { name in
            let writer = try freshWriter(name, order: order(name))
            defer { writer.keepPartial() }
            return writer.resumePoint != nil
        }
    }

    @Test(arguments: ["printf CORRUPTION | dd of=$f bs=1 seek=100 conv=notrunc status=none", "chmod 640 $f"])
    func `partial data that somebody touched after its last word is not gone on with`(_ tampering: String) throws {
        try keep("a", 10_000)
        try bench.run(
            "sleep 1.2; f=$(echo receiver/.baton-stage-*/f); cp -p $f kept; \(tampering); touch -r kept $f; rm kept")
        let writer = try freshWriter("a", order: order("a"))
        #expect(writer.resumePoint == nil)
        writer.discard()
        #expect(try bench.leftovers == "")
    }

    @Test func `a sweep keeps partial data that is young enough, the newest within the total`() throws {
        for name in ["a", "b", "c", "d"] { try keep(name, 10_000) }
        try bench.run(
            """
            cd receiver/.baton/stages; for f in *.journal; do
            case $(strings $f | grep -o 'receiver/.$') in */a) at=-30hour;; */b) at=-3hour;; */c) at=-2hour;; *) at=-1hour;; esac
            touch -d "now $at" $f; done
            """)
        let folder = try WorkFolder(root: bench.receiver.root)
        let report = folder.sweep(partialBytes: 25_000)
        #expect(report.kept.count == 2)
        #expect(report.removed.count == 2)
        #expect(try kept("a", "b", "c", "d") == ["c", "d"])
        #expect(folder.sweep(partialAge: .seconds(5000), partialBytes: 25_000).kept.count <= 2)
        #expect(folder.sweep(partialBytes: 0).kept.isEmpty)
        #expect(try bench.leftovers == "")
    }

    @Test func `a sweep removes partial data that is too old`() throws {
        try keep("a", 10)
        try bench.run("touch -d '25 hours ago' receiver/.baton/stages/*.journal")
        #expect(try WorkFolder(root: bench.receiver.root).sweep(partialAge: .seconds(26 * 3600)).kept.count == 1)
        #expect(try WorkFolder(root: bench.receiver.root).sweep().removed.count == 1)
        #expect(try bench.leftovers == "")
    }

    @Test func `what a failed get leaves is within the total, too, the newest first`() throws {
        try keep("a", 10_000)
        try bench.run("touch -d '1 hour ago' receiver/.baton/stages/*.journal")
        try keep("b", 10_000, partialBytes: 15_000)
        #expect(try kept("a", "b") == ["b"])
        try keep("b", 20_000, partialBytes: 15_000)
        #expect(try kept("a", "b") == [])
        #expect(try bench.leftovers == "")
    }

    @Test func `a get that brought nothing leaves nothing`() throws {
        try freshWriter("made/copy").keepPartial()
        #expect(try bench.run("ls receiver") == "")
        #expect(try bench.leftovers == "")
    }

    @Test func `journals without a record go`() throws {
        try bench.run("cd receiver/.baton/stages; touch 0123456789abcdef0123456789abcdef.journal other.journal")
        _ = bench.receiver.sweep()
        #expect(try bench.run("ls receiver/.baton/stages") == "other.journal\n")
    }
}

extension Script {
    static func bytes(of messages: some Sequence<Message>) -> UInt64 {
        messages.reduce(0) { sum, message in
            if case .chunk(let chunk) = message { sum + UInt64(chunk.data.readableBytes) } else { sum }
        }
    }
}
