import Baton
import Foundation
import Testing

@Suite("Path.transfer shows how far a get is, and cancels it", .timeLimit(.patientMinutes(30)))
struct PathTransferTests {
    /// Runs the body with a path of the large file whose origin stands still, by SIGSTOP, once a hundred chunks of it were read.
    private func heldUp(_ body: (Cluster, Path, Program) async throws -> Void) async throws {
        let large = try await LargeFile.shared()
        try await Cluster.run { cluster in
            let origin = try cluster.agent(
                "third", flags: ["--share", large.path], environment: ["BATON_STOP_AT": "chunk-read:100"])
            try await origin.ready()
            try await asDeploy(cluster) {
                try await body(cluster, try Path("lit://third@\(large.path)"), origin.program)
            }
        }
    }

    @Test("Progress comes while it runs, names what holds it up, and the last one has what was got")
    func progress() async throws {
        try await heldUp { _, path, origin in
            var seen: [Path.Progress] = []
            for try await progress in path.transfer() {
                seen.append(progress)
                if seen.count >= 4, progress.waitingFor != .nothing, origin.isStopped { origin.send(SIGCONT) }
            }
            #expect(seen.count > 4 && seen.map(\.bytes) == seen.map(\.bytes).sorted())
            #expect(seen.contains { $0.waitingFor != .nothing })
            // A second may pass between the last byte and the end.
            #expect(seen.dropLast().allSatisfy { $0.fetched == nil && $0.bytes <= LargeFile.size })
            #expect(seen.last?.fetched?.bytes == LargeFile.size && seen.last?.bytes == LargeFile.size)
            #expect(try path.stat().size == LargeFile.size)
        }
    }

    @Test("Leaving the loop cancels the get: what was here stays, and what came is kept for the next one")
    func leaving() async throws {
        try await heldUp { cluster, path, origin in
            let copy: Path = "copy"
            try copy.write("old")
            for try await progress in path.transfer(to: copy, overwrite: true) where progress.bytes > 0 {
                try await eventually("an origin that stands still") { origin.isStopped }
                break
            }
            try await expectPartialData(in: cluster.deploy)
            #expect(try copy.readText() == "old")
            origin.send(SIGCONT)
            try await path.wait(for: .seconds(60))
            let fetched = try await path.get(to: copy, overwrite: true)
            #expect(fetched.resumedBytes > 0 && fetched.bytes == LargeFile.size)
            try await expectNothingLeft(in: cluster.deploy)
        }
    }

    @Test("Cancelling the task cancels the get")
    func cancellation() async throws {
        try await heldUp { cluster, path, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await expect(.cancelled) { try await path.get(to: "copy") } }
                try await eventually("the first bytes") { try await stagedBytes(in: cluster.deploy.root) > 1 << 20 }
                group.cancelAll()
            }
            try await expectPartialData(in: cluster.deploy)
            #expect(try !("copy" as Path).existsLocal())
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
            let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
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
                    for _ in 0..<4 {
                        // The origin stands still, so that no get comes to its end.
                        kill(daemons[0], SIGSTOP)
                        for try await _ in path.transfer(overwrite: true) { break }
                        for _ in 0..<10 {
                            await withTaskGroup(of: Void.self) { group in
                                group.addTask { _ = try? await path.get(overwrite: true) }
                                try? await Task.sleep(for: .milliseconds(20))
                                group.cancelAll()
                            }
                        }
                        kill(daemons[0], SIGCONT)
                        // Two at a time to one place are refused: none of them may be under way any more.
                        try await eventually("a get that is the only one") {
                            (try? await path.get(overwrite: true)) != nil
                        }
                    }
                    var after: [Int] = []
                    try await eventually("\(before) descriptors") {
                        after = try descriptors()
                        return after == before
                    } otherwise: {
                        "\(after)"
                    }
                }
            }
            if let words = result?.standardErrorContent, !words.isEmpty {
                print(String(decoding: words, as: UTF8.self))
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
                    var times: [Duration] = []
                    for _ in 0..<20 {
                        let began = ContinuousClock.now
                        #expect(try await outputs.existsRemote())
                        times.append(ContinuousClock.now - began)
                    }
                    // Half of them: this process has other tests to run.
                    #expect(times.sorted()[10] < .seconds(1).patient, "\(times)")
                    try await group.waitForAll()
                }
                #expect(try outputs.list().count == 100)
            }
            let copies = cluster.deploy.from("trainer", "outputs")
            try await shell("diff -r outputs '\(copies)'", in: cluster.trainer.root)
        }
    }
}
