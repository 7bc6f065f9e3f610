import Foundation
import Testing

/// What `Protocol/checks.py` says: each rule of the protocol has a vector or a case, and each of these a rule.
@Suite("The rules of the protocol and their checks")
struct SpecificationTests {
    @Test("Each rule has a check, each check a rule, and CHECKS.md lists them all")
    func complete() throws {
        let (status, output) = try Specification.check(Sources.root.appending(path: "Protocol"))
        #expect(status == 0, "\(output)")
    }

    @Test(
        "What is wrong is found, and named",
        arguments: [
            Flaw(
                "a rule that nothing checks", in: "04-streams.md", "\n- **STR-900** A stream MUST be blue.\n",
                says: "STR-900 has no check"),
            Flaw(
                "a rule that a second one shares its number with", in: "04-streams.md",
                "\n- **STR-1** A stream MUST be blue.\n", says: "STR-1 is defined twice"),
            Flaw(
                "a MUST without a number", in: "04-streams.md", "\nA stream MUST be blue.\n",
                says: "a MUST without a number"),
            Flaw(
                "a MUST in the paragraph behind a rule", in: "04-streams.md",
                "\n- **STR-900** A stream is blue,\n  that is, not red.\n\nIt MUST be blue.\n",
                says: "a MUST without a number"),
            Flaw(
                "a rule that is mentioned and does not exist", in: "conformance/README.md", "\nSee STR-900.\n",
                says: "conformance/README.md mentions STR-900, which is no rule"),
            Flaw(
                "a case of an unknown rule", in: "conformance/made-up.json",
                #"{"about": "x", "cases": [{"name": "a stream is blue", "rules": ["STR-900"]}]}"#,
                says: "conformance/made-up.json: 'a stream is blue' names STR-900, which is no rule"),
            Flaw(
                "a case without rules", in: "hostile/made-up.json",
                #"{"about": "x", "cases": [{"name": "a stream is blue", "rules": []}]}"#,
                says: "hostile/made-up.json: 'a stream is blue' names no rule"),
            Flaw(
                "a vector without rules", in: "vectors/made-up.json",
                #"{"chapter": "x", "frames": [{"name": "a blue stream", "hex": ""}]}"#,
                says: "made-up.json: 'a blue stream' names no rule"),
            Flaw(
                "two cases of one name", in: "hostile/made-up.json",
                #"{"cases": [{"name": "blue", "rules": ["STR-1"]}, {"name": "blue", "rules": ["STR-1"]}]}"#,
                says: "'blue' is the name of two cases"),
            Flaw(
                "a table that is out of date", in: "CHECKS.md", "\n", says: "CHECKS.md is not what"),
        ])
    func flaw(_ flaw: Flaw) throws {
        let copy = FileManager.default.temporaryDirectory.appending(path: "baton-protocol-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: copy) }
        try FileManager.default.copyItem(at: Sources.root.appending(path: "Protocol"), to: copy)
        let (_, before) = try Specification.check(copy)
        #expect(!before.contains(flaw.says))

        try flaw.add(to: copy)
        let (status, output) = try Specification.check(copy)
        #expect(status == 1)
        #expect(output.contains(flaw.says), "\(output)")
    }
}

/// Something that a change may do wrong: a text at the end of a file, and what the script has to say of it.
struct Flaw: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let file: String
    let text: String
    let says: String

    init(_ description: String, in file: String, _ text: String, says: String) {
        (testDescription, self.file, self.text, self.says) = (description, file, text, says)
    }

    func add(to folder: URL) throws {
        let file = folder.appending(path: file)
        let before = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        try (before + text).write(to: file, atomically: true, encoding: .utf8)
    }
}

enum Specification {
    static func check(_ folder: URL) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "python3", Sources.root.appending(path: "Protocol/checks.py").path, folder.path, "--check",
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}
