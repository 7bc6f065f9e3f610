import BatonProtocol
import Foundation
import NIOCore
import SystemPackage
import Testing

@testable import BatonFiles

/// What tests of interrupted gets have in common.
protocol Resuming {
    var bench: Bench { get }
}

extension Resuming {
    func order(_ path: String = "tree", attributes: Bool = false) throws -> TreeWriter.Order {
        TreeWriter.Order(
            source: Reference(origin: try WorkName("origin"), path: try PathName(path)), attributes: attributes)
    }

    /// A writer as a process that has just started has it.
    func freshWriter(
        _ destination: String = "copy", order: TreeWriter.Order? = nil, calls: FileSystemCalls = FileSystemCalls()
    ) throws -> TreeWriter {
        try TreeWriter(
            destination: FilePath(bench.receiverRoot + "/" + destination), overwrite: true,
            folder: WorkFolder(root: bench.receiver.root), order: order ?? self.order(), limits: TreeLimits(),
            calls: calls)
    }

    /// Kinds, modes, sizes, links, times and names of everything, and the digests of what it holds.
    func description(_ copy: String) throws -> String {
        try bench.run(
            """
            cd receiver/\(copy); export LC_ALL=C
            find . -type f -printf '%y %m %n %s %T@ %P\\n' -o -printf '%y %m %T@ %P -> %l\\n' | sort
            find . -type f -print0 | sort -z | xargs -0r sha256sum
            """)
    }

    func reference(_ origin: ScriptedOrigin) throws -> String {
        let writer = try freshWriter("reference", order: order("reference"))
        for message in origin.stream(from: nil) { try writer.receive(message) }
        _ = try writer.publish()
        return try description("reference")
    }

    /// Receives `count` messages and stops as a killed process does, but for having written its journal.
    func receive(_ count: Int, of origin: ScriptedOrigin) throws -> TreeWriter {
        let writer = try freshWriter()
        #expect(writer.resumePoint == nil)
        for message in origin.stream(from: nil).prefix(count) { try writer.receive(message) }
        writer.keepPartial()
        return writer
    }

    /// Gets the tree again, in a process that has just started.
    func complete(_ origin: ScriptedOrigin) throws -> Publication {
        _ = try WorkFolder(root: bench.receiver.root).sweep()
        let writer = try freshWriter()
        let point = writer.resumePoint
        writer.beginStream()
        for message in origin.stream(from: point) { try writer.receive(message) }
        return try writer.publish()
    }

    func journal() throws -> String {
        bench.receiverRoot + "/.baton/stages/"
            + (try bench.run("cd receiver/.baton/stages; ls | grep journal")).trimmingCharacters(in: .newlines)
    }
}

extension Script {
    /// Every kind of entry, modes that keep their owner out, several pieces, holes at the start, in the middle and at the end.
    static func mixedTree() throws -> [Message] {
        func bytes(_ count: Int, _ seed: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ seed) }
        }
        var tree =
            try directory("", mode: 0o555) + file("a", "first") + directory("b", mode: 0o500)
        tree +=
            try file("b/0", mode: 0) + directory("b/c", mode: 0)
            + file("b/c/f", "deep", mode: 0o400)
        tree += try link("b/l", "/etc/passwd") + hardLink("b/m", "b/c/f") + skipped("b/s")
        tree += try open("big", size: 9000, mode: 0o400)
        tree += [
            chunk(700, bytes(800, 1)), chunk(1500, bytes(600, 2)), chunk(4000, bytes(512, 3)),
            chunk(6000, bytes(100, 4), isLast: true),
        ]
        tree += try hardLink("big2", "big") + directory("d") + directory("d/e", mode: 0o711)
        tree += try directory("d/e/f") + open("d/e/f/g", size: 2000)
        tree += [chunk(0, bytes(1000, 5)), chunk(1000, bytes(1000, 6), isLast: true)]
        tree += try directory("d/e/z", mode: 0o555) + link("d/e/z/up", "..") + file("e", "last")
        tree += [
            .entry(
                TreeEntry(
                    kind: .file, mode: 0o640, size: 5000, modified: time, path: try PathName("hole"),
                    isLast: true))
        ]
        return tree
    }

    static func bytes(of messages: some Sequence<Message>) -> UInt64 {
        messages.reduce(0) { sum, message in
            if case .chunk(let chunk) = message { sum + UInt64(chunk.data.readableBytes) } else { sum }
        }
    }
}
