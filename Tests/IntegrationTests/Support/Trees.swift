import Foundation
import Testing

/// A file that takes a while to get, made once in a run of the tests. Nothing may change it.
struct LargeFile: Sendable {
    static let size = 400 << 20

    private let folder: TemporaryFolder
    var path: String { folder.path("large") }

    static func shared() async throws -> LargeFile { try await made.value }

    private static let made = Task {
        let folder = try TemporaryFolder()
        folder.removeAtExit()
        // Not one hole, and not the same everywhere.
        try await shell("head -c \(size) <(yes 'a long file, line by line') > large", in: folder.path)
        return LargeFile(folder: folder)
    }
}

/// What `rsync` would have to do to make the one like the other: nothing.
func expectSame(
    _ source: String, _ copy: String, within limit: Duration = .seconds(60),
    sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    let difference = try await difference(source, copy, within: limit)
    #expect(difference.isEmpty, "\(difference)", sourceLocation: sourceLocation)
}

/// - Returns: what `rsync` says that it would have to do to make the copy like the source; empty if nothing.
func difference(_ source: String, _ copy: String, within limit: Duration = .seconds(60)) async throws -> String {
    // A slash makes rsync compare what is in directories; files and links are compared from where they lie.
    let script = """
        if [ -d "$1" ] && [ ! -L "$1" ]; then set -- "$1/" "$2/"; fi
        rsync -aHXn --modify-window=-1 --checksum --delete --itemize-changes "$1" "$2"
        """
    let program = try Program(["/bin/sh", "-c", script, "sh", source, copy])
    let output = try await program.output(within: limit)
    return output.status == 0 ? output.stdout : "\(output)"
}

func contents(_ path: String) async throws -> String {
    guard let data = FileManager.default.contents(atPath: path) else { throw Failure("there is no file \(path)") }
    return String(decoding: data, as: UTF8.self)
}

/// Bytes in the stage of a get whose destination is in `directory`.
func stagedBytes(in directory: String) async throws -> Int {
    let names = try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasPrefix(".baton-stage-") }
    return names.reduce(0) { sum, name in
        let attributes = try? FileManager.default.attributesOfItem(atPath: "\(directory)/\(name)")
        return sum + (attributes?[.size] as? Int ?? 0)
    }
}

/// Waits until a get whose destination is in the root of `agent` has written some of what comes.
func underWay(_ get: Program, in agent: Agent) async throws {
    try await eventually("the first bytes of a get") {
        let bytes = try await stagedBytes(in: agent.root)
        guard bytes > 0 || get.isRunning else { throw Failure("a get ended early: \(get.stdout)\(get.stderr)") }
        return bytes > 1 << 20
    } otherwise: {
        agent.log
    }
}

/// Neither a stage nor a record of one is left.
func expectNothingLeft(in agent: Agent, sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let left = try await leftovers(in: agent)
    #expect(left.isEmpty, "\(left)", sourceLocation: sourceLocation)
}

/// What has come is kept, for a get to go on with: one stage, its record and its journal, and nothing else.
func expectPartialData(in agent: Agent, sourceLocation: SourceLocation = #_sourceLocation) async throws {
    var left = ""
    try await eventually("one stage, its record and its journal", within: .seconds(10)) {
        left = try await leftovers(in: agent)
        let lines = left.split(separator: "\n")
        return lines.count == 3 && lines.filter { $0.contains(".baton-stage-") }.count == 1
            && lines.filter { $0.hasSuffix(".journal") }.count == 1
    } otherwise: {
        left
    }
}

func leftovers(in agent: Agent) async throws -> String {
    try await shell("find . -name '.baton-stage-*'; find .baton/stages .baton/swaps -mindepth 1", in: agent.root)
}
