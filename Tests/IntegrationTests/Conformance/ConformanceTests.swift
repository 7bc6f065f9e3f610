import Foundation
import Testing

@Suite("Our programs keep to the cases of the protocol, and what does not is told", .timeLimit(.patientMinutes(30)))
struct ConformanceTests {
    @Test("The relay does", arguments: CaseFile.all("relay-", and: "hostile/").filter { $0.name != crowds.name })
    func relay(_ file: CaseFile) async throws {
        let output = try await relayOutput(file)
        #expect(output.status == 0, "\(output.failures)")
    }

    private static let crowds = CaseFile(name: "hostile/slow.json")

    @Test("The relay does beside peers that are slow, and those that come in thousands")
    func relayBesideCrowds() async throws {
        let output = try await relayOutput(Self.crowds)
        #expect(output.status == 0, "\(output.failures)")
    }

    private func relayOutput(_ file: CaseFile) async throws -> Program.Output {
        try await file.run(
            [],
            against: [Program.ours("baton-relay"), "--listen", "{address}", "--certs", "{certs}", "--store", "{store}"])
    }

    @Test("The agent does", arguments: CaseFile.all("agent-", and: "hostile/"))
    func agent(_ file: CaseFile) async throws {
        let output = try await file.run(
            ["--agent"],
            against: [Program.ours("baton-agent"), "--relay", "{relay}", "--certs", "{certs}", "--root", "{root}"])
        #expect(output.status == 0, "\(output.failures)")
    }

    @Test(
        "A case that demands what no relay does fails, and names its rule, what was sent, what was expected and what came"
    )
    func failing() async throws {
        let output = try await broken(
            """
            {"name": "EXISTS is answered with a stat", "rules": ["OPS-7"], "of": "relay", "steps": [
              {"session": "a", "work": "alpha"},
              {"send": "a", "frame": {"type": "ECHO", "stream": 1}},
              {"expect": "a", "type": "STAT_REPLY", "stream": 1}
            ]}
            """)
        #expect(output.status == 1)
        for text in ["FAILED   EXISTS is answered", "OPS-7", "step      3", "sent last", "ECHO stream 1", "STAT_REPLY"]
        {
            #expect(output.stdout.contains(text), "\(output)")
        }
        #expect(output.stdout.contains("came      ECHO_REPLY stream 1 answered_by=\"\""), "\(output)")
        #expect(output.stdout.hasSuffix("0 passed, 1 failed, 0 not run\n"), "\(output)")
    }

    @Test(
        "A case that cannot be is an error that names file, case and step",
        arguments: [
            #"{"session": "a", "wrok": "alpha"}"#, #"{"perform": "a"}"#, #"{"wait_ms": -1}"#,
            #"{"send": "a", "frame": {"type": "EXISTS", "fields": {"paht": "x"}}}"#,
            #"{"send": "a", "frame": {"type": "ECHO", "stream": 4294967296}}"#,
            #"{"expect": "a", "type": "ERROR", "fields": {"code": "nonsense"}}"#, #"{"file": "x", "text": "y"}"#,
        ])
    func malformed(_ step: String) async throws {
        let output = try await broken(#"{"name": "n", "rules": ["A-1"], "of": "relay", "steps": [\#(step)]}"#)
        #expect(output.status == 64, "\(output)")
        for text in ["broken.json", "\"n\"", "step 1"] { #expect(output.stderr.contains(text), "\(output)") }
    }

    @Test("A filter that no case matches is an error, not a success")
    func noMatch() async throws {
        let output = try await CaseFile(name: "no such case").run(
            [], against: [Program.ours("baton-relay"), "--listen", "{address}", "--certs", "{certs}"])
        #expect(output.status == 64 && output.stderr.contains("no case matches no such case"), "\(output)")
    }

    private func broken(_ text: String) async throws -> Program.Output {
        let folder = try TemporaryFolder()
        try #"{"about": "no file of ours", "cases": [\#(text)]}"#.write(
            toFile: folder.path("broken.json"), atomically: false, encoding: .utf8)
        return try await CaseFile(name: "broken.json").run(
            ["--no-vectors", "--cases", folder.path],
            against: [Program.ours("baton-relay"), "--listen", "{address}", "--certs", "{certs}", "--store", "{store}"])
    }
}

/// One file of cases, or those of one rule.
struct CaseFile: Sendable, CustomTestStringConvertible {
    let name: String
    var testDescription: String { name }

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../../Protocol").standardizedFileURL.path

    /// The files of cases for one side, those for both, and the vectors that are frames. Floods are left to `make conformance`: what they do to
    /// others can be judged on a machine that does nothing else.
    static func all(_ prefix: String, and other: String) -> [CaseFile] {
        let names = ["conformance", "hostile", "vectors"].flatMap { directory in
            ((try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(directory)")) ?? [])
                .map { "\(directory)/\($0)" }
        }
        let own = names.filter { name in
            name.hasSuffix(".json") && name != "hostile/floods.json"
                && (["/" + prefix, other].contains { name.contains($0) } || hasFrames(name))
        }
        return own.sorted().map { CaseFile(name: $0) }
    }

    private static func hasFrames(_ name: String) -> Bool {
        let text = try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
        return name.hasPrefix("vectors/") && text?.contains("\"frames\"") == true
    }

    /// Only a few are run at a time: the machine may be small.
    func run(
        _ options: [String], against command: [String], patience: Int = 5 * Sanitized.patience
    ) async throws -> Program.Output {
        let certificates = try await ConformanceCertificates.shared()
        return try await Turnstile.cases.pass {
            let usual = ["--cases", "\(CaseFile.folder)/conformance", "--cases", "\(CaseFile.folder)/hostile"]
            let program = try Program(
                Unprivileged.prefix
                    + [Program.ours("baton-conformance"), "--certs", certificates, "--patience", "\(patience)"]
                    + ["--vectors", "\(CaseFile.folder)/vectors"]
                    + (options.contains("--cases") ? [] : usual) + ["--filter", name] + options + ["--"] + command)
            return try await program.output(within: .seconds(600))
        }
    }
}

extension Program.Output {
    /// What did not pass.
    fileprivate var failures: String {
        stdout.split(separator: "\n").filter { !$0.hasPrefix("passed ") }.joined(separator: "\n") + "\n" + stderr
    }
}

/// Certificates of all peers, good ones and wrong ones, made once in a run of the tests.
private struct ConformanceCertificates {
    /// They go when this goes.
    private let folder: TemporaryFolder

    static func shared() async throws -> String { try await made.value.folder.path }

    private static let made = Task {
        let folder = try TemporaryFolder()
        folder.removeAtExit()
        let script = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../../Scripts/conformance-certificates").standardizedFileURL.path
        try await shell("'\(script)' .", in: folder.path)
        return ConformanceCertificates(folder: folder)
    }
}
