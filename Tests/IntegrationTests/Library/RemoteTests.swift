import Baton
import Foundation
import Testing

/// Runs the body as a program of the work `deploy` would.
func asDeploy<Result>(_ cluster: Cluster, _ body: () async throws -> Result) async throws -> Result {
    try await withAgent(socket: cluster.deploy.socket, body)
}

/// Expects a ``PathError`` with this code.
@discardableResult
func expect<Value>(
    _ code: PathError.Code, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Value
) async -> PathError? {
    let error = await #expect(throws: PathError.self, sourceLocation: sourceLocation) { _ = try await body() }
    if let error { #expect(error.code == code, "\(error)", sourceLocation: sourceLocation) }
    return error
}

@Suite("The library asks other works about their paths", .timeLimit(.patientMinutes(30)))
struct RemoteTests {
    private let tree = "mkdir -p outputs/c/empty; echo one > outputs/c/1.ckpt; echo 22 > outputs/c/2.ckpt"
    private let checkpoints: Path = "lit://trainer@outputs/c"

    @Test("existsRemote is about the origin now, existsLocal about this machine, exists about either")
    func exists() async throws {
        try await Cluster.run(tree) { cluster in
            try await asDeploy(cluster) {
                let first = try checkpoints / "1.ckpt"
                let missing = try checkpoints / "3.ckpt"
                #expect(try await first.existsRemote())
                #expect(try !first.existsLocal())
                #expect(try await first.exists())
                #expect(try await !missing.existsRemote())
                #expect(try await !missing.exists())
                try await first.get()
                try await shell("rm outputs/c/1.ckpt", in: cluster.trainer.root)
                #expect(try await !first.existsRemote())
                #expect(try first.existsLocal())
                #expect(try await first.exists())
            }
        }
    }

    @Test("statRemote gives kind, size, files, permissions, time, source and, if asked, the digest")
    func stat() async throws {
        let script =
            tree + "\nchmod 750 outputs/c; chmod 640 outputs/c/1.ckpt; touch -d @1234567890.123456789 outputs/c/1.ckpt"
        try await Cluster.run(script) { cluster in
            try await asDeploy(cluster) {
                let file = try await (checkpoints / "1.ckpt").statRemote(digest: true)
                #expect(file.kind == .file && file.size == 4 && file.files == 1 && file.source == .live)
                #expect(
                    "\(file.permissions)".contains("ownerRead") && file.modified.timeIntervalSince1970 > 1_234_567_890)
                #expect(file.modifiedSince1970 == .seconds(1_234_567_890) + .nanoseconds(123_456_789))
                let sum = try await shell("sha256sum < outputs/c/1.ckpt", in: cluster.trainer.root).prefix(64)
                #expect(
                    file.digest?.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() == String(sum)
                )
                let directory = try await checkpoints.statRemote()
                #expect(
                    directory.kind == .directory && directory.size == 7 && directory.files == 2
                        && directory.digest == nil)
                await expect(.notFound) { try await (checkpoints / "3.ckpt").statRemote() }
            }
        }
    }

    @Test("listRemote tells what lies in a directory over there, odd names too, however many")
    func list() async throws {
        let many =
            "mkdir outputs/many; (cd outputs/many; seq -f 'a file with a rather long name: %06g' 5000 | xargs -d '\\n' touch)"
        try await Cluster.run(tree + "\ntouch $'outputs/c/odd\\xff\\n'\n" + many) { cluster in
            try await asDeploy(cluster) {
                let listed = try await checkpoints.listRemote()
                #expect(
                    listed.map(\.description)
                        == ["1.ckpt", "2.ckpt", "empty", "odd%FF%0A"].map { "lit://trainer@outputs/c/\($0)" })
                #expect(try await (checkpoints / "empty").listRemote().isEmpty)
                #expect(try await (checkpoints / "../many").listRemote().count == 5000)
                await expect(.notADirectory) { try await (checkpoints / "1.ckpt").listRemote() }
                await expect(.notFound) { try await (checkpoints / "3").listRemote() }
            }
        }
    }

    @Test(
        "What is not declared is notShared, said by its owner; a work that is not there is unreachable, said by the relay"
    )
    func refused() async throws {
        try await Cluster.run(tree + "\necho secret > private") { cluster in
            try await asDeploy(cluster) {
                let secret: Path = "lit://trainer@private"
                for error in [
                    await expect(.notShared) { try await secret.statRemote() },
                    await expect(.notShared) { try await secret.get() },
                    await expect(.notShared) { try await secret.wait(for: .seconds(10)) },
                ] {
                    #expect(
                        error?.path == secret && error?.saidBy == .owner && error?.message.contains("private") == true)
                }
                let away: Path = "lit://nobody@x"
                for error in [
                    await expect(.unreachable) { try await away.existsRemote() },
                    await expect(.unreachable) { try await away.get() },
                ] {
                    #expect(error?.path == away && error?.saidBy == .relay && error?.message.contains("nobody") == true)
                }
                try await cluster.relay.program.kill()
                // Until its agent has noticed, requests of that moment are `busy`.
                try await eventually("the loss of the relay") {
                    do throws(PathError) { return try await !checkpoints.existsRemote() } catch {
                        return error.code == .unreachable
                    }
                }
            }
        }
    }

    @Test("What a work left behind answers when it has gone, and says so")
    func stored() async throws {
        try await Cluster.run(tree) { cluster in
            cluster.trainer.program.send(SIGTERM)
            #expect(try await cluster.trainer.program.status() == 0)
            try await asDeploy(cluster) {
                #expect(try await checkpoints.existsRemote())
                #expect(try await checkpoints.statRemote().source == .stored(generation: 1))
                let fetched = try await (checkpoints / "1.ckpt").get()
                #expect(fetched.source == .stored(generation: 1))
                #expect(try (checkpoints / "1.ckpt").readText() == "one\n")
            }
        }
    }

    @Test("wait comes back when the file is complete, and the work may still be away")
    func wait() async throws {
        try await Cluster.run { cluster in
            try await asDeploy(cluster) {
                let last: Path = "lit://third@outputs/last.ckpt"
                async let arrival: Void = last.wait(for: .seconds(30))
                let late = try cluster.agent("third", flags: ["--share", "outputs"])
                try await late.ready()
                try await shell("mkdir outputs; (echo half; sleep 0.5; echo whole) > outputs/last.ckpt", in: late.root)
                try await arrival
                try await last.get()
                #expect(try last.readText() == "half\nwhole\n")
            }
        }
    }

    @Test("wait ends at its time, and says what is missing; so it does when its task is cancelled")
    func waitInVain() async throws {
        try await Cluster.run { cluster in
            try await asDeploy(cluster) {
                let missing: Path = "lit://trainer@outputs/missing"
                let began = ContinuousClock.now
                let error = await expect(.deadline) { try await missing.wait(for: .seconds(1)) }
                #expect(
                    error?.message.contains("missing") == true && ContinuousClock.now - began < .seconds(30).patient)
                await expect(.deadline) { try await ("lit://nobody@x" as Path).wait(for: .seconds(1)) }
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { await expect(.cancelled) { try await missing.wait(for: .seconds(600)) } }
                    try? await Task.sleep(for: .milliseconds(200))
                    group.cancelAll()
                }
                #expect(ContinuousClock.now - began < .seconds(90).patient)
            }
        }
    }

    @Test("What a work declares, others can get; a path that it returns is attached")
    func declare() async throws {
        try await Cluster.run { cluster in
            let declared = try await asDeploy(cluster) {
                let result: Path = "results/best"
                try result.makeDirectory()
                try (result / "model").write("weights")
                return try await result.declare()
            }
            #expect(declared == "lit://deploy@results/best")
            try await withAgent(socket: cluster.trainer.socket) {
                try await (declared / "model").get()
                #expect(try (declared / "model").readText() == "weights")
                await expect(.differentOrigins) { try await declared.declare() }
                await expect(.usage) { try await (".baton" as Path).declare() }
            }
        }
    }

    @Test("The agent's own work may name itself: its paths are its own files, and nothing is fetched")
    func ownPath() async throws {
        try await Cluster.run(tree) { cluster in
            try await withAgent(socket: cluster.trainer.socket) {
                let own = try checkpoints.list()
                #expect(own.map(\.name) == ["1.ckpt", "2.ckpt", "empty"])
                #expect(try await checkpoints.existsRemote())
                let error = await expect(.usage) { try await checkpoints.get() }
                #expect(error?.message.contains(cluster.trainer.root) == true)
            }
        }
    }
}

@Suite("withAgent lets a program speak for the work whose agent runs it", .timeLimit(.patientMinutes(30)))
struct WithAgentTests {
    @Test("Paths lie where that work has them, only within the scope, and its errors come through")
    func scope() async throws {
        struct Mine: Error {}
        try await Cluster.run { cluster in
            let path: Path = "file"
            try await asDeploy(cluster) { try path.write("text") }
            #expect(try await contents(cluster.deploy.root + "/file") == "text")
            await expect(.outsideWork) { try path.readText() }
            await #expect(throws: Mine.self) { try await asDeploy(cluster) { throw Mine() } }
            let text = try await asDeploy(cluster) {
                try await withThrowingTaskGroup(of: String.self) { group in
                    group.addTask { try path.readText() }
                    return try await group.next()
                }
            }
            #expect(text == "text")
        }
    }

    @Test("Without an agent it is unreachable, and says where one was looked for")
    func nobody() async throws {
        let folder = try TemporaryFolder()
        let error = await expect(.unreachable) { try await withAgent(socket: folder.path("none.sock")) {} }
        #expect(error?.message.contains(folder.path("none.sock")) == true)
    }
}
