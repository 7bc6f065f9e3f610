import BatonProtocol
import Foundation
import SystemPackage
import Testing

@testable import BatonFiles

/// Who answers for a path in the store, and with what.
@Suite struct StoreServingTests {
    let bench: StoreBench
    init() throws { bench = try StoreBench() }

    @Test func `the longest stored path that covers a path answers for it`() throws {
        try bench.write("old", to: "out/deep/file")
        try bench.persist("out")
        try bench.write("new", to: "out/deep/file")
        try bench.persist("out/deep")
        #expect(try bench.tree("out/deep/file")?.declared == PathName("out/deep"))
        #expect(try bench.tree("out/other")?.declared == PathName("out"))
        #expect(try bench.tree("outside") == nil)
        #expect(try bench.tree("/out") == nil)
        #expect(try bench.store.covers(PathName("out/x/y"), of: bench.owner))
        #expect(try !bench.store.covers(PathName("ou"), of: bench.owner))
    }

    @Test func `below a stored path what is missing there is not found`() throws {
        try bench.write("x", to: "out/file")
        try bench.persist("out")
        for path in ["out/none", "out/file/below", "out/none/deep"] {
            let tree = try #require(try bench.tree(path))
            #expect(try !tree.exists(PathName(path)))
            try expectError(.notFound) { try tree.stat(PathName(path), digest: true) }
            try expectError(.notFound) { try tree.list(PathName(path), after: [], limit: 1) }
            try expectError(.notFound) { try tree.open(PathName(path), stream: 1) }
        }
        try expectError(.notFound) { try #require(try bench.tree("out")).stat(PathName("elsewhere"), digest: false) }
    }

    @Test func `links are followed as long as they stay in the generation`() throws {
        try bench.bench.run(
            """
            cd origin; mkdir -p out/epochs/9; echo w > out/epochs/9/weights; ln -s epochs/9 out/last; ln -s 9 out/epochs/l
            ln -s ../../../../../../../../etc/passwd out/up; ln -s /etc/passwd out/away; ln -s weights out/epochs/9/w
            """)
        try bench.persist("out")
        let tree = try #require(try bench.tree("out"))
        for path in ["out/last/weights", "out/epochs/l/w"] {
            #expect(try tree.stat(PathName(path), digest: true).size == 2)
            try bench.get(path, to: "copy")
            #expect(try bench.bench.run("cat receiver/copy") == "w\n")
        }
        try bench.get("out/last", to: "directory")
        #expect(try bench.bench.run("cat receiver/directory/weights") == "w\n")
        for path in ["out/up", "out/away"] {
            try expectError(.notShared) { try tree.exists(PathName(path)) }
            try expectError(.notShared) { try tree.open(PathName(path), stream: 1) }
        }
    }

    @Test func `works of other apps and domains have other shelves`() throws {
        try bench.write("x", to: "out")
        try bench.persist("out")
        for (domain, app, work) in [
            ("example.com", "demo", "trainer"), ("example.org", "other", "trainer"), ("example.org", "demo", "x"),
        ] {
            let owner = try ArtifactOwner(trustDomain: domain, app: WorkName(app), work: WorkName(work))
            #expect(try !bench.store.covers(PathName("out"), of: owner))
            #expect(try bench.store.list(of: owner, path: nil, generation: nil, after: nil).items == [])
            try expectError(.notFound) { try bench.store.remove(PathName("out"), of: owner, generation: 1) }
        }
    }

    @Test
    func `a reader goes on to the end of a generation that is removed meanwhile, and of one that shares its files`()
        throws
    {
        try bench.write(bytes: 3_000_000, to: "out/file")
        try bench.write("1", to: "out/other")
        try bench.persist("out")
        var reading: Reading? = try Reading(#require(try bench.tree("out")).open(PathName("out"), stream: 1))
        try reading?.burst()
        try bench.write("2", to: "out/other")
        try bench.persist("out")
        _ = try bench.store.remove(PathName("out"), of: bench.owner, generation: 1)
        #expect(try bench.generations("out") == [2])
        _ = try bench.store.sweep()
        #expect(try bench.bench.run("ls store/.baton/trash | wc -l") == "1\n")
        let replica = try #require(try reading?.finish())
        #expect(replica.passes == 0 && replica.restartedFiles == 0)
        let data = try Data(contentsOf: URL(filePath: bench.bench.originRoot + "/out/file"))
        #expect(try replica.nodes[PathName("file")]?.data == Array(data))
        #expect(try replica.text("other") == "1")
        reading = nil
        _ = try bench.store.sweep()
        #expect(try bench.leftovers == "")
    }

    @Test func `a reader does not mind that other generations share its files, and cease to`() throws {
        try bench.write(bytes: 3_000_000, to: "out/file")
        try bench.persist("out")
        let reading = try Reading(#require(try bench.tree("out")).open(PathName("out"), stream: 1))
        try reading.burst()
        try bench.write("1", to: "out/other")
        try bench.persist("out")
        #expect(try bench.bench.run("stat -c %h \(bench.shelf("out"))/1/content/file") == "2\n")
        _ = try bench.store.remove(PathName("out"), of: bench.owner, generation: 2)
        #expect(try bench.bench.run("stat -c %h \(bench.shelf("out"))/1/content/file") == "1\n")
        let replica = try reading.finish()
        #expect(replica.passes == 0 && replica.restartedFiles == 0)
    }

    @Test func `a list comes in pages, in the order of the wire`() throws {
        for path in ["b", "a", "a/b", "a-b"] {
            try bench.persist(path, messages: Script.file("", path))
            try bench.persist(path, messages: Script.file("", path + path))
        }
        let all = try bench.items()
        #expect(
            all.map { "\($0.path) \($0.generation)" } == [
                "a 1", "a 2", "a-b 1", "a-b 2", "a/b 1", "a/b 2", "b 1", "b 2",
            ])
        for (index, item) in all.enumerated() {
            let after = (path: item.path, generation: item.generation)
            let rest = try bench.store.list(of: bench.owner, path: nil, generation: nil, after: after)
            #expect(rest.items == Array(all[(index + 1)...]))
        }
        #expect(try bench.store.list(of: bench.owner, path: PathName("a"), generation: 2, after: nil).items == [all[1]])
    }
}
