import Foundation
import Glibc
import Testing

@Suite("baton-agent -- COMMAND runs the work", .timeLimit(.patientMinutes(30)))
struct WorkCommandTests {
    private let files = "mkdir outputs; echo content > outputs/file"

    /// Runs a command as the work `third`, to its end.
    private func run(
        _ command: String..., files: String = "mkdir outputs; echo content > outputs/file",
        _ judge: (Cluster, Agent, Program.Output) async throws -> Void
    ) async throws {
        try await Cluster.run(files) { cluster in
            let agent = try cluster.agent("third", command: command)
            try await judge(cluster, agent, agent.program.output())
        }
    }

    @Test("The command is told the agent's socket, the work's name and its root")
    func environment() async throws {
        try await run("sh", "-c", "echo $BATON_SOCKET; echo $BATON_WORK; echo $BATON_ROOT") { _, agent, output in
            #expect(output.stdout == "\(agent.socket)\nthird\n\(agent.root)\n", "\(output)")
            #expect(output.status == 0)
        }
    }

    @Test("The command's stdout is its own: the ready line is on stderr")
    func readyLine() async throws {
        try await run("echo", "nothing else") { _, agent, output in
            #expect(output.stdout == "nothing else\n")
            #expect(output.stderr.contains("ready \(agent.socket)\n"), "\(output)")
        }
    }

    @Test("An argument that is a reference is replaced by the local path, and the file is there")
    func argument() async throws {
        try await run("sh", "-c", "echo $1; cat $1", "sh", "lit://trainer@outputs/file") { _, agent, output in
            #expect(output.stdout == agent.from("trainer", "outputs/file") + "\ncontent\n", "\(output)")
        }
    }

    @Test("A command is found by its path as well as by its name")
    func commandByPath() async throws {
        try await run("/bin/echo", "found") { _, _, output in
            #expect(output.stdout == "found\n", "\(output)")
            #expect(output.status == 0, "\(output)")
        }
    }

    @Test("What an earlier run fetched is fetched anew")
    func argumentAgain() async throws {
        try await Cluster.run(files) { cluster in
            for content in ["content", "changed"] {
                try await shell("echo \(content) > outputs/file", in: cluster.trainer.root)
                let agent = try cluster.agent("third", command: ["cat", "lit://trainer@outputs/file"])
                #expect(try await agent.program.output().stdout == content + "\n")
            }
        }
    }

    @Test("Arguments that name no other work stay as they are")
    func otherArguments() async throws {
        let words = ["lit://outputs/file", "--flag=lit://trainer@outputs/file", "lit://", "a b", ""]
        try await Cluster.run(files) { cluster in
            let agent = try cluster.agent("third", command: ["printf", "%s\\n"] + words)
            let output = try await agent.program.output()
            #expect(output.stdout == words.map { $0 + "\n" }.joined(), "\(output)")
        }
    }

    @Test("A reference to what does not exist is replaced by the path where it would lie, unfetched")
    func missingArgument() async throws {
        try await run("sh", "-c", "echo $1; test ! -e $1", "sh", "lit://trainer@outputs/none") { _, agent, output in
            #expect(output.stdout == agent.from("trainer", "outputs/none") + "\n", "\(output)")
            #expect(output.status == 0, "\(output)")
        }
    }

    @Test(
        "A reference that cannot be fetched ends the agent before the command begins",
        arguments: [("lit://trainer@secret", 77), ("lit://nobody@outputs", 69)] as [(String, CInt)])
    func failingArgument(_ reference: String, _ status: CInt) async throws {
        try await run("echo", "begun", reference) { _, _, output in
            #expect(output.status == status, "\(output)")
            #expect(output.stdout.isEmpty, "\(output)")
        }
    }

    @Test("The command's exit status is the agent's", arguments: [0, 3, 255] as [CInt])
    func status(_ status: CInt) async throws {
        try await run("sh", "-c", "exit \(status)") { _, _, output in
            #expect(output.status == status, "\(output)")
        }
    }

    @Test("A command that a signal ends gives 128 and the signal's number", arguments: [SIGTERM, SIGKILL])
    func signalStatus(_ signal: CInt) async throws {
        try await run("sh", "-c", "kill -\(signal) $$") { _, _, output in
            #expect(output.status == 128 + signal, "\(output)")
        }
    }

    @Test("A command that is not there gives 127 and is named")
    func notFound() async throws {
        try await run("no-such-command") { _, _, output in
            #expect(output.status == 127 && output.stderr.contains("no-such-command"), "\(output)")
        }
    }

    @Test(
        "A signal is passed on, and the command decides what becomes of it",
        arguments: [SIGTERM, SIGINT, SIGHUP, SIGUSR1])
    func passedOn(_ signal: CInt) async throws {
        try await Cluster.run { cluster in
            let script = "trap 'echo got it; exit 7' TERM INT HUP USR1; echo begun; while :; do sleep 0.05; done"
            let agent = try cluster.agent("third", command: ["sh", "-c", script])
            try await eventually("the begin of the command") { agent.program.stdout.contains("begun") }
            agent.program.send(signal)
            let output = try await agent.program.output(within: .seconds(15))
            #expect(output.stdout == "begun\ngot it\n" && output.status == 7, "\(output)")
        }
    }

    @Test("The work's files are served while the command runs, and its socket goes when it ends")
    func serves() async throws {
        try await Cluster.run { cluster in
            let script = "mkdir data; echo made > data/file; touch done; while [ ! -e end ]; do sleep 0.05; done"
            let agent = try cluster.agent(
                "third", flags: ["--share", "data"], command: ["sh", "-c", "cd $BATON_ROOT; \(script)"])
            try await eventually("the command's file") { FileManager.default.fileExists(atPath: agent.root + "/done") }
            let answer = try await cluster.deploy.baton("get", "lit://third@data/file", "copy")
            #expect(answer.status == 0, "\(answer)")
            try await shell("touch end", in: agent.root)
            #expect(try await agent.program.status(within: .seconds(15)) == 0)
            #expect(!FileManager.default.fileExists(atPath: agent.socket))
        }
    }

    @Test("baton works inside the command without being told where the agent is")
    func batonInside() async throws {
        let baton = try Program.ours("baton")
        try await run("sh", "-c", "cd /; '\(baton)' exists lit://trainer@outputs/file") { _, _, output in
            #expect(output.stdout == "yes (live)\n" && output.status == 0, "\(output)")
        }
    }
}
