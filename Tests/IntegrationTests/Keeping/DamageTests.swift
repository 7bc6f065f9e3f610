import Testing

@Suite("What has rotted in the store is not served for what it was", .timeLimit(.patientMinutes(30)))
struct DamageTests {
    /// Two generations of three files, the second of which is damaged while the relay runs.
    private func damaged(_ damage: String, _ body: (Cluster) async throws -> Void) async throws {
        try await Cluster.run("mkdir -p outputs/d; for n in a b c; do echo $n > outputs/d/$n; done") { cluster in
            try await cluster.trainer.persist()
            try await shell("echo new > outputs/d/b", in: cluster.trainer.root)
            try await cluster.trainer.persist()
            // A file of its own: what generations share is damaged in all.
            try await shell("cd $(find store/artifacts -type d -name 2)/content; \(damage)", in: cluster.folder.path)
            try await body(cluster)
        }
    }

    static let damages = [
        "printf NEW > x; touch -r d/b x; dd if=x of=d/b conv=notrunc status=none; touch -r x d/b", "rm d/b",
        "truncate -s 1 d/b", "rm d/b; mkfifo d/b", "chmod 600 d/b", "touch d/b", "rm -r d; ln -s / d", "echo x > d/z",
        "rm d/b; echo new > d/b", "rm -r ../content", "rm ../manifest", "rm -r ../../2",
    ]

    @Test(
        "KEP-27, TRE-54: A get of it fails as corrupt, or is answered by the generation before; the next one is answered by that",
        arguments: damages)
    func get(_ damage: String) async throws {
        try await damaged(damage) { cluster in
            let first = try await cluster.deploy.baton("get", "--stored", "lit://trainer@outputs", "first")
            #expect(first.status == 65 || first.stdout.contains("generation 1"), "\(first)")
            let second = try await cluster.deploy.baton("get", "--stored", "lit://trainer@outputs", "second")
            #expect(second.status == 0 && second.stdout.contains("(stored, generation 1)"), "\(second)")
            #expect(try await contents(cluster.deploy.root + "/second/d/b") == "b\n")
        }
    }

    // A flipped byte under the old size and time is found when it is read only: by a get, or by verify.
    @Test(
        "A work can still be kept: what rotted is not built upon, and the new generation is whole",
        arguments: damages.dropFirst())
    func persist(_ damage: String) async throws {
        try await damaged(damage) { cluster in
            try await shell("echo more > outputs/d/d", in: cluster.trainer.root)
            let receipts = try await cluster.trainer.persist()
            #expect(receipts.map(\.generation) == [3])
            let get = try await cluster.deploy.baton("get", "--stored", "lit://trainer@outputs", "copy")
            #expect(get.status == 0 && get.stdout.contains("(stored, generation 3)"), "\(get)")
            try await shell("diff -r copy ../trainer/outputs", in: cluster.deploy.root)
        }
    }

    @Test("A directory in the store that nobody's manifest vouches for does not stop the relay")
    func number() async throws {
        try await Cluster.run("mkdir outputs; echo a > outputs/a") { cluster in
            try await cluster.trainer.persist()
            try await shell(
                "cd $(find store/artifacts -type d -name 1)/..; cp -a 1 18446744073709551615", in: cluster.folder.path)
            let relay = try await cluster.restartRelay()
            try await shell("echo b > outputs/a", in: cluster.trainer.root)
            let receipts = try await cluster.trainer.persist()
            #expect(receipts.map(\.generation) == [2], "\(relay.log)")
        }
    }
}
