import BatonProtocol
import Foundation
import NIOCore
import Testing

@testable import BatonFiles

/// What changed while a tree was sent comes in further passes.
@Suite struct PassTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    /// Receives the messages with an END that fits, as a user whom modes bind, and publishes.
    private func receive(_ messages: [[Message]], limits: TreeLimits = TreeLimits()) throws -> Publication {
        try bench.give()
        return try asOrdinaryUser {
            let writer = try bench.writer(bench.receiverRoot + "/copy", overwrite: true, limits: limits)
            let stream = messages.flatMap { $0 }
            for message in stream + Script.end(of: stream) { try writer.receive(message) }
            return try writer.publish()
        }
    }

    private func expectCopy(
        _ expected: String, _ messages: [[Message]], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        _ = try receive(messages)
        let found = try bench.run("cd receiver/copy; find . -mindepth 1 | LC_ALL=C sort | tr '\n' ' '")
        #expect(found == expected + " ", sourceLocation: sourceLocation)
        #expect(try bench.leftovers == "", sourceLocation: sourceLocation)
    }

    private func content(_ paths: String) throws -> String { try bench.run("cd receiver/copy; cat \(paths)") }

    // MARK: What a pass does

    @Test func `a file, a link and a directory of a later pass take the place of whatever is there`() throws {
        let kinds: [(String) throws -> [Message]] = [
            { try Script.file($0, "new") }, { try Script.link($0, "new") }, { try Script.directory($0) },
            { try Script.hardLink($0, "a") },
        ]
        let old: [(String) throws -> [Message]] = [
            { try Script.file($0, "old", mode: 0) }, { try Script.link($0, "..") },
            { try Script.directory($0) + Script.directory($0 + "/d", mode: 0o500) + Script.file($0 + "/d/f", "old") },
            { try Script.hardLink($0, "a") }, { _ in [] },
        ]
        let expected = ["regular file\n", "symbolic link\n", "directory\n", "regular file\n"]
        for before in old {
            for (after, kind) in zip(kinds, expected) {
                _ = try receive([
                    Script.directory(""), Script.file("a", "a"), before("b"), Script.file("c", "c"), Script.again(1),
                    after("b"),
                ])
                #expect(try bench.run("cd receiver/copy; stat -c %F b; ls; cat a c") == kind + "a\nb\nc\nac")
            }
        }
    }

    @Test func `a directory that is announced again keeps what is kept, and loses what is not named`() throws {
        try expectCopy(
            "./b ./d ./d/new ./d/x ./e ./e/f",
            [
                Script.directory(""), Script.file("a"), Script.file("b"), Script.directory("d", mode: 0o555),
                Script.directory("d/gone", mode: 0), Script.file("d/x", "x"), Script.file("d/z"),
                Script.directory("e"), Script.file("e/f"), Script.file("y"), Script.again(1), Script.directory(""),
                Script.keep("b"), Script.directory("d", mode: 0o511), Script.file("d/new"), Script.keep("d/x"),
                Script.keep("e"),
            ])
        #expect(try bench.run("cd receiver/copy; stat -c '%a %.9Y' d; cat d/x") == "511 981173106.000000007\nx")
    }

    @Test func `what comes into a directory that did not change leaves its mode and time`() throws {
        try expectCopy(
            "./d ./d/e ./d/e/f ./d/e/g",
            [
                Script.directory(""), Script.directory("d", mode: 0o100), Script.directory("d/e", mode: 0o555),
                Script.file("d/e/f", "old"), Script.file("d/e/g", "g"), Script.again(1), Script.file("d/e/f", "new"),
            ])
        #expect(
            try bench.run("cd receiver/copy; stat -c '%a %.9Y' . d d/e; cat d/e/f")
                == "755 981173106.000000007\n100 981173106.000000007\n555 981173106.000000007\nnew")
    }

    @Test func `a kept directory is entered for what changed inside, and nothing else in it goes`() throws {
        try expectCopy(
            "./d ./d/e ./d/e/f ./d/e/g ./d/z",
            [
                Script.directory(""), Script.directory("d"), Script.directory("d/e"), Script.file("d/e/f", "old"),
                Script.file("d/e/g"), Script.file("d/z"), Script.again(1), Script.directory(""), Script.keep("d"),
                Script.file("d/e/f", "new"), Script.file("d/z", "new"),
            ])
        #expect(try content("d/e/f d/z") == "newnew")
    }

    @Test func `a file that comes again before it is complete begins anew`() throws {
        let publication = try receive([
            Script.directory(""), Script.open("f", size: 3000), [Script.chunk(0, Array(repeating: 1, count: 2000))],
            Script.file("f", "short"), Script.file("g"),
        ])
        #expect(try content("f") == "short")
        #expect(publication.files == 2)
        #expect(publication.bytes == 5)
    }

    @Test func `a single file may begin anew as often as it likes`() throws {
        var messages: [Message] = []
        for _ in 0..<20 {
            messages += try Script.open("", size: 3000) + [Script.chunk(0, Array(repeating: 1, count: 2000))]
        }
        let publication = try receive([messages, Script.file("", "whole")])
        #expect(try bench.run("cat receiver/copy") == "whole")
        #expect(publication.bytes == 5)
    }

    @Test func `the file that is open when a pass begins is gone`() throws {
        try expectCopy(
            "./a ./z",
            [
                Script.directory(""), Script.file("a"), Script.open("f", size: 3000),
                [Script.chunk(0, Array(repeating: 1, count: 2000))], Script.again(1), Script.file("z"),
            ])
        let writer = try bench.writer(bench.receiverRoot + "/single")
        for message in try Script.open("", size: 3000) + Script.again(1) { try writer.receive(message) }
        for message in try Script.file("", "new") { try writer.receive(message) }
        try writer.receive(.end(TreeEnd(entries: 2, bytes: 3, skipped: 0)))
        #expect(try writer.publish().bytes == 3)
    }

    @Test func `what a completed pass did not name in a directory goes even if the next pass passes it over`() throws {
        try expectCopy(
            "./a ./d ./d/x",
            [
                Script.directory(""), Script.file("a"), Script.directory("d", mode: 0o555), Script.file("d/x"),
                Script.file("d/y"), Script.directory("d/z"), Script.file("d/z/f"), Script.again(1),
                Script.directory("d", mode: 0o555), Script.keep("d/x"), Script.again(2), Script.file("a", "new"),
            ])
        #expect(try bench.run("stat -c '%a %.9Y' receiver/copy/d") == "555 981173106.000000007\n")
    }

    @Test func `what a pass had not named yet when it was cut short may still be kept`() throws {
        try expectCopy(
            "./d ./d/x ./d/y",
            [
                Script.directory(""), Script.directory("d"), Script.file("d/x"), Script.file("d/y", "y"),
                Script.again(1), Script.directory("d"), Script.keep("d/x"), Script.again(2), Script.directory("d"),
                Script.keep("d/x"), Script.keep("d/y"),
            ])
        #expect(try content("d/y") == "y")
    }

    @Test func `the result counts what is there in the end`() throws {
        let publication = try receive([
            Script.directory(""), Script.directory("d"), Script.file("d/a", "12345"), Script.file("d/b", "123"),
            Script.skipped("p", .fifo), Script.skipped("s"), Script.again(1), Script.directory(""),
            Script.directory("d"), Script.file("d/a", "1234567"), Script.hardLink("d/c", "d/a"), Script.skipped("s"),
        ])
        #expect(publication.files == 1)
        #expect(publication.bytes == 7)
        #expect(publication.skipped == [SkippedEntry(reason: .socket, path: try PathName("s"))])
        #expect(publication.skippedCount == 1)
    }

    @Test func `what was skipped is not reported when it has gone with a directory, or without one`() throws {
        let publication = try receive([
            Script.directory(""), Script.directory("d"), Script.skipped("d/s"), Script.directory("e"),
            Script.skipped("e/s"), Script.file("f"), Script.skipped("f", .attributes), Script.again(1),
            Script.directory(""), Script.keep("e"),
        ])
        #expect(publication.skipped == [SkippedEntry(reason: .socket, path: try PathName("e/s"))])
        #expect(publication.skippedCount == 1)
    }

    @Test func `what can no longer travel goes`() throws {
        try expectCopy(
            "./d",
            [Script.directory(""), Script.directory("d"), Script.file("d/f"), Script.again(1), Script.skipped("d/f")])
    }

    @Test func `the top may change its kind`() throws {
        _ = try receive([
            Script.directory("", mode: 0o500), Script.file("f"), Script.again(1), Script.file("", "file now"),
        ])
        #expect(try bench.run("cat receiver/copy") == "file now")
        try expectCopy("./f", [Script.file(""), Script.again(1), Script.directory(""), Script.file("f")])
    }

    // MARK: What is refused

    private func expectRefusal(
        _ messages: [[Message]], _ code: ErrorCode = .corrupt, naming path: String? = nil,
        limits: TreeLimits = TreeLimits(), sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try bench.run("mkdir -p outside; echo precious > outside/f")
        let writer = try bench.writer(bench.receiverRoot + "/copy", limits: limits)
        let messages = messages.flatMap { $0 }
        for message in messages.dropLast() { try writer.receive(message) }
        let last = try #require(messages.last)
        let error = try expectError(code, sourceLocation: sourceLocation) { try writer.receive(last) }
        if let path { #expect(error.path == (try PathName(path)), sourceLocation: sourceLocation) }
        #expect(throws: BatonError.self, sourceLocation: sourceLocation) { try writer.publish() }
        #expect(writer.resumePoint == nil, sourceLocation: sourceLocation)
        writer.discard()
        #expect(
            try bench.run("ls receiver; ls outside; cat outside/f") == "f\nprecious\n", sourceLocation: sourceLocation)
        #expect(try bench.leftovers == "", sourceLocation: sourceLocation)
    }

    @Test func `a pass before the top, out of turn, or after the end`() throws {
        try expectRefusal([Script.again(1)])
        for pass in [0, 2, 65535] as [UInt16] { try expectRefusal([Script.directory(""), Script.again(pass)]) }
        try expectRefusal([Script.directory(""), Script.again(1), Script.again(1)])
        try expectRefusal([Script.directory(""), Script.end(of: try Script.directory("")), Script.again(1)])
    }

    @Test func `a flood of passes, restarts or kept names`() throws {
        try expectRefusal([Script.directory(""), (1...65).map { .again($0) }], .tooLarge)
        var limits = TreeLimits()
        limits.entries = 10
        let restarts = try (0..<10).flatMap { _ in try Script.open("f", size: 9) }
        try expectRefusal([Script.directory(""), restarts], .tooLarge, naming: "f", limits: limits)
        let passes = try (1...5).map { try Script.again($0) + Script.directory("") + Script.keep("f") }
        try expectRefusal(
            [Script.directory(""), Script.file("f")] + passes.dropLast() + [passes[4].dropLast()], .tooLarge,
            limits: limits)
    }

    @Test func `a name that is kept outside an announced directory, or does not exist`() throws {
        let first = try Script.directory("") + Script.directory("d") + Script.file("d/f") + Script.file("f")
        try expectRefusal([first, Script.keep("g")], naming: "g")
        try expectRefusal([first, Script.again(1), Script.keep("f")], naming: "f")
        try expectRefusal([first, Script.again(1), Script.directory(""), Script.keep("a")], naming: "a")
        try expectRefusal([first, Script.again(1), Script.directory(""), Script.keep("d"), Script.keep("d/f")])
        try expectRefusal([first, Script.again(1), Script.directory("d"), Script.keep("f")], naming: "f")
        try expectRefusal([first, Script.again(1), Script.directory(""), Script.keep("f"), Script.keep("f")])
        try expectRefusal([first, Script.again(1), Script.keep("")])
    }

    @Test func `an entry in an announced directory's child that was not named, or was dropped`() throws {
        let first = try Script.directory("") + Script.directory("d") + Script.directory("d/e") + Script.file("d/e/f")
        try expectRefusal([first, Script.again(1), Script.directory(""), Script.file("d/x")], naming: "d/x")
        try expectRefusal(
            [first, Script.again(1), Script.directory("d"), Script.file("d/a"), Script.file("d/e/g")], naming: "d/e/g")
        try expectRefusal(
            [first, Script.again(1), Script.directory(""), Script.again(2), Script.keep("d")], naming: "d")
    }

    @Test func `a link, then a file below it in a later pass`() throws {
        let outside = "\(bench.top)/outside"
        try expectRefusal(
            [Script.directory(""), Script.link("l", outside), Script.again(1), Script.file("l/f")],
            naming: "l/f")
        try expectRefusal(
            [
                Script.directory(""), Script.directory("d"), Script.file("d/f"), Script.again(1),
                Script.link("d", outside), Script.again(2), Script.file("d/f"),
            ], naming: "d/f")
        try expectRefusal(
            [
                Script.directory(""), Script.link("l", outside), Script.again(1), Script.directory(""),
                Script.keep("l"), Script.file("l/f"),
            ], naming: "l/f")
        try expectRefusal([Script.link("", outside), Script.again(1), Script.file("f")], naming: "f")
    }

    @Test func `an entry of a later pass in a directory that never came`() throws {
        try expectRefusal([Script.directory(""), Script.file("f"), Script.again(1), Script.file("d/f")], naming: "d/f")
        try expectRefusal([Script.directory(""), Script.file("f"), Script.again(1), Script.file("f/f")], naming: "f/f")
        try expectRefusal([Script.directory(""), Script.again(1), Script.file("b"), Script.file("a")], naming: "a")
        try expectRefusal([Script.directory(""), Script.again(1), Script.skipped("d/s")], naming: "d/s")
    }

    @Test func `setuid, setgid and sticky in a later pass, too`() throws {
        for mode in [0o4755, 0o2755, 0o1755] as [UInt16] {
            try expectRefusal([Script.directory(""), Script.again(1), Script.file("f", mode: mode)], naming: "f")
            try expectRefusal([Script.directory(""), Script.again(1), Script.directory("", mode: mode)])
        }
    }

    @Test func `absolute names and too deep ones in a later pass, too`() throws {
        try expectRefusal([Script.directory(""), Script.again(1), Script.file("/etc/evil")], naming: "/etc/evil")
        var limits = TreeLimits()
        limits.depth = 2
        try expectRefusal(
            [Script.directory(""), Script.directory("a"), Script.again(1), Script.directory("a/b")], .tooLarge,
            naming: "a/b", limits: limits)
    }

    @Test func `a hard link to anything but a file that came before`() throws {
        try bench.run("mkdir -p receiver/elsewhere; rmdir receiver/elsewhere")
        let first =
            try Script.directory("") + Script.directory("d") + Script.file("d/f") + Script.link("l", "/etc/passwd")
            + Script.link("m", "\(bench.top)/outside") + Script.skipped("s")
        for target in [
            "", "/etc/passwd", "../../outside/f", "d/../d/f", "d", "l", "m/f", "none", "d/none", "d/f/x", "s", "x",
            "z", "d//f",
        ] {
            try expectRefusal([first, Script.hardLink("x", target)], naming: "x")
            try expectRefusal([first, Script.again(1), Script.hardLink("x", target)], naming: "x")
        }
        try expectRefusal([Script.hardLink("", "d")])
        try expectRefusal([first, Script.open("t", size: 9), Script.hardLink("x", "t")], naming: "t")
        try expectRefusal([first, Script.hardLink("x", "d/f"), [Script.chunk(0, [1], isLast: true)]])
    }

    @Test func `attributes that nobody asked for`() throws {
        let attribute = ExtendedAttribute(name: Array("user.a".utf8), value: [1])
        try expectRefusal([Script.directory("", [attribute])])
    }

    @Test func `attributes said to be skipped of anything but the entry just before, or twice`() throws {
        let first = try Script.directory("") + Script.file("f")
        try expectRefusal([Script.skipped("", .attributes)])
        try expectRefusal([first, Script.skipped("", .attributes)])
        try expectRefusal([first, Script.skipped("g", .attributes)], naming: "g")
        try expectRefusal([first, Script.skipped("f", .attributes), Script.skipped("f", .attributes)])
        try expectRefusal([first, Script.skipped("g"), Script.skipped("g", .attributes)])
        try expectRefusal([first, Script.again(1), Script.skipped("f", .attributes)])
    }

    @Test func `attributes may be skipped of the top, of a file that is to come and of one that has come`() throws {
        let publication = try receive([
            Script.directory(""), Script.skipped("", .attributes), Script.open("f", size: 1),
            Script.skipped("f", .attributes), [Script.chunk(0, [65], isLast: true)], Script.file("g", "g"),
            Script.skipped("g", .attributes), Script.file("h"),
        ])
        #expect(publication.skipped.map(\.path.description) == [".", "f", "g"])
        #expect(try content("f g") == "Ag")
    }
}
