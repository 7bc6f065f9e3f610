import BatonProtocol
import Foundation
import SystemPackage
import Testing

@testable import BatonFiles

/// A generation that is not what its manifest says is never served, and never removed unasked.
@Suite struct StoreDamageTests {
    let bench: StoreBench
    init() throws { bench = try StoreBench() }

    /// Two generations of `out`; the second is to be damaged.
    private func makeGenerations() throws {
        try bench.bench.run(
            """
            cd origin; mkdir -p out/d/empty; echo one > out/a; echo two > out/d/b; ln out/a out/d/again; ln -s a out/l
            touch -d 2020-01-01 out/a out/d/b out/d out
            """)
        try bench.persist("out")
        try bench.bench.run("cd origin/out; printf three > d/c; echo uno > a; touch -d 2021-01-01 a d .")
        try bench.persist("out")
    }

    static let damages = [
        "rm manifest", ": > manifest", "truncate -s -1 manifest", "truncate -s -100 manifest", "echo >> manifest",
        "sed -i s/d.c/d%2Fc/ manifest", "sed -i 's/^generation 2/generation 3/' manifest", "rm -r content",
        "rm content/d/c", "echo x > content/new", "mkdir content/d/new", "truncate -s 1 content/a", "touch content/a",
        "chmod 600 content/a", "chmod 700 content/d", "touch content/d",
        "rm content/d/again; cp -p content/a content/d/again",
        "ln -sfn b content/l", "rm content/l; mkdir content/l", "rm content/d/c; mkfifo content/d/c",
        "rmdir content/d/empty",
        "mv content/d/c content/d/e", "touch strange", "rm -r content; ln -s ../1/content content",
        "cp ../1/manifest manifest",
        "mv content/a x; ln -s ../x content/a", "mv manifest m; mkdir manifest",
    ]

    @Test(arguments: damages)
    func `a damaged generation is found at start, and the one before it answers`(damage: String) throws {
        try makeGenerations()
        bench.close()
        try bench.bench.run("cd \(bench.shelf("out"))/2; \(damage)")
        try bench.open()
        #expect(bench.report.damaged.count == 1 && bench.report.damaged[0].contains("lit://out generation 2: "))
        #expect(try bench.items("out").map(\.isDamaged) == [false, true])
        let tree = try #require(try bench.tree("out"))
        #expect(tree.generation == 1)
        try bench.get("out", to: "copy")
        #expect(try bench.bench.run("cat receiver/copy/a") == "one\n")
        #expect(try bench.store.sweep().removed == [])
        #expect(try bench.bench.run("ls -d \(bench.shelf("out"))/2").isEmpty == false, "it is left as it is")
        #expect(try bench.store.verify(PathName("out"), of: bench.owner, generation: 2) {}.isDamaged)
        // The next one has its own number, and is whole.
        #expect(try bench.persist("out").generation == 3)
        #expect(try bench.tree("out")?.generation == 3)
        #expect(try bench.store.verify(PathName("out"), of: bench.owner, generation: 3) {}.isDamaged == false)
        // Whoever wants to gets rid of it.
        _ = try bench.store.remove(PathName("out"), of: bench.owner, generation: 2)
        #expect(try bench.generations("out") == [1, 3])
    }

    @Test func `a path without a good generation is answered by what covers it, or by nobody`() throws {
        try makeGenerations()
        try bench.persist("out/d")
        bench.close()
        try bench.bench.run("cd \(bench.shelf("out%2Fd"))/1; rm manifest")
        try bench.open()
        #expect(try bench.tree("out/d/b")?.declared == PathName("out"))
        bench.close()
        try bench.bench.run("cd \(bench.shelf("out")); rm 1/manifest 2/manifest")
        try bench.open()
        #expect(try bench.tree("out/d/b") == nil)
        #expect(try !bench.store.covers(PathName("out"), of: bench.owner))
        #expect(bench.report.damaged.count == 3 && bench.report.generations == 3)
    }

    @Test func `a flipped byte is found by verify, remembered, and forgiven once it is put right`() throws {
        try makeGenerations()
        let file = bench.shelf("out") + "/2/content/d/c"
        try bench.bench.run(
            "cp -p \(file) saved; printf X | dd of=\(file) bs=1 seek=2 conv=notrunc status=none; touch -r saved \(file)"
        )
        #expect(try bench.items("out").map(\.isDamaged) == [false, false])
        let item = try bench.store.verify(PathName("out"), of: bench.owner, generation: 2) {}
        #expect(item.isDamaged && item.isNewest)
        #expect(try bench.tree("out")?.generation == 1)
        #expect(
            try bench.bench.run("cat \(bench.shelf("out"))/2/damaged") == "has other content than was stored: 'd/c'")
        try bench.open()
        #expect(bench.report.damaged.count == 1)
        #expect(try bench.tree("out")?.generation == 1)
        try bench.bench.run("cp -p saved \(file); touch -r saved \(file)")
        #expect(try bench.store.verify(PathName("out"), of: bench.owner, generation: 2) {}.isDamaged == false)
        #expect(try bench.tree("out")?.generation == 2)
        try bench.open()
        #expect(bench.report.damaged == [])
        #expect(try bench.tree("out")?.generation == 2)
    }

    @Test func `verify finds changed attributes, and stops when nobody wants to know any more`() throws {
        try makeGenerations()
        try expectError(.cancelled) {
            try bench.store.verify(PathName("out"), of: bench.owner, generation: 1) { () throws(BatonError) in
                throw BatonError(.cancelled, "")
            }
        }
        #expect(try bench.items("out").map(\.isDamaged) == [false, false])
        guard (try? bench.bench.run("setfattr -n user.x -v y \(bench.shelf("out"))/1/content/d/b")) != nil else {
            return
        }
        #expect(try bench.store.verify(PathName("out"), of: bench.owner, generation: 1) {}.isDamaged)
        try expectError(.notFound) { try bench.store.verify(PathName("out"), of: bench.owner, generation: 3) {} }
    }

    @Test func `what is not the store's is named and left alone`() throws {
        try makeGenerations()
        bench.close()
        try bench.bench.run(
            """
            cd store/artifacts; touch stray; mkdir .hidden example.org/demo/trainer/out/notes example.org/demo/trainer/out/01
            mkdir example.org/demo/trainer/out/18446744073709551615
            touch example.org/demo/trainer/file; ln -s / example.org/link
            """)
        try bench.open()
        #expect(
            bench.report.strange.sorted() == [
                "artifacts/.hidden", "artifacts/example.org/demo/trainer/file",
                "artifacts/example.org/demo/trainer/out/01",
                "artifacts/example.org/demo/trainer/out/18446744073709551615",
                "artifacts/example.org/demo/trainer/out/notes", "artifacts/example.org/link", "artifacts/stray",
            ])
        #expect(bench.report.damaged == [] && bench.report.generations == 2)
        try bench.write("new", to: "out/new")
        #expect(try bench.persist("out").generation == 3)
        #expect(try bench.bench.run("ls -d store/artifacts/stray store/artifacts/.hidden | wc -l") == "2\n")
    }

    @Test func `a generation that somebody takes away while the store is open answers no more`() throws {
        try makeGenerations()
        try bench.bench.run("rm -r \(bench.shelf("out"))/2")
        #expect(try bench.tree("out")?.generation == 1)
        #expect(try bench.items("out").map(\.isDamaged) == [false, true])
        try bench.bench.run("rm -r \(bench.shelf("out"))")
        #expect(try bench.tree("out") == nil)
        #expect(try bench.persist("out").generation == 3)
        _ = try bench.store.remove(PathName("out"), of: bench.owner, generation: 1)
        #expect(try bench.generations("out") == [2, 3])
        try bench.open()
        #expect(bench.report.damaged == [])
        #expect(try bench.generations("out") == [3])
    }

    @Test func `a generation in another's place is not taken for it`() throws {
        try makeGenerations()
        try bench.write("secret", to: "other")
        try bench.persist("other")
        bench.close()
        try bench.bench.run("cp -a \(bench.shelf("other"))/1 \(bench.shelf("out"))/7")
        try bench.open()
        #expect(bench.report.damaged.count == 1)
        #expect(try bench.tree("out")?.generation == 2)
        #expect(try bench.persist("out").outcome == .unchanged)
        try bench.write("x", to: "out/x")
        #expect(try bench.persist("out").generation == 8)
    }
}
