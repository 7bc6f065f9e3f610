import BatonProtocol
import Foundation
import NIOCore
import Synchronization
import SystemPackage
import Testing

@testable import BatonFiles

/// What a copy has besides names and content, and what is said if it cannot have it.
@Suite struct FidelityTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    private func writer(
        attributes: Bool = false, strict: Bool = false, durable: Bool = false, _ destination: String = "copy",
        calls: FileSystemCalls = FileSystemCalls()
    ) throws -> TreeWriter {
        let order = TreeWriter.Order(
            source: try Reference("lit://origin@tree"), attributes: attributes, strict: strict, durable: durable)
        return try TreeWriter(
            destination: FilePath(bench.receiverRoot + "/" + destination), overwrite: true, folder: bench.receiver,
            order: order, limits: TreeLimits(), calls: calls)
    }

    private func receive(_ messages: [[Message]], by writer: TreeWriter) throws -> Publication {
        let stream = messages.flatMap { $0 }
        for message in stream + Script.end(of: stream) { try writer.receive(message) }
        return try writer.publish()
    }

    private func attribute(_ name: String, _ value: String) -> ExtendedAttribute {
        ExtendedAttribute(name: Array(name.utf8), value: Array(value.utf8))
    }

    /// What `path` of the receiver has of this attribute.
    private func value(_ name: String, of path: String) throws -> String? {
        let place = try Descriptor.place(of: FileName((bench.receiverRoot + "/" + path).utf8))
        let file = try place.status().kind == .directory ? place.directory(.current) : place.reopenedFile()
        guard try file.attributeNames().contains(Array(name.utf8)) else { return nil }
        return String(decoding: try file.attribute(Array(name.utf8)), as: UTF8.self)
    }

    // MARK: Hard links

    @Test func `hard links are names of one file, also through directories closed to their owner`() throws {
        try bench.give()
        let publication = try asOrdinaryUser {
            try receive(
                [
                    Script.directory("", mode: 0o500), Script.directory("a", mode: 0),
                    Script.directory("a/b", mode: 0o600), Script.file("a/b/f", "content", mode: 0),
                    Script.directory("c", mode: 0o100), Script.hardLink("c/g", "a/b/f"), Script.hardLink("h", "c/g"),
                ], by: writer())
        }
        #expect(publication.files == 1)
        #expect(publication.bytes == 7)
        #expect(
            try bench.run(
                "cd receiver/copy; stat -c '%a %h' h a a/b c; cat h; [ h -ef a/b/f ] && [ h -ef c/g ] && echo same")
                == "0 3\n0 3\n600 2\n100 2\ncontentsame\n")
    }

    @Test func `a file that a later pass replaces no longer is what its old links are, until they come again`() throws {
        _ = try receive(
            [
                Script.directory(""), Script.file("a", "old"), Script.hardLink("b", "a"), Script.hardLink("c", "a"),
                Script.again(1), Script.file("a", "new"), Script.hardLink("c", "a"),
            ], by: writer())
        #expect(
            try bench.run("cd receiver/copy; cat a b c; [ a -ef c ] && [ ! a -ef b ] && echo right")
                == "newoldnewright\n")
    }

    // MARK: Extended attributes

    /// An access control list as the kernel encodes it: the owner rw, user 7 r, the group r, a mask, others nothing.
    private let list: [UInt8] = [
        2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 7, 0, 0, 0, 4, 0, 4, 0, 255, 255, 255, 255, 16, 0, 4, 0,
        255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255,
    ]

    @Test func `extended attributes and access control lists are set on files and directories, whatever their modes`()
        throws
    {
        let access = ExtendedAttribute(name: Array("system.posix_acl_access".utf8), value: list)
        let inherited = ExtendedAttribute(name: Array("system.posix_acl_default".utf8), value: list)
        try bench.give()
        try asOrdinaryUser {
            let publication = try receive(
                [
                    Script.directory("", mode: 0o755, [attribute("user.top", "1")]),
                    Script.directory("d", mode: 0o555, [inherited, attribute("user.d", "")]),
                    Script.file(
                        "d/f", "f", mode: 0o440, [access, attribute("user.a", "one"), attribute("user.b", "two")]),
                    Script.file("d/g", "g", mode: 0o444),
                ], by: writer(attributes: true))
            #expect(publication.skipped.isEmpty)
            #expect(try value("user.top", of: "copy") == "1")
            #expect(try value("user.d", of: "copy/d") == "")
            #expect(try value("user.a", of: "copy/d/f") == "one")
            #expect(try value("user.b", of: "copy/d/f") == "two")
            #expect(try value("system.posix_acl_access", of: "copy/d/f") != nil)
            #expect(try value("system.posix_acl_default", of: "copy/d") != nil)
            // Nothing is inherited from a directory that came.
            #expect(try value("system.posix_acl_access", of: "copy/d/g") == nil)
            #expect(
                try bench.run("stat -c '%a %.9Y' receiver/copy/d receiver/copy/d/f")
                    == "555 981173106.000000007\n440 981173106.000000007\n")
        }
    }

    @Test func `a later pass leaves exactly the attributes that its entry has`() throws {
        _ = try receive(
            [
                Script.directory("", [attribute("user.a", "1"), attribute("user.b", "1")]), Script.file("f"),
                Script.again(1), Script.directory("", [attribute("user.b", "2")]), Script.keep("f"),
            ], by: writer(attributes: true))
        #expect(try value("user.a", of: "copy") == nil)
        #expect(try value("user.b", of: "copy") == "2")
    }

    @Test func `an attribute that cannot be set here is listed, and fails a strict get only`() throws {
        let impossible = attribute("system.posix_acl_access", "no list")
        let tree = try [
            Script.directory(""), Script.file("f", "f", [impossible, attribute("user.a", "1")]), Script.file("g", "g"),
        ]
        let publication = try receive(tree, by: writer(attributes: true))
        #expect(publication.skipped == [SkippedEntry(reason: .attributes, path: try PathName("f"))])
        #expect(publication.skippedCount == 1)
        #expect(try value("user.a", of: "copy/f") == "1")
        let strict = try writer(attributes: true, strict: true, "other")
        let error = try expectError(.unsupported) { try receive(tree, by: strict) }
        #expect(error.path == (try PathName("f")))
    }

    @Test func `what was left out before an interruption is listed after it`() throws {
        let impossible = attribute("system.posix_acl_access", "no list")
        let origin = ScriptedOrigin(
            tree: try Script.directory("") + Script.file("f", "f", [impossible]) + Script.skipped("p", .fifo)
                + Script.file("z", "z"))
        let first = try writer(attributes: true)
        for message in origin.tree.dropLast() { try first.receive(message) }
        first.keepPartial()
        let second = try writer(attributes: true)
        let point = try #require(second.resumePoint)
        for message in origin.stream(from: point) { try second.receive(message) }
        let publication = try second.publish()
        #expect(publication.skipped.map(\.reason) == [.attributes, .fifo])
        #expect(publication.skippedCount == 2)
    }

    // MARK: Holes

    @Test func `holes take no disk, also where a get was resumed and where a file was cut`() throws {
        let size: UInt64 = 10 << 30
        var tree = try Script.directory("") + Script.open("f", size: size)
        for piece in 0..<20 as Range<UInt64> {
            tree.append(Script.chunk(piece << 28, Array(repeating: 1, count: 4096), isLast: piece == 19))
        }
        let origin = ScriptedOrigin(tree: tree)
        let first = try writer()
        for message in tree.prefix(12) { try first.receive(message) }
        first.keepPartial()
        let second = try writer()
        for message in origin.stream(from: second.resumePoint) { try second.receive(message) }
        #expect(try second.publish().bytes == size)
        #expect(try bench.run("cd receiver/copy; stat -c %s f; du -k f | awk '{print ($1 < 200)}'") == "\(size)\n1\n")
    }

    // MARK: Strict

    @Test func `a strict get with anything left out names the first, counts them, and puts nothing in place`() throws {
        try bench.run("mkdir receiver/copy; echo old > receiver/copy/f")
        let tree = try [Script.directory(""), Script.skipped("a/b", .fifo)]
        let writer = try writer(strict: true)
        for message in try Script.directory("") + Script.directory("a") { try writer.receive(message) }
        for message in try Script.skipped("a/b", .fifo) + Script.skipped("c") + Script.skipped("d") {
            try writer.receive(message)
        }
        try writer.receive(.end(TreeEnd(entries: 2, bytes: 0, skipped: 3)))
        let error = try expectError(.unsupported) { try writer.publish() }
        #expect(error.path == tree[1][0].skippedPath)
        #expect(error.message.contains("'a/b' cannot be copied as it is (fifo), and 2 more"))
        writer.discard()
        #expect(try bench.run("cat receiver/copy/f") == "old\n")
        #expect(try bench.leftovers == "")
    }

    @Test func `a strict get with nothing left out is published`() throws {
        let publication = try receive([Script.directory(""), Script.file("f", "f")], by: writer(strict: true))
        #expect(publication.skippedCount == 0)
    }

    // MARK: Durable

    /// Notes what is brought to the disk, and when it is published.
    private final class Disk: Sendable {
        private let events = Mutex<[String]>([])
        let failure: Errno?
        init(failing failure: Errno? = nil) { self.failure = failure }

        var calls: FileSystemCalls {
            var calls = FileSystemCalls()
            calls.synchronize = { [self] descriptor throws(Errno) in
                if let failure { throw failure }
                try descriptor.synchronize()
                let path = String(decoding: try descriptor.realPath(), as: UTF8.self)
                let name = path.contains("/.baton-stage-") ? path.drop { $0 != "." }.drop { $0 != "/" } : path.suffix(9)
                events.withLock { $0.append(String(name)) }
            }
            calls.synchronizeFileSystem = { [self] descriptor throws(Errno) in
                if let failure { throw failure }
                try descriptor.synchronizeFileSystem()
                events.withLock { $0.append("all") }
            }
            calls.rename = { [self] directory, name, newName, way throws(Errno) in
                try directory.rename(name, to: newName, way)
                events.withLock { $0.append("published") }
            }
            return calls
        }

        var log: [String] { events.withLock { $0 } }
    }

    @Test func `a durable get of many files brings them to the disk in one go`() throws {
        let disk = Disk()
        let tree = try [Script.directory("")] + (100...200).map { try Script.file("f\($0)", "x") }
        try bench.give()
        try asOrdinaryUser {
            _ = try receive(tree, by: writer(durable: true, calls: disk.calls))
            #expect(disk.log == ["all", "published", "/receiver"])
        }
        let failing = Disk(failing: .ioError)
        try expectError(.cannotCreate) { _ = try receive(tree, by: writer(durable: true, calls: failing.calls)) }
    }

    @Test func `a durable get has every file and directory on the disk before it is published, its name after it`()
        throws
    {
        let disk = Disk()
        let tree = try [
            Script.directory("", mode: 0o555), Script.file("a", "a", mode: 0), Script.directory("d", mode: 0),
            Script.file("d/f", "f"), Script.link("d/l", "f"), Script.directory("d/z"),
        ]
        try bench.give()
        try asOrdinaryUser {
            _ = try receive(tree, by: writer(durable: true, calls: disk.calls))
            #expect(disk.log.count == 7)
            let before = disk.log.prefix { $0 != "published" }
            #expect(before.count == 5)
            #expect(disk.log.suffix(2) == ["published", "/receiver"])
            #expect(try bench.run("cd receiver/copy; stat -c %a . a d") == "555\n0\n0\n")
        }
    }

    @Test func `nothing waits for the disk unless asked`() throws {
        let disk = Disk()
        _ = try receive([Script.directory(""), Script.file("a", "a")], by: writer(calls: disk.calls))
        #expect(disk.log == ["published"])
    }

    @Test func `a durable get that the disk fails puts nothing in place`() throws {
        let disk = Disk(failing: .noSpace)
        let writer = try writer(durable: true, calls: disk.calls)
        try expectError(.noSpace) { try receive([Script.directory(""), Script.file("a", "a")], by: writer) }
        writer.discard()
        #expect(try bench.run("ls receiver") == "")
        #expect(try bench.leftovers == "")
    }

    @Test func `a durable get into new directories has their names on the disk, too`() throws {
        let disk = Disk()
        _ = try receive([Script.file("", "a")], by: writer(durable: true, "new/er/copy", calls: disk.calls))
        let after = disk.log.drop { $0 != "published" }
        #expect(after.count == 4)
    }
}

extension Message {
    fileprivate var skippedPath: PathName? {
        if case .skipped(let entry) = self { entry.path } else { nil }
    }
}
