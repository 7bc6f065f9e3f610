import Glibc
import Testing

@Suite("A get whose live source disappears half way goes on from the stored copy", .timeLimit(.patientMinutes(30)))
struct GoingOnTests {
    /// Gets a large file that its work has persisted, `changed` since or not; the work dies in the middle.
    private func interrupted(
        changed: String = ":", _ judge: (Cluster, Program.Output, _ persisted: String) async throws -> Void
    ) async throws {
        let script = "mkdir outputs; head -c 300000000 <(yes 'a long file, line by line') > outputs/large"
        try await Cluster.run(script) { cluster in
            try await cluster.trainer.persist()
            let persisted = try await shell("sha256sum < outputs/large", in: cluster.trainer.root)
            try await shell(changed, in: cluster.trainer.root)
            let get = try cluster.deploy.start(["get", "--json", "lit://trainer@outputs/large", "copy"])
            try await underWay(get, in: cluster.deploy)
            try await cluster.trainer.program.kill()
            #expect(get.isRunning, "the get was to take longer than its source lived")
            try await judge(cluster, get.output(within: .seconds(60)), persisted)
            try await expectNothingLeft(in: cluster.deploy)
        }
    }

    @Test("If that is the same version: it resumes, and says that the store answered")
    func sameVersion() async throws {
        try await interrupted { cluster, output, persisted in
            #expect(output.status == 0, "\(output)\n\(cluster.deploy.log)")
            let answer = try output.json()
            #expect(answer["source"] as? String == "stored" && answer["generation"] as? Int == 1, "\(output)")
            #expect(answer["resumed_bytes"] as? Int ?? 0 > 0, "\(output)")
            #expect(try await shell("sha256sum < copy", in: cluster.deploy.root) == persisted)
            try await expectSame(cluster.trainer.root + "/outputs/large", cluster.deploy.root + "/copy")
        }
    }

    @Test("If that is another version: it begins anew, and is never a mix of the two")
    func otherVersion() async throws {
        let change = "printf CHANGED | dd of=outputs/large bs=1 seek=290000000 conv=notrunc status=none; sleep 0.1"
        try await interrupted(changed: change) { cluster, output, persisted in
            #expect(output.status == 0, "\(output)\n\(cluster.deploy.log)")
            let answer = try output.json()
            #expect(answer["source"] as? String == "stored" && answer["resumed_bytes"] as? Int == 0, "\(output)")
            #expect(try await shell("sha256sum < copy", in: cluster.deploy.root) == persisted)
        }
    }

    @Test("A tree goes on, too, file by file")
    func tree() async throws {
        let script = """
            mkdir -p outputs/tree; cd outputs/tree
            for n in $(seq 1 30); do head -c 10000000 <(yes "file $n") > file-$n; done; mkdir empty; ln file-1 same
            """
        try await Cluster.run(script) { cluster in
            try await cluster.trainer.persist()
            let get = try cluster.deploy.start(["get", "--json", "lit://trainer@outputs/tree", "copy"])
            try await eventually("some of the tree at the receiver") {
                let text = try await shell(
                    "du -cs --block-size=1 .baton-stage-* 2>/dev/null | tail -1 | cut -f 1 || true",
                    in: cluster.deploy.root)
                return (Int(text.dropLast()) ?? 0) > 20 << 20
            }
            try await cluster.trainer.program.kill()
            let output = try await get.output(within: .seconds(60))
            #expect(output.status == 0, "\(output)\n\(cluster.deploy.log)")
            #expect(try output.json()["resumed_bytes"] as? Int ?? 0 > 0, "\(output)")
            try await expectSame(cluster.trainer.root + "/outputs/tree", cluster.deploy.root + "/copy")
        }
    }

    @Test(
        "A get that was begun from the store goes on from that generation, though newer ones come meanwhile and it is removed"
    )
    func removedMeanwhile() async throws {
        let script = "mkdir outputs; head -c 300000000 <(yes 'a long file, line by line') > outputs/large"
        try await Cluster.run(keeping: ["--keep-generations", "1"], script) { cluster in
            try await cluster.trainer.persist()
            let persisted = try await shell("sha256sum < outputs/large", in: cluster.trainer.root)
            let get = try cluster.deploy.start(["get", "--stored", "--json", "lit://trainer@outputs/large", "copy"])
            try await underWay(get, in: cluster.deploy)
            cluster.deploy.program.send(SIGSTOP)
            try await shell("echo small > outputs/large", in: cluster.trainer.root)
            #expect(try await cluster.trainer.persist().map(\.generation) == [2])
            try await cluster.trainer.artifacts("rm", "lit://outputs")
            cluster.deploy.program.send(SIGCONT)
            let output = try await get.output(within: .seconds(60))
            #expect(output.status == 0, "\(output)\n\(cluster.deploy.log)")
            #expect(try output.json()["generation"] as? Int == 1)
            #expect(try await shell("sha256sum < copy", in: cluster.deploy.root) == persisted)
        }
    }
}
