import Foundation
import Glibc
import Synchronization
import Testing

@Suite("A local user who swaps directories for links while a tree is walked", .timeLimit(.patientMinutes(30)))
struct FlippedDirectoryTests {
    /// A tree with directories `d0` to `d9` of 20 files each.
    private static let script = """
        mkdir -p outputs/tree aside
        for d in $(seq 0 9); do
            mkdir outputs/tree/d$d; for f in $(seq 20); do echo "public $d $f" > outputs/tree/d$d/f$f; done
        done
        """

    /// The same names outside, with other content.
    private static let outside = """
        mkdir -p outside; for f in $(seq 20); do echo secret > outside/f$f; done; touch outside/only-here
        """

    @Test("At the origin: nothing that lies outside is ever sent")
    func origin() async throws {
        try await Cluster.run(FlippedDirectoryTests.script) { cluster in
            try await shell(FlippedDirectoryTests.outside, in: cluster.folder.path)
            let tree = cluster.trainer.root + "/outputs/tree"
            let flipper = Flipper(
                { "\(tree)/d\($0 % 10)" }, aside: cluster.trainer.root + "/aside/real",
                to: cluster.folder.path("outside"), rest: 100_000)
            defer { flipper.stop() }
            for _ in 0..<12 {
                let output = try await cluster.deploy.baton(
                    "get", "--overwrite", "--json", "lit://trainer@outputs/tree", "copy", within: .seconds(60))
                // What is seen is a tree with a link, or without that name, or one that keeps changing.
                #expect([0, 65].contains(output.status), "\(output)")
                guard output.status == 0 else { continue }
                let odd = try await shell(
                    "grep -rIl secret copy || true; find copy -name only-here", in: cluster.deploy.root)
                #expect(odd.isEmpty, "\(odd)")
            }
            #expect(flipper.flips > 0)
            flipper.stop()
            let output = try await cluster.deploy.baton("get", "--overwrite", "lit://trainer@outputs/tree", "copy")
            #expect(output.status == 0, "\(output)")
            try await expectSame(tree, cluster.deploy.root + "/copy")
        }
    }

    @Test("At the origin, a directory above the path that is asked for: nothing that lies outside is ever sent")
    func aboveOrigin() async throws {
        try await Cluster.run(FlippedDirectoryTests.script) { cluster in
            try await shell(FlippedDirectoryTests.outside, in: cluster.folder.path)
            let directory = cluster.trainer.root + "/outputs/tree/d3"
            let flipper = Flipper(
                { _ in directory }, aside: cluster.trainer.root + "/aside/real", to: cluster.folder.path("outside"))
            defer { flipper.stop() }
            for _ in 0..<30 {
                let output = try await cluster.deploy.baton(
                    "get", "--overwrite", "--json", "lit://trainer@outputs/tree/d3/f7", "copy")
                // It is there, or is not, or leads outside and is not shared.
                #expect([0, 65, 66, 77].contains(output.status), "\(output)")
                guard output.status == 0 else { continue }
                #expect(try await contents(cluster.deploy.root + "/copy") == "public 3 7\n")
            }
            #expect(flipper.flips > 0)
        }
    }

    @Test("At the receiver, in the stage: nothing outside is written, changed or removed")
    func receiver() async throws {
        try await Cluster.run(FlippedDirectoryTests.script) { cluster in
            try await shell(FlippedDirectoryTests.outside + "\nmkdir deploy/aside", in: cluster.folder.path)
            let root = cluster.deploy.root
            let before = try await state(of: cluster.folder.path("outside"))
            let flipper = Flipper(
                { turn in
                    let stage = (try? FileManager.default.contentsOfDirectory(atPath: root))?.first {
                        $0.hasPrefix(".baton-stage-")
                    }
                    return stage.map { "\(root)/\($0)/d\(turn % 10)" }
                }, aside: root + "/aside/real", to: cluster.folder.path("outside"))
            defer { flipper.stop() }
            for _ in 0..<20 {
                let output = try await cluster.deploy.baton(
                    "get", "--overwrite", "--json", "lit://trainer@outputs/tree", "copy", within: .seconds(60))
                // Whoever may write in the stage can spoil the copy, and nothing else.
                #expect([0, 65, 70, 73, 77].contains(output.status), "\(output)")
            }
            flipper.stop()
            #expect(try await state(of: cluster.folder.path("outside")) == before)
            let output = try await cluster.deploy.baton("get", "--overwrite", "lit://trainer@outputs/tree", "copy")
            #expect(output.status == 0, "\(output)")
            try await expectSame(cluster.trainer.root + "/outputs/tree", root + "/copy")
        }
    }

    @Test("At the receiver, in what is replaced: only the old content goes, nothing outside")
    func replaced() async throws {
        try await Cluster.run(FlippedDirectoryTests.script) { cluster in
            try await shell(FlippedDirectoryTests.outside + "\nmkdir deploy/aside", in: cluster.folder.path)
            let root = cluster.deploy.root
            let before = try await state(of: cluster.folder.path("outside"))
            // While the old content is removed it lies where the stage was.
            let flipper = Flipper(
                { turn in
                    let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
                    return names.first { $0.hasPrefix(".baton-stage-") }.map { "\(root)/\($0)/old\(turn % 10)" }
                }, aside: root + "/aside/real", to: cluster.folder.path("outside"))
            defer { flipper.stop() }
            for _ in 0..<15 {
                try await shell(
                    "rm -rf copy; for d in $(seq 0 9); do mkdir -p copy/old$d/deep; touch copy/old$d/f{1..20}; done",
                    in: root)
                let output = try await cluster.deploy.baton(
                    "get", "--overwrite", "--json", "lit://trainer@outputs/tree", "copy", within: .seconds(60))
                #expect(output.status == 0, "\(output)")
                try await expectSame(cluster.trainer.root + "/outputs/tree", root + "/copy")
            }
            flipper.stop()
            #expect(try await state(of: cluster.folder.path("outside")) == before)
        }
    }

    private func state(of directory: String) async throws -> String {
        try await shell("find . -printf '%p %y %s %m %n %T@ %C@\\n' | LC_ALL=C sort; cat f*", in: directory)
    }
}

/// Puts a link to `outside` in the place of a directory and takes it away again, on a thread of its own, as fast as it can.
private final class Flipper: Sendable {
    private let state = Mutex((mayStop: false, isOver: false, flips: 0))

    /// - Parameters:
    ///   - path: of the directory to flip for the n-th time; `nil`: there is none now.
    ///   - aside: where the directory lies meanwhile.
    ///   - rest: at most so many microseconds it leaves things as they are.
    init(
        _ path: @escaping @Sendable (Int) -> String?, aside: String, to outside: String, rest: UInt32 = 300
    ) {
        Thread.detachNewThread { [self] in
            var turn = 0
            while !state.withLock({ $0.mayStop }) {
                turn += 1
                guard let path = path(turn), rename(path, aside) == 0 else {
                    usleep(50)
                    continue
                }
                if symlink(outside, path) == 0 {
                    state.withLock { $0.flips += 1 }
                    usleep(UInt32.random(in: 0...rest))
                    unlink(path)
                }
                // Its place may have gone meanwhile, or somebody else is there: then the directory is lost.
                if rename(aside, path) != 0 { try? FileManager.default.removeItem(atPath: aside) }
                usleep(UInt32.random(in: 0...rest))
            }
            state.withLock { $0.isOver = true }
        }
    }

    var flips: Int { state.withLock { $0.flips } }

    /// All is as it was before.
    func stop() {
        state.withLock { $0.mayStop = true }
        while !state.withLock({ $0.isOver }) { usleep(100) }
    }
}
