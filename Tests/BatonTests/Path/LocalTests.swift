import BatonFiles
import Foundation
import SystemPackage
import Testing

@testable import Baton

@Suite(.timeLimit(.minutes(1))) struct `Where a path lies` {
    private func place(_ path: Path) throws -> String { try path.string }

    @Test func `own paths lie in the root directory, absolute ones where they say`() async throws {
        try await Bench.run { bench in
            #expect(try place("a/b") == bench.root + "/a/b")
            #expect(try place("lit://deploy@a/b") == bench.root + "/a/b")
            let root = try place(".")
            #expect(root == bench.root)
            #expect(try place("/data/x") == "/data/x")
        }
    }

    @Test func `copies of other works' paths lie apart from each other, and absolute ones apart from relative ones`()
        async throws
    {
        try await Bench.run { bench in
            let from = bench.root + "/.baton/from/"
            #expect(try place("lit://trainer@a/b") == from + "trainer/a/b")
            #expect(try place("lit://other@a/b") == from + "other/a/b")
            let whole = try place("lit://trainer@.")
            #expect(whole == from + "trainer")
            #expect(try place("lit://trainer@/a") == from + "trainer/%2F/a")
            #expect(try place("lit://trainer@%252F/a") == from + "trainer/%252F/a")
        }
    }

    @Test func `it converts to FilePath, URL and String, and works with Foundation`() async throws {
        try await Bench.run { bench in
            let path: Path = "a file"
            try Data("text".utf8).write(to: path.url)
            #expect(try Data(contentsOf: path.url) == Data("text".utf8))
            #expect(FileManager.default.fileExists(atPath: try path.string))
            let handle = try FileHandle(forReadingFrom: path.url)
            #expect(try handle.readToEnd() == Data("text".utf8))
            let descriptor = try FileDescriptor.open(try path.filePath, .readOnly)
            try descriptor.close()
            #expect(try path.url.path == bench.root + "/a file")
        }
    }

    @Test func `a name that is no UTF-8 has a FilePath, but neither URL nor String`() async throws {
        try await Bench.run { bench in
            let path: Path = "lit://a%FF"
            let place = try path.filePath
            #expect(place.bytes == Array((bench.root + "/a").utf8) + [0xFF])
            expect(.unsupported) { try path.string }
            expect(.unsupported) { try path.url }
        }
    }

    @Test func `outside of a work's run every operation is refused`() async {
        let path: Path = "a"
        let operations: [() throws -> Void] = [
            { _ = try path.filePath }, { _ = try path.url }, { _ = try path.string }, { _ = try path.readBytes() },
            { _ = try path.readText() }, { try path.write("x") }, { try path.append("x") },
            { try path.makeDirectory() },
            { try path.remove(missingOK: true) }, { try path.move(to: "b") }, { try path.copy(to: "b") },
            { _ = try path.stat() },
            { _ = try path.existsLocal() }, { _ = try path.isFile }, { _ = try path.isDirectory },
            { _ = try path.isSymlink },
            { _ = try path.list() }, { _ = try path.walk() }, { _ = try path.glob("*") },
            { try path.makeSymlink(to: "b") },
            { _ = try path.symlinkTarget() },
        ]
        for operation in operations {
            let error = expect(.outsideWork) { try operation() }
            #expect(error?.message.contains("run") == true && error?.path == path)
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct `Files on this machine` {
    @Test func `bytes and text are written, read and added to`() async throws {
        try await Bench.run { bench in
            let path: Path = "file"
            try path.write([0xFF, 0x00, 0x0A])
            #expect(try path.readBytes() == [0xFF, 0x00, 0x0A])
            let error = expect(.corrupt) { try path.readText() }
            #expect(error?.path == path)
            try path.write("über\n")
            try path.append("more")
            try path.append([0x21] as [UInt8])
            #expect(try path.readText() == "über\nmore!")
            let large = [UInt8]((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
            try path.write(Data(large))
            #expect(try path.readBytes() == large)
            try path.write([] as [UInt8])
            #expect(try path.readText().isEmpty)
            #expect(try await bench.shell("ls -A") == ".baton\nfile\n")
        }
    }

    @Test func `a write takes the place of the old file in one step and keeps its permissions`() async throws {
        try await Bench.run { bench in
            try await bench.shell("echo old > file; chmod 640 file; ln file other; ln -s file link")
            try ("file" as Path).write("new")
            #expect(try await bench.shell("stat -c %a file; cat file other") == "640\nnewold\n")
            try ("link" as Path).write("through", atomically: false)
            #expect(try await bench.shell("cat file; readlink link") == "throughfile\n")
            try ("link" as Path).write("instead")
            #expect(try await bench.shell("cat file link; test ! -L link") == "throughinstead")
            try ("fresh" as Path).write("x")
            let umask = umask(0o022)
            #expect(try ("fresh" as Path).stat().permissions.rawValue == 0o666 & ~umask)
        }
    }

    @Test func `what cannot be read or written says why`() async throws {
        try await Bench.run { bench in
            try await bench.shell("mkdir directory; echo x > file; ln -s nowhere dangling; ln -s loop loop")
            expect(.notFound) { try ("missing" as Path).readText() }
            expect(.notFound) { try ("dangling" as Path).readText() }
            expect(.isADirectory) { try ("directory" as Path).readText() }
            expect(.isADirectory) { try ("directory" as Path).write("x") }
            expect(.isADirectory) { try Path(".").write("x") }
            expect(.notADirectory) { try ("file/below" as Path).readText() }
            expect(.notFound) { try ("missing/file" as Path).write("x") }
            expect(.invalidPath) { try ("loop" as Path).readText() }
            let error = expect(.notFound) { try ("lit://trainer@%0A" as Path).readText() }
            #expect(error?.message.contains("lit://trainer@%0A") == true && error?.message.contains("\n") == false)
            #expect(try await bench.shell("ls -A") == ".baton\ndangling\ndirectory\nfile\nloop\n")
        }
    }

    @Test func `a file larger than memory is refused, not read`() async throws {
        try await Bench.run { bench in
            try await bench.shell("truncate -s 8T hole 2>/dev/null || truncate -s 4T hole")
            expect(.tooLarge) { try ("hole" as Path).readBytes() }
        }
    }

    @Test func `stat tells kind, size, permissions and time, of links or through them`() async throws {
        try await Bench.run { bench in
            try await bench.shell(
                "echo text > file; chmod 751 file; touch -d @1234567890.123456789 file; ln -s file link; mkdir dir; mkfifo fifo"
            )
            let status = try ("link" as Path).stat()
            #expect(status.kind == .file && status.size == 5 && status.permissions.rawValue == 0o751)
            #expect(status.modifiedSince1970 == .seconds(1_234_567_890) + .nanoseconds(123_456_789))
            #expect(abs(status.modified.timeIntervalSince1970 - 1_234_567_890.123) < 0.001)
            #expect(try ("link" as Path).stat(followingLinks: false).kind == .symlink)
            #expect(try ("dir" as Path).stat().kind == .directory && ("fifo" as Path).stat().kind == .other)
            expect(.notFound) { try ("missing" as Path).stat() }
        }
    }

    @Test func `questions about what is there are answered by yes or no`() async throws {
        try await Bench.run { bench in
            try await bench.shell(
                "echo x > file; mkdir dir; ln -s file link; ln -s dir dirlink; ln -s nowhere dangling")
            func answers(_ path: Path) throws -> [Bool] {
                [try path.existsLocal(), try path.isFile, try path.isDirectory, try path.isSymlink]
            }
            #expect(try answers("file") == [true, true, false, false])
            #expect(try answers("dir") == [true, false, true, false])
            #expect(try answers("link") == [true, true, false, true])
            #expect(try answers("dirlink") == [true, false, true, true])
            #expect(try answers("dangling") == [false, false, false, true])
            #expect(try answers("missing") == [false, false, false, false])
            #expect(try answers("file/below") == [false, false, false, false])
        }
    }

    @Test func `names of any bytes survive listing, reading and writing`() async throws {
        try await Bench.run { bench in
            let path = try Path(bytes: [0x64, 0x2F, 0xFF, 0x0A, 0x25])
            try path.parent.makeDirectory()
            try path.write("odd")
            let listed = try ("d" as Path).list()
            #expect(listed == [path] && listed.first?.description == "lit://d/%FF%0A%25")
            #expect(try listed.first?.readText() == "odd")
            #expect(try ("d" as Path).glob("?*") == [path] && Path(".").walk() == ["d", path])
            try path.move(to: path.appending(bytes: [0x2E, 0x2E, 0x2F, 0xFE]))
            #expect(try ("d" as Path).list().map(\.bytes) == [[0x64, 0x2F, 0xFE]])
        }
    }
}
