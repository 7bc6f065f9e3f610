import Glibc
import Testing

@Suite("A get on a terminal shows how far it is", .timeLimit(.patientMinutes(30)))
struct ProgressTests {
    /// Runs a get of the large file whose stderr is a terminal (one that `script` makes), and returns what that shows.
    private func shown(_ flags: String) async throws -> String {
        let large = try await LargeFile.shared()
        var shown = ""
        try await Cluster.run(shares: [large.path]) { cluster in
            let get = "'\(try Program.ours("baton"))' get \(flags) 'lit://trainer@\(large.path)' copy"
            // Held up for a moment, so that there is something to show in any case.
            let script = try Program(["script", "-qec", get, "/dev/null"], in: cluster.deploy.root)
            try await eventually("the first bytes of a get") {
                try await stagedBytes(in: cluster.deploy.root) > 1 << 20
            }
            cluster.trainer.program.send(SIGSTOP)
            try await Task.sleep(for: .seconds(3))
            cluster.trainer.program.send(SIGCONT)
            let output = try await script.output(within: .seconds(60))
            #expect(output.status == 0, "\(output)")
            shown = output.stdout
        }
        return shown
    }

    @Test("Bytes, files, rate and time left, each over the last, and the line is cleared in the end")
    func terminal() async throws {
        let shown = try await shown("")
        #expect(shown.contains("\r\u{1B}[K"))
        #expect(
            shown.contains(/[0-9.]+ MiB of 400.0 MiB \([0-9]+ %\), [0-9]+ entr(y|ies), [0-9.]+ [KM]iB\/s, [0-9:]+ left/)
        )
        #expect(shown.contains(/\r\u{1B}\[Klit:\/\/trainer@/), "the result follows on a cleared line")
    }

    @Test("persist shows it, too, and names the hops as they are seen from here")
    func persist() async throws {
        let large = try await LargeFile.shared()
        try await Cluster.run(shares: [large.path]) { cluster in
            let persist = "'\(try Program.ours("baton"))' persist"
            let script = try Program(["script", "-qec", persist, "/dev/null"], in: cluster.trainer.root)
            try await eventually("the first of the file at the relay") {
                try await shell("find . -name '.baton-stage-*'", in: cluster.folder.path("store")).isEmpty == false
            }
            cluster.relay.program.send(SIGSTOP)
            try await Task.sleep(for: .milliseconds(1500))
            cluster.relay.program.send(SIGCONT)
            let output = try await script.output(within: .seconds(60))
            #expect(output.status == 0, "\(output)")
            #expect(output.stdout.contains(/[0-9.]+ MiB, [0-9]+ entr(y|ies), [0-9.]+ [KM]iB\/s/), "\(output)")
            #expect(output.stdout.contains(/\r\u{1B}\[Klit:\/\/trainer@\S+ stored: generation 1/), "\(output)")
        }
    }

    @Test("--quiet shows nothing of it, but the result")
    func quiet() async throws {
        let shown = try await shown("--quiet")
        #expect(!shown.contains("\u{1B}") && !shown.contains("MiB") && shown.contains("/"), "\(shown)")
    }

    @Test("Where stderr is no terminal there is no progress")
    func noTerminal() async throws {
        try await Cluster.run("mkdir outputs; echo 1 > outputs/file") { cluster in
            let answer = try await cluster.deploy.baton("get", "lit://trainer@outputs/file")
            #expect(answer.status == 0 && answer.stderr.isEmpty, "\(answer)")
        }
    }
}
