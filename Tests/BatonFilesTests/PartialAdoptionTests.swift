import BatonProtocol
import Foundation
import NIOCore
import SystemPackage
import Testing

@testable import BatonFiles

/// Whose partial data a get goes on with, and what of it it believes.
@Suite struct PartialAdoptionTests: Resuming {
    let bench: Bench
    init() throws { bench = try Bench() }

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
        let origin = ScriptedOrigin(tree: try Script.mixedTree())
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
}
