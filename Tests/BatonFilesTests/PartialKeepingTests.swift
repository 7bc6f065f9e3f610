import BatonProtocol
import Foundation
import NIOCore
import SystemPackage
import Testing

@testable import BatonFiles

/// How much partial data is kept, and for how long.
@Suite struct PartialKeepingTests: Resuming {
    let bench: Bench
    init() throws { bench = try Bench() }

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
