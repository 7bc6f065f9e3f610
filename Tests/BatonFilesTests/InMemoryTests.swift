import BatonProtocol
import Testing

@testable import BatonFiles

/// What is told from what the kernel has in memory is what a full look tells, or nothing.
@Suite struct InMemoryTests {
    let bench: Bench

    init() throws {
        bench = try Bench()
        try bench.run(
            """
            cd origin; mkdir -p in/deep out 'in/.baton-like' secret; echo x > in/deep/file; echo x > out/file; echo x > in/.baton-like/file
            ln -s deep in/inward; ln -s ../out in/outward; ln -s deep/file in/link; ln -s nowhere in/dangling
            ln -s ../.baton in/hidden; echo x > secret/file; ln -s in alias
            """)
    }

    @Test(arguments: [
        "in", "in/deep", "in/deep/file", "in/inward/file", "in/link", "in/.baton-like/file", "in/missing",
        "in/dangling",
        "alias/deep/file",
    ])
    func `what is shared`(_ path: String) throws {
        let files = try bench.shared("in", "alias")
        let path = try PathName(path)
        let expected = try files.exists(path)
        // Once looked at, it is in memory.
        #expect(files.existsInMemory(path) == expected)
    }

    @Test(arguments: ["in/outward/file", "in/hidden/stages", "out/file", ".baton/stages", "secret/file"])
    func `what is not shared is never said to be there`(_ path: String) throws {
        let files = try bench.shared("in", "alias")
        let path = try PathName(path)
        try expectError(.notShared) { try files.exists(path) }
        #expect(files.existsInMemory(path) == nil)
    }

    @Test func `what may not be served is not said to be there, however often it was looked at`() throws {
        let files = try bench.shared("in")
        let path = try PathName("in/deep/file")
        #expect(files.existsInMemory(path) == true)
        try bench.run("chmod 500 origin/in")
        try asOrdinaryUser {
            try expectError(.permission) { try files.exists(path) }
            #expect(files.existsInMemory(path) == nil)
        }
        try bench.run("chmod 700 origin/in")
        #expect(files.existsInMemory(path) == true)
    }

    @Test func `what has gone is not there`() throws {
        let files = try bench.shared("in")
        let path = try PathName("in/deep/file")
        #expect(files.existsInMemory(path) == true)
        try bench.run("rm origin/in/deep/file")
        #expect(files.existsInMemory(path) == false)
    }
}
