import Foundation
import Testing

@Suite("The code in the documentation")
struct CodeBlockTests {
    /// What the compiler has seen.
    private static let compiled =
        (Sources.files(below: "Examples", ending: ".swift")
        + Sources.files(below: "Tests/DocumentationTests/Snippets", ending: ".swift") + [manifest])
        .filter { !$0.contains("/Data/") }
        .map { (file: $0, lines: Sources.lines(of: $0)) }
    private static let manifest = "Tests/DocumentationTests/Manifest/Package.swift"

    @Test(
        "Each block of Swift stands, line by line, in an example or in a file of Snippets",
        arguments: CodeBlock.all.filter { $0.language == "swift" })
    func swift(_ block: CodeBlock) {
        let count = block.lines.count
        let isCompiled = Self.compiled.contains { _, lines in
            lines.indices.contains { first in
                first + count <= lines.count && Sources.dedented(lines[first..<(first + count)]) == block.lines
            }
        }
        #expect(
            isCompiled,
            "\(block.testDescription): no compiled file has these lines:\n\(block.lines.joined(separator: "\n"))")
    }

    @Test("The manifest in the documentation is one that the package manager reads")
    func readManifest() throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "swift", "package", "--package-path",
            Sources.root.appending(path: Self.manifest).deletingLastPathComponent().path,
            "--scratch-path", FileManager.default.temporaryDirectory.appending(path: "baton-manifest").path,
            "dump-package",
        ]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }

    @Test("Each target of make that a block of shell commands names is in the Makefile", arguments: CodeBlock.all)
    func makeTargets(_ block: CodeBlock) {
        let targets = Sources.lines(of: "Makefile").filter { $0.contains(":") }.map { $0.prefix { $0 != ":" } }
        for target in block.makeTargets {
            #expect(targets.contains(target[...]), "\(block.testDescription): make has no target '\(target)'")
        }
    }

    @Test("A block says what it is: Swift, shell commands, a session in a terminal, or none of these")
    func languages() {
        let known = ["swift", "sh", "console", ""]
        #expect(CodeBlock.all.filter { !known.contains($0.language) }.map(\.testDescription) == [])
        #expect(CodeBlock.all.count > 20)
    }
}

extension CodeBlock {
    /// `certs` in `make -C "$DIRECTORY" certs APP=demo  # what it does`
    fileprivate var makeTargets: [String] {
        guard ["sh", "console"].contains(language) else { return [] }
        return lines.flatMap { line in
            // A word in quotes may have spaces, and names no target.
            let line = line.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
                .map { $0.offset.isMultiple(of: 2) ? String($0.element) : "=" }.joined()
            var words = line.split(separator: "#").first?.split(separator: " ").map(String.init) ?? []
            if words.first == "$" { words.removeFirst() }
            guard words.first == "make" else { return [String]() }
            if let option = words.firstIndex(of: "-C") { words.removeSubrange(option...(option + 1)) }
            return words.dropFirst().filter { !$0.contains("=") && $0.allSatisfy { $0.isLetter || $0 == "-" } }
        }
    }
}
