import Baton
import Foundation
import Testing

@Suite("Path.get brings what lies at a path of another work", .timeLimit(.patientMinutes(30)))
struct PathGetTests {
    private let tree = """
        mkdir -p outputs/c/empty outputs/nothing; echo one > outputs/c/epoch=1.ckpt; echo two > outputs/c/epoch=2.ckpt
        ln -s epoch=2.ckpt outputs/c/last.ckpt
        """
    private let checkpoints: Path = "lit://trainer@outputs/c"

    @Test("A directory comes whole, with links and empty directories, and says what came")
    func directory() async throws {
        try await Cluster.run(tree) { cluster in
            try await asDeploy(cluster) {
                let fetched = try await checkpoints.get()
                #expect(fetched.kind == .directory && fetched.files == 2 && fetched.bytes == 8 && fetched.isAtomic)
                #expect(fetched.source == .live && fetched.skipped.isEmpty && fetched.resumedBytes == 0)
                #expect(try fetched.place == checkpoints.filePath)
                #expect(try checkpoints.string == cluster.deploy.from("trainer", "outputs/c"))
                #expect(try checkpoints.list().map(\.name) == ["empty", "epoch=1.ckpt", "epoch=2.ckpt", "last.ckpt"])
                #expect(try (checkpoints / "last.ckpt").isSymlink)
                #expect(try (checkpoints / "last.ckpt").readText() == "two\n")
                #expect(try (checkpoints / "empty").isDirectory)
            }
            try await expectSame(cluster.trainer.root + "/outputs/c", cluster.deploy.from("trainer", "outputs/c"))
        }
    }

    @Test("Derived paths are got by themselves, through links that stay within what is shared")
    func derived() async throws {
        try await Cluster.run(tree) { cluster in
            try await asDeploy(cluster) {
                let last = try checkpoints / "last.ckpt"
                #expect(try await last.get().kind == .file)
                #expect(try last.readText() == "two\n")
                #expect(try checkpoints.list() == [last])
                let first = try last.replacing(name: "epoch=1.ckpt")
                try await first.get()
                #expect(try first.parent.glob("*.ckpt") == [first, last])
            }
        }
    }

    @Test("An empty directory comes as one")
    func emptyDirectory() async throws {
        try await Cluster.run(tree) { cluster in
            try await asDeploy(cluster) {
                let nothing: Path = "lit://trainer@outputs/nothing"
                let fetched = try await nothing.get()
                #expect(fetched.kind == .directory && fetched.files == 0 && fetched.bytes == 0)
                #expect(try nothing.isDirectory)
                #expect(try nothing.list().isEmpty)
            }
        }
    }

    @Test(
        "What is here already is an error without overwrite, and stays as it is; with it, it is replaced, changed or not"
    )
    func overwrite() async throws {
        try await Cluster.run(tree) { cluster in
            try await asDeploy(cluster) {
                try await checkpoints.get()
                try await shell(
                    "rm outputs/c/epoch=1.ckpt; echo changed > outputs/c/epoch=2.ckpt", in: cluster.trainer.root)
                let error = await expect(.alreadyExists) { try await checkpoints.get() }
                #expect(error?.message.contains("overwrite: true") == true && error?.path == checkpoints)
                #expect(try (checkpoints / "epoch=2.ckpt").readText() == "two\n")
                try await checkpoints.get(overwrite: true)
                #expect(try (checkpoints / "epoch=2.ckpt").readText() == "changed\n")
                #expect(try !(checkpoints / "epoch=1.ckpt").existsLocal())
                let again = try await checkpoints.get(overwrite: true)
                #expect(again.bytes == 8)
            }
        }
    }

    @Test("A file is replaced by a directory, and a directory by a file")
    func kinds() async throws {
        try await Cluster.run("mkdir outputs; echo file > outputs/x") { cluster in
            try await asDeploy(cluster) {
                let path: Path = "lit://trainer@outputs/x"
                try await path.get()
                try await shell(
                    "rm outputs/x; mkdir -p outputs/x/sub; echo inner > outputs/x/sub/file", in: cluster.trainer.root)
                try await path.get(overwrite: true)
                #expect(try (path / "sub/file").readText() == "inner\n")
                try await shell("rm -r outputs/x; echo again > outputs/x", in: cluster.trainer.root)
                try await path.get(overwrite: true)
                #expect(try path.readText() == "again\n")
            }
            try await expectNothingLeft(in: cluster.deploy)
        }
    }

    @Test("A source that has vanished is notFound at once, and the copy that is here stays")
    func vanished() async throws {
        try await Cluster.run(tree) { cluster in
            try await asDeploy(cluster) {
                try await checkpoints.get()
                try await shell("rm -r outputs/c", in: cluster.trainer.root)
                let began = ContinuousClock.now
                let error = await expect(.notFound) { try await checkpoints.get(overwrite: true) }
                #expect(
                    ContinuousClock.now - began < .seconds(20).patient && error?.saidBy == .owner
                        && error?.path == checkpoints)
                #expect(try (checkpoints / "last.ckpt").readText() == "two\n")
            }
        }
    }

    @Test("Two producers with the same relative path never overwrite each other")
    func producers() async throws {
        try await Cluster.run(tree) { cluster in
            let third = try cluster.agent("third", flags: ["--share", "outputs"])
            try await third.ready()
            try await shell("mkdir -p outputs/c; echo other > outputs/c/last.ckpt", in: third.root)
            try await asDeploy(cluster) {
                let paths: [Path] = ["lit://trainer@outputs/c", "lit://third@outputs/c"]
                for path in paths { try await path.get() }
                #expect(try paths.map { try ($0 / "last.ckpt").readText() } == ["two\n", "other\n"])
            }
        }
    }

    @Test("Absolute paths and names of any bytes come, too, and never meet")
    func names() async throws {
        let script =
            "mkdir -p outputs; printf odd > $'outputs/\\xff\\n%'; mkdir -p %2F/outputs; printf relative > %2F/outputs/x"
        let far = try TemporaryFolder()
        try await shell("mkdir outputs; printf absolute > outputs/x", in: far.path)
        try await Cluster.run(shares: ["outputs", "%2F", far.path], script) { cluster in
            try await asDeploy(cluster) {
                let odd = try Path(bytes: Array("outputs/".utf8) + [0xFF, 0x0A, 0x25], origin: "trainer")
                try await odd.get()
                #expect(try odd.readText() == "odd")
                #expect(try odd.parent.list() == [odd])
                let absolute = try Path("lit://trainer@\(far.path)/outputs/x")
                let relative = try Path("lit://trainer@%252F" + "/outputs/x")
                for path in [absolute, relative] { try await path.get() }
                #expect(try absolute.readText() == "absolute")
                #expect(try relative.readText() == "relative")
                #expect(try absolute.filePath != relative.filePath)
            }
        }
    }

    @Test("A destination of the own work takes the copy instead")
    func destination() async throws {
        try await Cluster.run(tree) { cluster in
            try await asDeploy(cluster) {
                let best: Path = "models/best"
                let fetched = try await checkpoints.get(to: best)
                #expect(try fetched.place == best.filePath)
                #expect(try (best / "last.ckpt").readText() == "two\n")
                #expect(try !checkpoints.existsLocal())
                await expect(.alreadyExists) { try await checkpoints.get(to: best) }
                await expect(.cannotCreate) { try await checkpoints.get(to: ".baton/x", overwrite: true) }
            }
        }
    }

    @Test("A copy can be larger than the machine's memory, and takes little of it")
    func largerThanMemory() async throws {
        let size = Int(ProcessInfo.processInfo.physicalMemory) + (1 << 30)
        let places = [0, size / 2, size - (1 << 20)].map { ($0 >> 20) << 20 }
        let script = """
            mkdir outputs; truncate -s \(places[2] + (1 << 20)) outputs/large
            for at in \(places[0]) \(places[1]) \(places[2]); do
                head -c 1M /dev/urandom | dd of=outputs/large bs=1M seek=$at oflag=seek_bytes conv=notrunc status=none
            done
            """
        try await Cluster.run(script) { cluster in
            try await asDeploy(cluster) {
                let large: Path = "lit://trainer@outputs/large"
                let fetched = try await large.get()
                #expect(fetched.bytes == places[2] + (1 << 20))
                let status = try large.stat()
                #expect(status.size == fetched.bytes)
                for at in places {
                    try await shell(
                        "cmp --bytes=2M --ignore-initial=\(max(0, at - 65_536)) outputs/large '\(large.string)'",
                        in: cluster.trainer.root)
                }
            }
            for program in [cluster.trainer.program, cluster.relay.program, cluster.deploy.program] {
                let text = try String(contentsOfFile: "/proc/\(program.pid)/status", encoding: .utf8)
                let peak = text.firstMatch(of: /VmHWM:\s+([0-9]+) kB/).flatMap { Int($0.1) } ?? .max
                #expect(peak < 512 << 10, "\(peak) KiB")
            }
        }
    }

    @Test("What cannot be carried is told")
    func skipped() async throws {
        try await Cluster.run(tree + "\nmkfifo outputs/c/pipe") { cluster in
            try await asDeploy(cluster) {
                let fetched = try await checkpoints.get()
                #expect(try fetched.skipped == [checkpoints / "pipe": "fifo"] && fetched.skippedCount == 1)
            }
        }
    }
}
