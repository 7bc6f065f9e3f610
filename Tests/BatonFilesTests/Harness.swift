import BatonProtocol
import Foundation
import NIOCore
import SystemPackage
import Testing

@testable import BatonFiles

/// A directory of its own for one test, with an origin's and a receiver's root in it; removed at the end.
final class Bench: Sendable {
    let top: String
    let origin: WorkFolder
    let receiver: WorkFolder

    init() throws {
        top =
            try #require(Bench.realPath(of: FileManager.default.temporaryDirectory.path)) + "/baton-"
            + UUID().uuidString
        origin = try WorkFolder(root: FilePath(top + "/origin"))
        receiver = try WorkFolder(root: FilePath(top + "/receiver"))
    }

    deinit { _ = try? shell("chmod -R u+rwx \(top); rm -rf \(top)") }

    var originRoot: String { origin.root.string }
    var receiverRoot: String { receiver.root.string }

    private static func realPath(of path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }

    /// Files of the origin, with these paths declared.
    func shared(_ paths: String..., servesReadOnly: Bool = false) throws -> SharedFiles {
        let files = SharedFiles(folder: origin, servesReadOnly: servesReadOnly)
        for path in paths { _ = try files.declare(PathName(path)) }
        return files
    }

    func writer(
        _ destination: String, overwrite: Bool = false, limits: TreeLimits = TreeLimits(),
        calls: FileSystemCalls = FileSystemCalls()
    ) throws -> TreeWriter {
        try TreeWriter(
            destination: FilePath(destination), overwrite: overwrite, folder: receiver, limits: limits, calls: calls)
    }

    /// Gets `path` of the origin to `destination`, by way of encoded frames.
    @discardableResult
    func get(
        _ path: String, to destination: String, overwrite: Bool = false, files: SharedFiles? = nil,
        calls: FileSystemCalls = FileSystemCalls()
    ) throws -> Publication {
        let files = try files ?? shared(path)
        let writer = try writer(destination, overwrite: overwrite, calls: calls)
        for message in try messages(files.open(PathName(path), stream: 1)) { try writer.receive(message) }
        return try writer.publish()
    }

    /// Runs a script in the bench's directory.
    @discardableResult
    func run(_ script: String) throws -> String { try shell("set -e; cd \(top); \(script)") }

    /// What `find` says of a tree: kind, mode, size, mtime, name and target of everything, and the content's digests.
    func description(of tree: String) throws -> String {
        try run(
            """
            cd \(tree); export LC_ALL=C
            find . -type f -printf '%y %m %s %T@ %P\\0' -o -printf '%y %m %T@ %P -> %l\\0' | sort -z | tr '\\0' '\\n'
            find . -type f -print0 | sort -z | xargs -0r sha256sum -z | tr '\\0' '\\n'
            """)
    }

    /// Stages, their records and notes of swaps, wherever they are.
    var leftovers: String {
        get throws {
            try run("find . -name '.baton-stage-*'; ls -A receiver/.baton/stages; ls -A receiver/.baton/swaps")
        }
    }
}

func messages(_ reader: TreeReader) throws -> [Message] {
    var messages: [Message] = []
    var decoder = FrameDecoder(connection: .lane)
    decoder.isGreeted = true
    while let burst = try reader.nextBurst() {
        var payload = 0
        decoder.feed(burst.frames)
        while let frame = try decoder.next() {
            payload += frame.payload.readableBytes
            messages.append(try Message(frame))
        }
        #expect(decoder.isEmpty, "a burst holds whole frames")
        #expect(payload == burst.payload)
    }
    return messages
}

@discardableResult
func shell(_ script: String) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/bash")
    process.arguments = ["-c", script]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw ScriptFailure(script: script, output: text) }
    return text
}

struct ScriptFailure: Error {
    let script: String
    let output: String
}

extension PathName {
    init(_ text: String) throws(NameError) { try self.init(Array(text.utf8)) }
}

/// The error that `body` throws must have this code; it is returned for a look at the rest.
@discardableResult
func expectError<T>(
    _ code: ErrorCode, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> T
) throws -> BatonError {
    let error = try #require(throws: BatonError.self, sourceLocation: sourceLocation) { _ = try body() }
    #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
    return error
}
