import BatonProtocol
import Foundation
import SystemPackage
import Testing

@testable import BatonFiles

/// What works leave behind lies in the store as generations of their paths, each whole and exact.
@Suite struct StoreTests {
    let bench: StoreBench
    init() throws { bench = try StoreBench() }

    private var run: (String) throws -> String {
        { [bench] script in try bench.bench.run(script) }
    }

    /// Every kind of entry, odd names, holes, hard links, modes that keep their owner out, attributes.
    private func makeMixedTree() throws {
        _ = try run(
            #"""
            cd origin; mkdir -p out/empty out/a/deep out/locked; cd out
            echo one > a/one; echo two > "a b"; : > nothing; ln a/one a/deep/again; ln a/one 0first; ln -s a/one link
            ln -s /etc/passwd away; ln -s . here; printf x > $'odd\n\xff%20 #'; truncate -s 5M hole; echo end >> hole
            printf start > holes; truncate -s 3M holes; echo exec > run; chmod 4755 run; chmod 0 locked/../nothing
            echo secret > locked/file; chmod 0400 locked/file; chmod 0500 locked; mkfifo fifo
            setfattr -n user.note -v kept "a b" 2>/dev/null || true; setfattr -n user.note -v dir a 2>/dev/null || true
            touch -h -d '1999-12-31 23:59:59.123456789' link a/one; touch -d '2030-01-01' a; touch -d '1960-01-01' .
            """#)
    }

    // MARK: Layout

    @Test func `a person finds a work's files with ls, cp and sha256sum`() throws {
        try bench.write("weights", to: "outputs/checkpoints/epoch=9.ckpt")
        let receipt = try bench.persist("outputs/checkpoints")
        let shelf = bench.shelf("outputs%2Fcheckpoints")
        #expect(try run("ls '\(shelf)'") == "1\nabout\n")
        #expect(try run("ls '\(shelf)/1'") == "content\nmanifest\n")
        #expect(try run("cat '\(shelf)/1/content/epoch=9.ckpt'") == "weights")
        #expect(try run("cat '\(shelf)/about'") == "reference lit://outputs/checkpoints\nlast 0\n")
        let sum = try run("sha256sum < '\(shelf)/1/content/epoch=9.ckpt' | cut -c 1-64")
        let manifest = try run("cat '\(shelf)/1/manifest'")
        #expect(manifest.contains(sum.trimmingCharacters(in: .newlines)))
        #expect(manifest.contains("reference lit://trainer@outputs/checkpoints\n"))
        #expect(manifest.contains("digest \(receipt.digest.hexadecimal)\n"))
        #expect(try bench.leftovers == "")
    }

    @Test func `a path that is a file is a file in the store`() throws {
        try bench.write("42", to: "result.txt")
        let receipt = try bench.persist("result.txt")
        #expect(receipt.outcome == .stored && receipt.files == 1 && receipt.bytes == 2 && receipt.sent == 2)
        #expect(try run("cat \(bench.shelf("result.txt"))/1/content") == "42")
        #expect(try bench.digest("result.txt") == receipt.digest.hexadecimal)
        try bench.get("result.txt", to: "copy")
        try bench.bench.run("cmp origin/result.txt receiver/copy")
    }

    @Test(arguments: [
        ("outputs/checkpoints", "outputs%2Fcheckpoints"), ("", "%2E"), ("/", "%2F"), (".cache", "%2Ecache"),
        ("a b%c", "a%20b%25c"), ("x/.y", "x%2F.y"), ("/abs/é", "%2Fabs%2Fé"), ("sha256-x", "sha256-x"),
        (".\u{32F}x", "%2E\u{32F}x"),
    ])
    func `the name of a shelf can be read, and is the path's alone`(path: String, token: String) throws {
        #expect(StoreNames.token(path.utf8) == token)
        #expect(StoreNames.path(token) == (try PathName(path)))
    }

    @Test func `a path too long for a name has a digest for it, and is written down`() throws {
        let path = (0..<20).map { "component-\($0)" }.joined(separator: "/")
        try bench.write("deep", to: path + "/file")
        try bench.persist(path)
        let name = try run("ls '\(bench.shelf(""))'").trimmingCharacters(in: .newlines)
        #expect(name.hasPrefix("%sha256-") && name.utf8.count == 72)
        try bench.open()
        #expect(bench.report.damaged == [] && bench.report.strange == [])
        #expect(try bench.exists(path + "/file"))
    }

    @Test(arguments: ["..", ".", ".baton", "a/b", "\u{7}", String(repeating: "d", count: 255)])
    func `no name of a trust domain leads out of the store`(domain: String) throws {
        let owner = try ArtifactOwner(trustDomain: domain, app: WorkName("..."), work: WorkName(".baton"))
        _ = try bench.store.fence(owner, epoch: 1)
        try bench.write("x", to: "file")
        try bench.persist("file", of: owner)
        #expect(try bench.tree("file", of: owner)?.exists(PathName("file")) == true)
        let lines = try run("cd store; find . -path ./.baton -prune -o -name content -print").split(separator: "\n")
        #expect(lines.count == 1 && lines[0].split(separator: "/").count == 8)
        try bench.open()
        #expect(bench.report.generations == 1 && bench.report.strange == [] && bench.report.damaged == [])
    }

    // MARK: Exactness

    @Test func `what comes back is what was persisted, to the bit, also after a restart`() throws {
        try makeMixedTree()
        let receipt = try bench.persist("out")
        try bench.open()
        #expect(bench.report.damaged == [])
        try bench.get("out", to: "copy", attributes: true)
        _ = try run("rm origin/out/fifo; chmod u-s origin/out/run; touch -d '1960-01-01' origin/out")
        #expect(try bench.bench.description(of: "origin/out") == bench.bench.description(of: "receiver/copy"))
        #expect(
            try run("cd receiver/copy; test a/one -ef a/deep/again && test a/one -ef 0first && stat -c %h a/one")
                == "3\n")
        #expect(try run("cd receiver/copy; test $(du -k hole | cut -f 1) -lt 1000 && echo sparse") == "sparse\n")
        #expect(
            try run("cd receiver/copy; getfattr --only-values -n user.note 'a b' a 2>/dev/null || echo -n keptdir")
                == "keptdir")
        // The script reads what only its owner may: as root.
        if geteuid() == 0 {
            #expect(try bench.scriptedDigest(bench.bench.top + "/receiver/copy") == receipt.digest.hexadecimal)
            #expect(try bench.scriptedDigest(bench.shelf("out") + "/1/content") == receipt.digest.hexadecimal)
        }
        #expect(try bench.digest("out") == receipt.digest.hexadecimal)
        #expect(try bench.store.verify(PathName("out"), of: bench.owner, generation: 1) {}.isDamaged == false)
    }

    @Test func `store and live copy have the same size, files and digest, of every part`() throws {
        try makeMixedTree()
        try bench.persist("out")
        let files = try bench.bench.shared("out")
        let stored = try #require(try bench.tree("out"))
        for path in [
            "out", "out/a", "out/a/deep", "out/a/deep/again", "out/empty", "out/link", "out/a b", "out/here/a",
        ] {
            let path = try PathName(path)
            var live = try files.stat(path, digest: true)
            live.source = .stored(generation: 1)
            if path == (try PathName("out")) { live.mode = try stored.stat(path, digest: false).mode }
            #expect(try stored.stat(path, digest: true) == live)
            var list = try files.list(path, after: [], limit: 100)
            list.source = .stored(generation: 1)
            list.items.removeAll { $0.kind == .other }
            #expect(try stored.list(path, after: [], limit: 100) == list)
        }
    }

    @Test func `entries keep the versions that they had at their origin`() throws {
        try makeMixedTree()
        let live = try messages(bench.bench.shared("out").open(PathName("out"), stream: 1))
        try bench.persist("out")
        try bench.open()
        for path in ["out", "out/a", "out/link"] {
            let stored = try messages(#require(try bench.tree(path)).open(PathName(path), stream: 1))
            let expected =
                path == "out" ? live : try messages(bench.bench.shared("out").open(PathName(path), stream: 1))
            #expect(versions(stored) == versions(expected))
        }
    }

    private func versions(_ messages: [Message]) -> [String] {
        messages.compactMap { message in
            guard case .entry(let entry) = message else { return nil }
            return "\(entry.path) \(entry.version) \(entry.kind) \(String(decoding: entry.target, as: UTF8.self))"
        }
    }

    @Test func `a get that a live work began goes on from the store`() throws {
        try makeMixedTree()
        // Of what cannot travel the store knows nothing: a get that has passed it begins anew.
        _ = try run("rm origin/out/fifo")
        try bench.persist("out")
        let live = try messages(bench.bench.shared("out").open(PathName("out"), stream: 1))
        func writer() throws -> TreeWriter {
            try TreeWriter(
                destination: FilePath(bench.bench.receiverRoot + "/copy"), overwrite: true,
                folder: bench.bench.receiver, order: TreeWriter.Order(source: Reference("lit://trainer@out")))
        }
        for count in [1, 3, live.count / 2, live.count - 1] {
            let writer = try writer()
            for message in live.prefix(count) { try writer.receive(message) }
            let point = try #require(writer.resumePoint)
            writer.beginStream()
            let rest = try messages(
                #require(try bench.tree("out")).open(
                    PathName("out"), stream: 1, order: TreeReader.Order(resume: point)))
            #expect(rest.count <= live.count - count + 1, "nothing comes twice")
            for message in rest { try writer.receive(message) }
            _ = try writer.publish()
            #expect(
                try bench.bench.description(of: "receiver/copy")
                    == bench.bench.description(of: bench.shelf("out") + "/1/content"))
        }
    }

    // MARK: Generations

    @Test func `each change is a generation of its own, and the newest answers`() throws {
        for number in 1...3 {
            try bench.write("\(number)", to: "out/file")
            let receipt = try bench.persist("out")
            #expect(receipt.generation == UInt64(number) && receipt.outcome == .stored && receipt.stamp != 0)
            #expect(try bench.tree("out")?.generation == UInt64(number))
        }
        #expect(try bench.generations("out") == [1, 2, 3])
        #expect(try run("cat \(bench.shelf("out"))/{1,2,3}/content/file") == "123")
        try bench.open()
        #expect(try bench.generations("out") == [1, 2, 3])
        #expect(try bench.items().map(\.isNewest) == [false, false, true])
    }

    @Test func `what is the same is no new generation`() throws {
        try makeMixedTree()
        let first = try bench.persist("out")
        let second = try bench.persist("out")
        #expect(second.outcome == .unchanged)
        #expect((second.generation, second.stamp, second.digest) == (1, first.stamp, first.digest))
        #expect((second.files, second.bytes, second.sent) == (first.files, first.bytes, 0))
        #expect(try bench.generations("out") == [1])
        #expect(try bench.leftovers == "")
    }

    @Test(arguments: [
        "touch -d 2020-01-01 out/a/file", "chmod 600 out/a/file", "ln -sfn elsewhere out/link", "mkdir out/new",
        "rm out/b; ln out/a/file out/b", "setfattr -n user.x -v y out/a/file", "chmod 700 out",
        "touch -d 2020-01-01 out/a",
        "printf other > out/a/file", "touch -h -d 2020-01-01 out/link", "truncate -s 9 out/a/file", "mv out/b out/c",
    ])
    func `whatever a receiver could tell apart is a new generation`(change: String) throws {
        _ = try run("cd origin; mkdir -p out/a; echo x > out/a/file; cp -p out/a/file out/b; ln -s a out/link")
        if change.contains("setfattr"), (try? run("cd origin; setfattr -n user.x -v z out/b")) == nil { return }
        #expect(try bench.persist("out").outcome == .stored)
        _ = try run("cd origin; \(change)")
        #expect(try bench.persist("out").outcome == .stored)
        #expect(try bench.persist("out").outcome == .unchanged)
    }

    @Test func `a second persist sends what has changed, and shares the rest`() throws {
        _ = try run(
            "cd origin; mkdir -p out/d; for n in $(seq 300); do head -c 1000 /dev/urandom > out/d/$n; done; ln out/d/7 out/seven"
        )
        #expect(try bench.persist("out").sent == 300_000)
        let before = try bench.usage
        _ = try run("cd origin; head -c 1000 /dev/urandom > out/d/100")
        let second = try bench.persist("out")
        #expect((second.sent, second.files, second.bytes) == (1000, 300, 300_000))
        let added = try bench.usage - before
        #expect(added < before / 2, "shared files are counted once: \(added) on top of \(before)")
        _ = try run(
            "cd \(bench.shelf("out")); test 1/content/d/1 -ef 2/content/d/1; test 2/content/d/7 -ef 2/content/seven")
        #expect(try run("grep -c ' 2 d/100$' \(bench.shelf("out"))/2/manifest") == "1\n")
        #expect(try run("grep -c ' 1 d/99$' \(bench.shelf("out"))/2/manifest") == "1\n")
        for number in [1, 2] as [UInt64] {
            #expect(try bench.store.verify(PathName("out"), of: bench.owner, generation: number) {}.isDamaged == false)
        }
        let counted = try bench.usage
        try bench.open()
        #expect(try bench.usage == counted, "and after a restart, too")
        try bench.get("out", to: "copy")
        #expect(try run("diff -r origin/out receiver/copy && echo same") == "same\n")
    }

    @Test func `a number is never used again`() throws {
        try bench.write("1", to: "out")
        try bench.persist("out")
        try bench.write("2", to: "out")
        try bench.persist("out")
        _ = try bench.store.remove(PathName("out"), of: bench.owner, generation: nil)
        #expect(try bench.generations("out") == [])
        #expect(try bench.exists("out") == false)
        #expect(try bench.persist("out").generation == 3)
        _ = try bench.store.remove(PathName("out"), of: bench.owner, generation: 3)
        try bench.open()
        #expect(try bench.persist("out").generation == 4)
        #expect(try run("ls \(bench.shelf("out"))") == "4\nabout\n")
    }

    @Test func `a tree whose top is a link, or that has names of Baton's own, is refused`() throws {
        let link = Message.entry(
            TreeEntry(kind: .symbolicLink, mode: 0o777, modified: Script.time, path: .root, target: Array("/etc".utf8)))
        try expectError(.corrupt) { try bench.persist("out", messages: [link]) }
        let hidden = try Script.directory("") + Script.file(StageName().description, "hidden")
        try expectError(.corrupt) { try bench.persist("out", messages: hidden) }
        #expect(try bench.items() == [])
        #expect(try bench.leftovers == "")
    }
}
