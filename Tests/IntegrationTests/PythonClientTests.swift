import Foundation
import Testing

/// `Tests/PythonClient` was written by somebody who had the text of `Protocol/` and nothing else: where it fails, the text has lost
/// something, or the programs do what it does not say.
@Suite("A client made from the specification alone, in Python's standard library", .timeLimit(.patientMinutes(30)))
struct PythonClientTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../PythonClient").standardizedFileURL.path

    private func python(_ script: String, _ arguments: String..., in directory: String) async throws -> Program.Output {
        let program = try Program(
            ["python3", "\(PythonClientTests.folder)/\(script)"] + arguments,
            environment: ["PYTHONDONTWRITEBYTECODE": "1"], in: directory)
        return try await program.output(within: .seconds(120))
    }

    private func client(_ cluster: Cluster, _ arguments: String...) async throws -> Program.Output {
        let program = try Program(
            [
                "python3", "\(PythonClientTests.folder)/baton_client.py", "--relay", cluster.relay.address, "--certs",
                cluster.certificates.work("third"),
            ] + arguments, environment: ["PYTHONDONTWRITEBYTECODE": "1"], in: cluster.folder.path)
        return try await program.output(within: .seconds(120))
    }

    @Test("It reads and writes what the vectors say, and refuses what they refuse")
    func vectors() async throws {
        let vectors = PythonClientTests.folder + "/../../Protocol/vectors"
        let output = try await python("check_vectors.py", vectors, in: PythonClientTests.folder)
        #expect(output.status == 0, "\(output)")
        #expect(output.stdout.contains("passed"), "\(output)")
    }

    @Test("It says hello, and asks what exists")
    func exists() async throws {
        try await Cluster.run("mkdir outputs; echo content > outputs/file; echo secret > secret") { cluster in
            let there = try await client(cluster, "exists", "lit://trainer@outputs/file")
            #expect(there.status == 0, "\(there)")
            #expect(try there.json()["source"] as? String == "live")
            let missing = try await client(cluster, "exists", "lit://trainer@outputs/none")
            #expect(missing.status == 1, "\(missing)")
            let hidden = try await client(cluster, "exists", "lit://trainer@secret")
            #expect(hidden.status == 77, "\(hidden)")
            let away = try await client(cluster, "exists", "lit://nobody@outputs")
            #expect(away.status == 69, "\(away)")
        }
    }

    @Test("It is told the same of a tree as baton is, digest and all, and gets it exactly")
    func tree() async throws {
        try await Cluster.run(MixedTree.script) { cluster in
            let reference = "lit://trainer@outputs/tree"
            let told = try await client(cluster, "stat", "--digest", reference)
            #expect(told.status == 0, "\(told)")
            let answer = try await cluster.deploy.baton("stat", "--digest", "--json", reference)
            #expect(answer.status == 0, "\(answer)")
            let ours = try answer.json()
            let theirs = try told.json()
            #expect(theirs["digest"] as? String == ours["digest"] as? String)
            #expect(theirs["size"] as? Int == ours["bytes"] as? Int)

            let copy = cluster.folder.path("copy")
            let get = try await client(cluster, "get", "--digest", reference, copy)
            #expect(get.status == 0, "\(get)")
            #expect(try get.json()["digest"] as? String == ours["digest"] as? String)
            try await expectSame(cluster.trainer.root + "/outputs/tree", copy)
        }
    }

    @Test("It gets from the store what a work that has ended left behind")
    func stored() async throws {
        try await Cluster.run("mkdir outputs; echo content > outputs/file") { cluster in
            cluster.trainer.program.send(SIGTERM)
            #expect(try await cluster.trainer.program.status() == 0)
            let copy = cluster.folder.path("copy")
            let get = try await client(cluster, "get", "lit://trainer@outputs", copy)
            #expect(get.status == 0, "\(get)")
            #expect(try get.json()["source"] as? String == "stored")
            #expect(try await contents(copy + "/file") == "content\n")
        }
    }
}
