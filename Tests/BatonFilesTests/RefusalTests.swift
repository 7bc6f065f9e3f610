import BatonProtocol
import NIOCore
import Testing

@testable import BatonFiles

/// What a receiver does not take, whoever sends it. Nothing of a refused tree is ever left.
@Suite struct RefusalTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    private func expectRefusal(
        _ messages: [Message], _ code: ErrorCode = .corrupt, naming path: String? = nil,
        limits: TreeLimits = TreeLimits(), sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let writer = try bench.writer(bench.receiverRoot + "/made/copy", limits: limits)
        for message in messages.dropLast() { try writer.receive(message) }
        let last = try #require(messages.last)
        let error = try expectError(code, sourceLocation: sourceLocation) { try writer.receive(last) }
        if let path { #expect(error.path == (try PathName(path)), sourceLocation: sourceLocation) }
        #expect(throws: BatonError.self, sourceLocation: sourceLocation) { try writer.publish() }
        writer.discard()
        #expect(try bench.run("ls receiver") == "", sourceLocation: sourceLocation)
        #expect(try bench.leftovers == "", sourceLocation: sourceLocation)
    }

    private let time = Timestamp(seconds: 1, nanoseconds: 0)

    private func directory(_ path: String) throws -> Message {
        .entry(TreeEntry(kind: .directory, mode: 0o755, modified: time, path: try PathName(path)))
    }

    private func file(_ path: String, _ size: UInt64 = 0) throws -> Message {
        .entry(
            TreeEntry(kind: .file, mode: 0o644, size: size, modified: time, path: try PathName(path), isLast: size == 0)
        )
    }

    private func link(_ path: String, _ target: String) throws -> Message {
        .entry(
            TreeEntry(
                kind: .symbolicLink, mode: 0o777, modified: time, path: try PathName(path), target: Array(target.utf8)))
    }

    private func chunk(_ offset: UInt64, _ count: Int, isLast: Bool) -> Message {
        let data = ByteBuffer(repeating: 7, count: count)
        let checksum = data.withUnsafeReadableBytes { Checksum.of($0) }
        return .chunk(Chunk(offset: offset, checksum: checksum, data: data, isLast: isLast))
    }

    private func end(_ entries: UInt64, _ bytes: UInt64 = 0, _ skipped: UInt64 = 0) -> Message {
        .end(TreeEnd(entries: entries, bytes: bytes, skipped: skipped))
    }

    private func skipped(_ path: String) throws -> Message {
        .skipped(SkippedEntry(reason: .socket, path: try PathName(path)))
    }

    @Test func `the same messages in order are taken`() throws {
        let writer = try bench.writer(bench.receiverRoot + "/copy")
        let messages = try [
            directory(""), directory("a"), file("a/f", 2000), chunk(0, 600, isLast: false),
            chunk(1000, 1, isLast: true),
            skipped("a/s"), link("l", "a"), file("z"), end(5, 601, 1),
        ]
        for message in messages { try writer.receive(message) }
        #expect(try writer.publish().skippedCount == 1)
        #expect(try bench.run("cd receiver/copy; find . | sort; stat -c %s a/f") == ".\n./a\n./a/f\n./l\n./z\n2000\n")
    }

    @Test func `a tree that does not begin with its top`() throws {
        try expectRefusal([file("unrequested")], naming: "unrequested")
        try expectRefusal([skipped("")])
        try expectRefusal([end(0)])
        try expectRefusal([chunk(0, 1, isLast: true)])
    }

    @Test func `a second top`() throws { try expectRefusal([directory(""), directory("")]) }

    @Test func `anything below a top that is a file or a link`() throws {
        try expectRefusal([file(""), file("a")], naming: "a")
        try expectRefusal([link("", "/etc"), file("passwd")], naming: "passwd")
    }

    @Test func `an absolute path`() throws {
        try expectRefusal([directory(""), file("/etc/cron.d/evil")], naming: "/etc/cron.d/evil")
    }

    @Test func `names out of order`() throws { try expectRefusal([directory(""), file("b"), file("a")], naming: "a") }

    @Test func `a name that came before`() throws {
        try expectRefusal([directory(""), file("a"), file("a")], naming: "a")
        try expectRefusal([directory(""), file("a"), skipped("a")], naming: "a")
    }

    @Test func `an entry whose directory was not announced`() throws {
        try expectRefusal([directory(""), file("a/f")], naming: "a/f")
        try expectRefusal([directory(""), directory("a"), file("a/b/f")], naming: "a/b/f")
        try expectRefusal([directory(""), skipped("a/s")], naming: "a/s")
    }

    @Test func `an entry of a directory that was left`() throws {
        try expectRefusal([directory(""), directory("a"), file("b"), file("a/f")], naming: "a/f")
    }

    @Test func `an entry below a link or a file that came just before`() throws {
        try expectRefusal([directory(""), link("l", "/tmp"), file("l/f")], naming: "l/f")
        try expectRefusal([directory(""), file("f"), file("f/f")], naming: "f/f")
    }

    @Test func `data without a file`() throws {
        try expectRefusal([directory(""), chunk(0, 600, isLast: true)])
        try expectRefusal([directory(""), file("f"), chunk(0, 600, isLast: true)])
        try expectRefusal([directory(""), file("f", 600), chunk(0, 600, isLast: true), chunk(600, 1, isLast: true)])
    }

    @Test func `data that overlaps or goes back`() throws {
        try expectRefusal(
            [file("", 9000), chunk(1000, 600, isLast: false), chunk(1599, 600, isLast: true)], naming: "")
        try expectRefusal([file("", 9000), chunk(1000, 600, isLast: false), chunk(0, 600, isLast: true)])
    }

    @Test func `data past the size`() throws {
        try expectRefusal([file("", 600), chunk(0, 601, isLast: true)])
        try expectRefusal([file("", 600), chunk(600, 1, isLast: true)])
        try expectRefusal([file("", .max), chunk(.max, 600, isLast: true)])
    }

    @Test func `a wrong checksum`() throws {
        let chunk = Chunk(offset: 0, checksum: 1, data: ByteBuffer(repeating: 7, count: 600), isLast: true)
        try expectRefusal([directory(""), file("f", 600), .chunk(chunk)], naming: "f")
    }

    @Test func `a file whose last piece is missing`() throws {
        try expectRefusal([directory(""), file("f", 9000), chunk(0, 600, isLast: false), file("g")], naming: "f")
        try expectRefusal([directory(""), file("f", 9000), end(2)], naming: "f")
        try expectRefusal([file("", 600), chunk(0, 600, isLast: false)])
    }

    @Test func `pieces that are too small or too large`() throws {
        try expectRefusal([file("", 9000), chunk(0, 511, isLast: false)])
        try expectRefusal([file("", 9000), chunk(0, 0, isLast: true)])
        try expectRefusal([file("", 1 << 20), chunk(0, 524_289, isLast: true)])
    }

    @Test(arguments: [(1, 600, 1), (3, 600, 1), (2, 599, 1), (2, 600, 0)] as [(UInt64, UInt64, UInt64)])
    func `END with other counts`(entries: UInt64, bytes: UInt64, count: UInt64) throws {
        let tree = try [directory(""), file("f", 600), chunk(0, 600, isLast: true), skipped("g")]
        try expectRefusal(tree + [end(entries, bytes, count)])
    }

    @Test func `anything after END`() throws {
        for message in try [file("z"), skipped("z"), chunk(0, 1, isLast: true), end(1)] {
            try expectRefusal([directory(""), end(1), message])
        }
    }

    @Test func `entries whose fields do not fit their kind`() throws {
        func entry(_ kind: EntryKind, mode: UInt16 = 0o755, size: UInt64 = 0, target: String = "", last: Bool = false)
            throws -> Message
        {
            .entry(
                TreeEntry(
                    kind: kind, mode: mode, size: size, modified: time, path: try PathName("e"),
                    target: Array(target.utf8), isLast: last))
        }
        let entries = try [
            entry(.file, mode: 0o4755, last: true), entry(.file), entry(.file, target: "x", last: true), entry(.other),
            entry(.directory, size: 1), entry(.directory, last: true), entry(.symbolicLink),
            entry(.symbolicLink, target: "a\0b"), entry(.symbolicLink, target: String(repeating: "x", count: 4096)),
        ]
        for entry in entries { try expectRefusal([directory(""), entry], naming: "e") }
    }

    @Test func `a message that is no part of a tree`() throws { try expectRefusal([directory(""), .ping(1)]) }

    @Test func `more entries, levels or bytes than the receiver takes`() throws {
        var limits = TreeLimits()
        limits.entries = 3
        try expectRefusal([directory(""), file("a"), skipped("b"), file("c")], .tooLarge, naming: "c", limits: limits)
        limits.depth = 2
        try expectRefusal([directory(""), directory("a"), directory("a/b")], .tooLarge, naming: "a/b", limits: limits)
        limits.bytes = 1000
        try expectRefusal(
            [directory(""), file("f", 1001), chunk(0, 1001, isLast: true)], .tooLarge, naming: "f", limits: limits)
    }

    @Test func `a size that no file can have is an error, not a crash`() throws {
        let hole = TreeEntry(
            kind: .file, mode: 0o644, size: .max, modified: time, path: .root, isLast: true)
        try expectRefusal([.entry(hole)], .cannotCreate)
    }

    @Test func `a tree that is dropped half way leaves nothing`() throws {
        do {
            let writer = try bench.writer(bench.receiverRoot + "/made/by/it/copy")
            for message in try [directory(""), directory("a"), file("a/f", 600)] { try writer.receive(message) }
            #expect(try bench.leftovers != "")
        }
        #expect(try bench.run("ls receiver") == "")
        #expect(try bench.leftovers == "")
    }
}
