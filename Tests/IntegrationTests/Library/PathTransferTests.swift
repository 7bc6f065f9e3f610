import Baton
import Foundation
import Testing

@Suite("Path.transfer shows how far a get is, and cancels it", .timeLimit(.minutes(10)))
struct PathTransferTests {
    @Test("Progress comes while it runs, names what holds it up, and the last one has what was got")
    func progress() async throws {
        let large = try await LargeFile.shared()
        try await Cluster.run(shares: [large.path]) { cluster in
            try await asDeploy(cluster) {
                let path = try Path("lit://trainer@\(large.path)")
                var seen: [Path.Progress] = []
                for try await progress in path.transfer() {
                    // Held up for a moment, so that there is something to show in any case.
                    if seen.isEmpty { cluster.trainer.program.send(SIGSTOP) }
                    if seen.count == 3 { cluster.trainer.program.send(SIGCONT) }
                    seen.append(progress)
                }
                #expect(seen.count >= 4 && seen.map(\.bytes) == seen.map(\.bytes).sorted())
                #expect(seen.contains { $0.waitingFor != .nothing })
                #expect(seen.dropLast().allSatisfy { $0.fetched == nil && $0.bytes < LargeFile.size })
                #expect(seen.last?.fetched?.bytes == LargeFile.size && seen.last?.bytes == LargeFile.size)
                #expect(try path.stat().size == LargeFile.size)
            }
        }
    }

    @Test("Leaving the loop cancels the get: what was here stays, and what came is kept for the next one")
    func leaving() async throws {
        let large = try await LargeFile.shared()
        try await Cluster.run(shares: [large.path]) { cluster in
            try await asDeploy(cluster) {
                let path = try Path("lit://trainer@\(large.path)")
                try await slowly(cluster) {
                    for try await progress in path.transfer(to: "copy") where progress.bytes > 0 { break }
                }
                try await expectPartialData(in: cluster.deploy)
                #expect(try !("copy" as Path).existsLocal())
                let fetched = try await path.get(to: "copy")
                #expect(fetched.resumedBytes > 0 && fetched.bytes == LargeFile.size)
                try await expectNothingLeft(in: cluster.deploy)
            }
        }
    }

    @Test("Cancelling the task cancels the get")
    func cancellation() async throws {
        let large = try await LargeFile.shared()
        try await Cluster.run(shares: [large.path]) { cluster in
            try await asDeploy(cluster) {
                let path = try Path("lit://trainer@\(large.path)")
                try await slowly(cluster) {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { await expect(.cancelled) { try await path.get(to: "copy") } }
                        try await eventually("the first bytes") {
                            try await stagedBytes(in: cluster.deploy.root) > 1 << 20
                        }
                        group.cancelAll()
                    }
                }
                try await expectPartialData(in: cluster.deploy)
                #expect(try !("copy" as Path).existsLocal())
            }
        }
    }

    @Test("A get ends at its time")
    func deadline() async throws {
        let large = try await LargeFile.shared()
        try await Cluster.run(shares: [large.path]) { cluster in
            try await asDeploy(cluster) {
                let path = try Path("lit://trainer@\(large.path)")
                cluster.trainer.program.send(SIGSTOP)
                await expect(.deadline) { try await path.get(within: .seconds(2)) }
                cluster.trainer.program.send(SIGCONT)
                #expect(try !path.existsLocal())
            }
        }
    }

    @Test(
        "A cancelled get leaks nothing: descriptors of this process, of both agents and of the relay are what they were"
    )
    func leaks() async throws {
        let large = try await LargeFile.shared()
        try await Cluster.run(shares: [large.path]) { cluster in
            let daemons = [cluster.trainer.program, cluster.deploy.program, cluster.relay.program].map(\.pid)
            // Nothing else runs in a process of its own.
            await #expect(processExitsWith: .success) {
                [socket = cluster.deploy.socket as String, path = large.path as String, daemons = daemons as [pid_t]] in
                func descriptors() throws -> [Int] {
                    try (["self"] + daemons.map { "\($0)" }).map {
                        try FileManager.default.contentsOfDirectory(atPath: "/proc/\($0)/fd").count
                    }
                }
                try await withAgent(socket: socket) {
                    let path = try Path("lit://trainer@\(path)")
                    // This one opens the lanes, which stay.
                    try await path.get()
                    try await Task.sleep(for: .seconds(1))
                    let before = try descriptors()
                    // The origin stands still, so that no get comes to its end.
                    kill(daemons[0], SIGSTOP)
                    for _ in 0..<4 { for try await _ in path.transfer(overwrite: true) { break } }
                    for _ in 0..<40 {
                        await withTaskGroup(of: Void.self) { group in
                            group.addTask { _ = try? await path.get(overwrite: true) }
                            try? await Task.sleep(for: .milliseconds(20))
                            group.cancelAll()
                        }
                    }
                    kill(daemons[0], SIGCONT)
                    var after: [Int] = []
                    for _ in 0..<200 where after != before {
                        try await Task.sleep(for: .milliseconds(50))
                        after = try descriptors()
                    }
                    guard after == before else { throw Failure("\(before) \(after)") }
                    // Two at a time to one place are refused, but for those that were cancelled: none is under way any more.
                    try await path.get(overwrite: true)
                }
            }
        }
    }

    @Test("A hundred gets of one work at once arrive, and exists is answered meanwhile")
    func hundred() async throws {
        let script = "mkdir outputs; for n in $(seq 0 99); do head -c 100000 /dev/urandom > outputs/$n; done"
        try await Cluster.run(script) { cluster in
            try await asDeploy(cluster) {
                let outputs: Path = "lit://trainer@outputs"
                try await withThrowingTaskGroup(of: Void.self) { group in
                    // More than the relay takes from one work for another; they pile up while the origin stands still.
                    cluster.trainer.program.send(SIGSTOP)
                    for number in 0..<100 { group.addTask { try await (outputs / "\(number)").get() } }
                    try await Task.sleep(for: .seconds(2))
                    cluster.trainer.program.send(SIGCONT)
                    let began = ContinuousClock.now
                    #expect(try await outputs.existsRemote())
                    #expect(ContinuousClock.now - began < .seconds(5))
                    try await group.waitForAll()
                }
                #expect(try outputs.list().count == 100)
            }
            let copies = cluster.deploy.from("trainer", "outputs")
            try await shell("diff -r outputs '\(copies)'", in: cluster.trainer.root)
        }
    }

    /// Holds the origin up once the first bytes have come, so that the body has the time to cancel.
    private func slowly(_ cluster: Cluster, _ body: () async throws -> Void) async throws {
        let holding = Task {
            try await eventually("the first bytes") { try await stagedBytes(in: cluster.deploy.root) > 1 << 20 }
            cluster.trainer.program.send(SIGSTOP)
        }
        defer {
            holding.cancel()
            cluster.trainer.program.send(SIGCONT)
        }
        try await body()
    }
}
