import Foundation
import Glibc
import Testing

@Suite(
    "An agent that was replaced by a newer session of its identity publishes nothing any more",
    .timeLimit(.patientMinutes(30))
)
struct ReplacedAgentTests {
    /// A first agent of the work `third`, which stands still in the middle of a persist while a second one takes its place, and then
    /// goes on.
    private func replaced(
        at moment: String, _ judge: (Cluster, _ second: Agent, _ persist: Program.Output) async throws -> Void
    ) async throws {
        try await Cluster.run { cluster in
            let first = try cluster.agent(
                "third", root: cluster.folder.path("first"), flags: ["--share", "outputs"],
                environment: ["BATON_STOP_AT": moment])
            try await first.ready()
            try await shell("mkdir outputs; head -c 9000000 /dev/urandom > outputs/first", in: first.root)
            let persist = try first.start(["persist"])
            try await eventually("the moment") { first.program.isStopped }
            let second = try cluster.agent("third", root: cluster.folder.path("second"), flags: ["--share", "outputs"])
            try await second.ready()
            first.program.send(SIGCONT)
            let output = try await persist.output(within: .seconds(60))
            #expect(output.status != 0, "\(output)")
            #expect(try await first.program.status(within: .seconds(30)) == 69, "\(first.log)")
            try await judge(cluster, second, output)
        }
    }

    @Test(
        "Stopped in the middle of its data, or when everything has been sent but the end",
        arguments: ["chunk-read:10", "before-end:1"])
    func stopped(_ moment: String) async throws {
        try await replaced(at: moment) { cluster, second, _ in
            #expect(try await second.generations().isEmpty)
            try await shell("mkdir outputs; echo second > outputs/second", in: second.root)
            #expect(try await second.persist().map(\.generation) == [1])
            let list = try await cluster.deploy.baton("get", "--stored", "lit://third@outputs", "copy")
            #expect(list.status == 0, "\(list)")
            #expect(try await shell("ls copy", in: cluster.deploy.root) == "second\n")
            #expect(try await second.generations() == [1])
        }
    }

    @Test("It may not remove or pin either: it has no session any more")
    func changesNothing() async throws {
        try await Cluster.run { cluster in
            let first = try cluster.agent("third", root: cluster.folder.path("first"), flags: ["--share", "outputs"])
            try await first.ready()
            try await shell("mkdir outputs; echo 1 > outputs/file", in: first.root)
            try await first.persist()
            first.program.send(SIGSTOP)
            let remove = try first.start(["artifacts", "rm", "lit://outputs"])
            let second = try cluster.agent("third", root: cluster.folder.path("second"))
            try await second.ready()
            first.program.send(SIGCONT)
            #expect(try await remove.status(within: .seconds(30)) != 0)
            #expect(try await second.generations() == [1])
        }
    }

    @Test("Its command's end leaves nothing behind at the relay: 75 if it ended well, and a sentence that says so")
    func command() async throws {
        try await Cluster.run { cluster in
            let script = """
                cd $BATON_ROOT; mkdir outputs; echo first > outputs/first
                echo begun; while [ ! -e end ]; do sleep 0.05; done
                """
            let first = try cluster.agent(
                "third", root: cluster.folder.path("first"), flags: ["--share", "outputs", "--persist-within", "5"],
                command: ["sh", "-c", script])
            try await eventually("the begin of the command") { first.program.stdout.contains("begun") }
            let second = try cluster.agent("third", root: cluster.folder.path("second"), flags: ["--share", "outputs"])
            try await second.ready()
            try await first.says("was replaced")
            try await shell("touch end", in: first.root)
            let output = try await first.program.output(within: .seconds(30))
            #expect(output.status == 75 && output.stderr.contains("not safe"), "\(output)")
            #expect(try await second.generations().isEmpty)
        }
    }
}
