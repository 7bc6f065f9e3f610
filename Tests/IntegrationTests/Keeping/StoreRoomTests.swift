import Foundation
import Glibc
import Testing

@Suite("A store without room refuses before anything is lost", .timeLimit(.patientMinutes(30)))
struct StoreRoomTests {
    private static let megabyte = 1 << 20
    private let script = "mkdir outputs; head -c 1000000 /dev/urandom > outputs/file"

    /// What is stored of `trainer` is generation 1 still, whole, and others can be kept.
    private func expectIntact(_ cluster: Cluster, _ original: String) async throws {
        #expect(try await cluster.trainer.artifacts("verify").map(\.generation) == [1])
        let get = try await cluster.deploy.baton("get", "--stored", "--overwrite", "lit://trainer@outputs", "copy")
        #expect(get.status == 0, "\(get)")
        try await expectSame(original, cluster.deploy.root + "/copy")
    }

    /// Persists generation 1 and keeps a copy of it.
    private func persistFirst(_ cluster: Cluster) async throws -> String {
        try await cluster.trainer.persist()
        try await shell("cp -a outputs ../original", in: cluster.trainer.root)
        return cluster.folder.path("original")
    }

    @Test(
        "--quota: what is too large is refused with 73 and a sentence that says what to do; what is stored stays, and others are kept"
    )
    func quota() async throws {
        try await Cluster.run(keeping: ["--quota", "\(4 * StoreRoomTests.megabyte)"], script) { cluster in
            let original = try await persistFirst(cluster)
            try await shell("head -c 8000000 /dev/urandom > outputs/large", in: cluster.trainer.root)
            let refused = try await cluster.trainer.baton("persist")
            #expect(refused.status == 73 && refused.stderr.contains("baton artifacts rm"), "\(refused)")
            try await expectIntact(cluster, original)
            let third = try cluster.agent("third", flags: ["--share", "small"])
            try await third.ready()
            try await shell("echo small > small", in: third.root)
            #expect(try await third.persist().map(\.generation) == [1])
            // It does not take the place of the one that did not fit.
            try await shell("rm outputs/large", in: cluster.trainer.root)
            #expect(try await cluster.trainer.persist().map(\.outcome) == ["stored"])
        }
    }

    @Test("Another work's newest generation is never deleted for what comes; one's own older ones are")
    func newestStays() async throws {
        let keeping = ["--quota", "\(5 * StoreRoomTests.megabyte)", "--keep-generations", "5"]
        try await Cluster.run(keeping: keeping, script) { cluster in
            let original = try await persistFirst(cluster)
            let third = try cluster.agent("third", flags: ["--share", "outputs"])
            try await third.ready()
            for number in 1...6 {
                try await shell("mkdir -p outputs; head -c 1500000 /dev/urandom > outputs/file", in: third.root)
                #expect(try await third.persist().map(\.generation) == [number])
            }
            let numbers = try await third.generations()
            #expect(numbers.last == 6 && numbers.count < 5, "\(numbers)")
            try await expectIntact(cluster, original)
        }
    }

    @Test("--app-quota bounds each app by itself")
    func appQuota() async throws {
        try await Cluster.run(keeping: ["--app-quota", "\(3 * StoreRoomTests.megabyte)"], script) { cluster in
            let original = try await persistFirst(cluster)
            try await shell("head -c 3000000 /dev/urandom > outputs/large", in: cluster.trainer.root)
            let refused = try await cluster.trainer.baton("persist", "--json")
            #expect(refused.status == 73, "\(refused)")
            let error = try #require(try refused.json()["error"] as? [String: Any])
            #expect(error["code"] as? String == "noSpace" && error["said_by"] as? String == "relay")
            let other = try cluster.agent("deploy", app: "other", flags: ["--share", "outputs"])
            try await other.ready()
            try await shell("mkdir outputs; head -c 2500000 /dev/urandom > outputs/file", in: other.root)
            #expect(try await other.persist().map(\.generation) == [1])
            try await expectIntact(cluster, original)
        }
    }

    @Test(
        "An agent whose command ended well, but what it left behind did not fit: 75, and a sentence that says what is not safe"
    )
    func commandRefused() async throws {
        try await Cluster.run(keeping: ["--quota", "\(StoreRoomTests.megabyte)"]) { cluster in
            let agent = try cluster.agent(
                "third", flags: ["--share", "big"],
                command: ["sh", "-c", "cd $BATON_ROOT; head -c 3000000 /dev/urandom > big"])
            let output = try await agent.program.output()
            #expect(output.status == 75, "\(output)")
            #expect(output.stderr.contains("not safe") && output.stderr.contains("lit://big"), "\(output)")
        }
    }

    @Test(
        "A full disk at the relay: a clear error at the agent, the store intact, other works unaffected, and no relay that has to be started again"
    )
    func fullDisk() async throws {
        try await Cluster.run(script) { cluster in
            let folder = try TemporaryFolder()
            let store = folder.path("store")
            try await shell("mkdir store", in: folder.path)
            let relay = try await Relay(
                in: folder, certificates: cluster.certificates.relay, prefix: SmallDisk.prefix("size=24m", at: store))
            let trainer = try cluster.agent(
                "trainer", root: cluster.folder.path("second-trainer"), relay: relay.address,
                flags: ["--share", "outputs"])
            let third = try cluster.agent("third", relay: relay.address, flags: ["--share", "outputs"])
            try await trainer.ready()
            try await third.ready()
            try await shell("mkdir outputs; head -c 1000000 /dev/urandom > outputs/file", in: trainer.root)
            try await trainer.persist()
            try await shell("cp -a outputs ../kept; head -c 40000000 /dev/urandom > outputs/large", in: trainer.root)

            let full = try await trainer.baton("persist")
            #expect(full.status == 73 && full.stderr.contains("lit://outputs"), "\(full)\n\(relay.log)")
            try await shell("mkdir outputs; echo small > outputs/file", in: third.root)
            #expect(try await third.persist().map(\.outcome) == ["stored"], "\(relay.log)")
            #expect(try await trainer.artifacts("verify").map(\.generation) == [1])
            let get = try await third.baton("get", "--stored", "lit://trainer@outputs", "copy")
            #expect(get.status == 0, "\(get)")
            try await expectSame(cluster.folder.path("kept"), third.root + "/copy")
            try await shell("rm outputs/large; echo more > outputs/more", in: trainer.root)
            #expect(try await trainer.persist().map(\.generation) == [2], "\(relay.log)")
        }
    }
}
