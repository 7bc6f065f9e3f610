import BatonProtocol
import NIOCore
import SystemPackage
import Testing

@testable import BatonFiles

/// What a receiver has of an earlier tree need not travel again.
@Suite struct KeptTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    /// Transfers `tree`, as it is now, to `name` at the receiver.
    ///
    /// - Parameters:
    ///   - kept: what the sender noted the last time.
    ///   - base: where the tree of the last time lies at the receiver.
    private func transfer(
        to name: String, kept: KeptVersions? = nil, base: String? = nil
    ) throws -> (kept: KeptVersions, publication: Publication, chunks: Int) {
        var order = TreeWriter.Order(source: try Reference("lit://origin@tree"))
        order.notesVersions = true
        if let base {
            order.base = BaseTree(
                directory: try Descriptor.place(of: FileName(Array(bench.receiverRoot.utf8))),
                name: FileName(base.utf8))
        }
        let writer = try TreeWriter(
            destination: FilePath(bench.receiverRoot + "/" + name), overwrite: false, folder: bench.receiver,
            order: order)
        let reader = try bench.reading("tree", base: kept).reader
        var decoder = FrameDecoder(connection: .lane)
        decoder.isGreeted = true
        var chunks = 0
        while let burst = try reader.nextBurst() {
            decoder.feed(burst.frames)
            while let frame = try decoder.next() {
                if frame.type == .chunk { chunks += 1 }
                try writer.receive(frame)
            }
        }
        return (reader.kept, try writer.publish(), chunks)
    }

    @Test func `of a thousand files of which one has changed, one travels`() throws {
        try bench.run(
            "cd origin; mkdir tree tree/d; for n in $(seq 1000); do echo $n > tree/d/$n; done; ln tree/d/1 tree/link")
        let first = try transfer(to: "one")
        #expect(first.chunks == 1000)
        try bench.run("cd origin; echo changed > tree/d/500")
        let second = try transfer(to: "two", kept: first.kept, base: "one")
        #expect(second.chunks == 1)
        #expect(second.publication.files == 1000)
        try bench.run("diff -r origin/tree receiver/two; test receiver/two/d/1 -ef receiver/two/link")
        #expect(try bench.run("cat receiver/one/d/500") == "500\n", "the base stays as it was")
        #expect(try bench.run("stat -c %i receiver/one/d/7") == bench.run("stat -c %i receiver/two/d/7"))
    }

    @Test func `the versions of all entries are noted, kept or not`() throws {
        try bench.run("cd origin; mkdir tree; echo a > tree/a; ln -s a tree/l")
        let first = try transfer(to: "one")
        let second = try transfer(to: "two", kept: first.kept, base: "one")
        for path in ["", "a", "l"] {
            let version = first.publication.versions?[Array(path.utf8)]
            #expect(version != nil && version == second.publication.versions?[Array(path.utf8)])
        }
    }

    @Test func `a file that is rewritten with the same size and time is sent again`() throws {
        try bench.run("cd origin; mkdir tree; echo a > tree/a; touch -d 2001-01-01 tree/a")
        let first = try transfer(to: "one")
        try bench.run("cd origin; echo b > tree/a; touch -d 2001-01-01 tree/a")
        let second = try transfer(to: "two", kept: first.kept, base: "one")
        #expect(second.chunks == 1)
        #expect(try bench.run("cat receiver/two/a") == "b\n")
    }

    // MARK: What a sender claims

    private func kept(_ path: String, size: UInt64, mode: UInt16 = 0o644) throws -> [Message] {
        var entry = TreeEntry(
            kind: .file, mode: mode, size: size, modified: Script.time, path: try PathName(path), isLast: true)
        entry.isKept = true
        return [.entry(entry)]
    }

    private func receive(_ messages: [Message], base: Bool = true) throws {
        try bench.run(
            "mkdir receiver/base; cd receiver/base; printf hello > a; chmod 644 a; touch -d @981173106.000000007 a; ln -s /etc/hostname l; ln -s / up"
        )
        var order = TreeWriter.Order(source: try Reference("lit://origin@tree"))
        if base {
            order.base = BaseTree(
                directory: try Descriptor.place(of: FileName(Array(bench.receiverRoot.utf8))),
                name: FileName("base".utf8))
        }
        let writer = try TreeWriter(
            destination: FilePath(bench.receiverRoot + "/copy"), overwrite: false, folder: bench.receiver, order: order)
        for message in messages + Script.end(of: messages) { try writer.receive(message) }
        _ = try writer.publish()
    }

    @Test func `a kept file is the one of the base`() throws {
        try receive(Script.directory("") + kept("a", size: 5))
        #expect(try bench.run("cat receiver/copy/a") == "hello")
    }

    @Test(arguments: [("a", 6, 0o644), ("a", 5, 0o600), ("b", 5, 0o644), ("l", 5, 0o644), ("a/b", 5, 0o644)])
    func `a kept file that the base does not have so is refused`(path: String, size: Int, mode: Int) throws {
        try expectError(.corrupt) {
            let parents = try path.contains("/") ? Script.directory("a") : []
            try receive(Script.directory("") + parents + kept(path, size: UInt64(size), mode: UInt16(mode)))
        }
    }

    @Test func `a kept file is never looked up through a link of the base`() throws {
        try expectError(.corrupt) {
            try receive(
                Script.directory("") + Script.directory("up") + Script.directory("up/etc")
                    + kept("up/etc/hostname", size: 5))
        }
    }

    @Test func `a kept file is refused where there is no base`() throws {
        try expectError(.corrupt) { try receive(Script.directory("") + kept("a", size: 5), base: false) }
    }

    // MARK: The note

    @Test func `what is noted is read again for the same generation only, and not if it is damaged`() throws {
        let path = try PathName("outputs")
        let kept = KeptVersions(seed: 7, fingerprints: [1, 2, 3])
        bench.receiver.note(kept, of: path, stamp: 42)
        #expect(bench.receiver.kept(of: path, stamp: 42) == kept)
        #expect(bench.receiver.kept(of: path, stamp: 43) == nil)
        #expect(bench.receiver.kept(of: .root, stamp: 42) == nil)
        try bench.run(
            "for f in receiver/.baton/kept/*; do printf X | dd of=$f bs=1 seek=33 conv=notrunc status=none; done")
        #expect(bench.receiver.kept(of: path, stamp: 42) == nil)
        try bench.run("for f in receiver/.baton/kept/*; do truncate -s 24 $f; done")
        #expect(bench.receiver.kept(of: path, stamp: 42) == nil)
    }
}
