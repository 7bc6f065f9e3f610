import Foundation
import Testing

@Suite("The examples of the library", .timeLimit(.minutes(5)))
struct ExampleTests {
    @Test("handover, which fits a page, hands over two checkpoints and picks the better one")
    func handover() async throws {
        let folder = try TemporaryFolder()
        #expect(
            try await inOneProcess("handover", folder)
                == "lit://trainer@outputs/checkpoints/epoch=2.ckpt is the best of 2: loss 0.12\n")

        let source = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../../Examples/Handover/Handover.swift")
        #expect(
            try String(contentsOf: source, encoding: .utf8).split(separator: "\n", omittingEmptySubsequences: false)
                .count < 40)
    }

    @Test(
        "An example prints the same in one process, and as relay, works and flow that are processes of their own",
        arguments: ["handover", "train-and-deploy"])
    func localOrNot(_ name: String) async throws {
        let folder = try TemporaryFolder()
        let printed = try await inOneProcess(name, folder)
        #expect(printed.contains("lit://trainer@outputs/checkpoints"))
        #expect(try await inManyProcesses(name, folder) == printed)
    }

    private func inOneProcess(_ name: String, _ folder: TemporaryFolder) async throws -> String {
        let program = try Program(
            [Program.ours(name), "run", "--root", folder.path("run"), "--log-level", "error"], in: folder.path)
        let output = try await program.output(within: .seconds(60))
        #expect(output.status == 0, "\(output)")
        return output.stdout
    }

    private func inManyProcesses(_ name: String, _ folder: TemporaryFolder) async throws -> String {
        let certificates = try await Certificates.shared()
        let relay = try await Relay(in: folder, certificates: certificates.relay)
        func part(_ words: [String], as work: String) throws -> Program {
            try Program(
                [Program.ours(name)] + words
                    + ["--relay", relay.address, "--certs", certificates.work(work, app: "example")], in: folder.path)
        }
        let works = try ["trainer", "deployer"].map { work in
            try part(["work", work, "--root", folder.path(work)], as: work)
        }
        for work in works { _ = try await readyLine(of: work) { work.stderr } }
        let flow = try await part(["flow"], as: "flow").output(within: .seconds(60))
        #expect(flow.status == 0, "\(flow)")
        // The works wait for the next flow until they are told to end, and end in peace.
        for work in works {
            #expect(work.isRunning)
            work.send(SIGTERM)
            #expect(try await work.status() == 0, "\(work.stderr)")
        }
        return flow.stdout
    }
}
