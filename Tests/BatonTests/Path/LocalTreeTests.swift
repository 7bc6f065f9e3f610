import Foundation
import Testing

@testable import Baton

@Suite(.timeLimit(.minutes(1))) struct `Directories on this machine` {
    private let tree = """
        mkdir -p t/b/empty t/a; echo 1 > t/a/one.ckpt; echo 2 > t/b/two.ckpt; echo 3 > t/a.txt; echo 4 > t/.hidden
        ln -s b t/link; ln -s nowhere t/dangling
        """

    @Test func `list tells what lies in a directory, walk everything below, each a path with the same origin`()
        async throws
    {
        try await Bench.run { bench in
            try await bench.shell(tree)
            #expect(
                try ("t" as Path).list()
                    == ["t/.hidden", "t/a", "t/a.txt", "t/b", "t/dangling", "t/link"])
            #expect(
                try ("t" as Path).walk() == [
                    "t/.hidden", "t/a", "t/a/one.ckpt", "t/a.txt", "t/b", "t/b/empty", "t/b/two.ckpt", "t/dangling",
                    "t/link",
                ])
            try await bench.shell("mkdir -p .baton/from/trainer; cp -a t .baton/from/trainer/t")
            #expect(
                try ("lit://trainer@t/b" as Path).list() == ["lit://trainer@t/b/empty", "lit://trainer@t/b/two.ckpt"])
            #expect(try ("lit://trainer@t" as Path).walk().count == 9)
            #expect(try ("t/link" as Path).list() == ["t/link/empty", "t/link/two.ckpt"])
            #expect(try ("t/b/empty" as Path).list().isEmpty && ("t/b/empty" as Path).walk().isEmpty)
            expect(.notFound) { try ("missing" as Path).list() }
            expect(.notADirectory) { try ("t/a.txt" as Path).list() }
            expect(.notADirectory) { try ("t/a.txt" as Path).walk() }
        }
    }

    @Test func `Baton's own folder and stages are not seen`() async throws {
        try await Bench.run { bench in
            try await bench.shell("mkdir -p sub/.baton .baton-stage-0123456789abcdef0123456789abcdef; touch a")
            #expect(try Path(".").list() == ["a", "sub"])
            #expect(try Path(".").walk() == ["a", "sub", "sub/.baton"])
        }
    }

    @Test func `glob finds what matches, in the order of walk`() async throws {
        try await Bench.run { bench in
            try await bench.shell(tree)
            let top: Path = "t"
            #expect(try top.glob("*/*.ckpt") == ["t/a/one.ckpt", "t/b/two.ckpt", "t/link/two.ckpt"])
            #expect(try top.glob("**/*.ckpt") == ["t/a/one.ckpt", "t/b/two.ckpt"])
            #expect(try top.glob("*.ckpt").isEmpty)
            #expect(try top.glob("a*") == ["t/a", "t/a.txt"])
            #expect(try top.glob("b/two.ckpt") == ["t/b/two.ckpt"] && top.glob("b/three").isEmpty)
            #expect(try top.glob("**") == top.walk() && top.glob("**/**") == top.walk())
            #expect(try top.glob("dangling") == ["t/dangling"])
            expect(.invalidPath) { try top.glob("/t/*") }
            expect(.invalidPath) { try top.glob("../*") }
            expect(.notFound) { try ("missing" as Path).glob("*") }
        }
    }

    @Test func `makeDirectory makes what is missing above, and leaves alone what is there`() async throws {
        try await Bench.run { bench in
            try ("a/b/c" as Path).makeDirectory()
            try ("a/b/c" as Path).makeDirectory()
            expect(.alreadyExists) { try ("a/b" as Path).makeDirectory(existingOK: false) }
            expect(.notFound) { try ("x/y" as Path).makeDirectory(parents: false) }
            try await bench.shell("touch file")
            expect(.alreadyExists) { try ("file" as Path).makeDirectory() }
            expect(.notADirectory) { try ("file/sub" as Path).makeDirectory() }
            try ("lit://trainer@new/copy" as Path).makeDirectory()
            #expect(
                try await bench.shell("find a .baton/from -type d | sort | tail -4").split(separator: "\n").count == 4)
        }
    }

    @Test func `remove takes a file, a link, an empty directory, and a full one only if told so`() async throws {
        try await Bench.run { bench in
            try await bench.shell(tree + "\nchmod 500 t/b")
            try ("t/link" as Path).remove()
            try ("t/b/empty" as Path).remove(recursive: true)
            try ("t/a.txt" as Path).remove()
            let error = expect(.notEmpty) { try ("t" as Path).remove() }
            #expect(error?.message.contains("recursive") == true)
            try ("t" as Path).remove(recursive: true)
            expect(.notFound) { try ("t" as Path).remove() }
            try ("t" as Path).remove(missingOK: true)
            try ("t/deep" as Path).remove(missingOK: true)
            #expect(try await bench.shell("ls -A") == ".baton\n")
        }
    }

    @Test func `nobody removes, moves or replaces the work itself`() async throws {
        try await Bench.run { bench in
            try await bench.shell("touch file; ln -s . self")
            for path in [
                Path("."), ".baton", ".baton/from", try Path(bench.root), try Path(bench.folder), "self/.baton", "/",
            ] {
                expect(.usage) { try path.remove(recursive: true) }
                expect(.usage) { try path.move(to: "elsewhere") }
                expect(.usage) { try ("file" as Path).move(to: path, overwrite: true) }
                expect(.usage) { try ("file" as Path).copy(to: path, overwrite: true) }
            }
            try ("self" as Path).remove()
            #expect(try await bench.shell("ls -A; ls -A .baton") == ".baton\nfile\nagent.sock\nagent.sock.lock\nfrom\n")
        }
    }

    @Test func `move gives another name, and replaces only if told so: a file by a directory, and the reverse`()
        async throws
    {
        try await Bench.run { bench in
            try await bench.shell(tree + "\necho x > file; mkdir full; touch full/inner")
            #expect(try ("file" as Path).move(to: "t/file") == "t/file")
            expect(.alreadyExists) { try ("t/file" as Path).move(to: "full") }
            try ("t/file" as Path).move(to: "full", overwrite: true)
            #expect(try await bench.shell("cat full; ls") == "x\nfull\nt\n")
            try ("t" as Path).move(to: "full", overwrite: true)
            #expect(try await bench.shell("ls; cat full/a.txt") == "full\n3\n")
            expect(.usage) { try ("full" as Path).move(to: "full/a/below") }
            expect(.notFound) { try ("missing" as Path).move(to: "x") }
        }
    }

    @Test func `move goes to another file system, too`() async throws {
        try await Bench.run { bench in
            try await bench.shell(tree)
            let elsewhere = try Path("/dev/shm/baton-test-\(UInt64.random(in: 0 ... .max))")
            try ("t" as Path).move(to: elsewhere)
            let names = try elsewhere.walk().map(\.name)
            try elsewhere.remove(recursive: true)
            #expect(names.count == 9 && names.contains("one.ckpt"))
            #expect(try !("t" as Path).existsLocal())
        }
    }

    @Test func `copy is the same again: content, permissions, times, links, holes, hard links, empty directories`()
        async throws
    {
        try await Bench.run { bench in
            try await bench.shell(
                tree + """

                    truncate -s 10M t/hole; echo end >> t/hole; ln t/a.txt t/z.txt; chmod 600 t/a.txt; chmod 500 t/b
                    touch -d @1234567890.123456789 t/a.txt t/b; touch -h -d @1234567890 t/link
                    """)
            #expect(try ("t" as Path).copy(to: "copy") == "copy")
            #expect(try await bench.shell("rsync -aHXn --modify-window=-1 --checksum --delete -i t/ copy/").isEmpty)
            #expect(try await bench.shell("test $(stat -c %b copy/hole) -lt 1000; ls -A") == ".baton\ncopy\nt\n")
            try ("t/a.txt" as Path).copy(to: "copy.txt")
            try ("t/link" as Path).copy(to: "copy.link")
            #expect(
                try await bench.shell("cat copy.txt; stat -c '%a %.9Y' copy.txt; readlink copy.link")
                    == "3\n600 1234567890.123456789\nb\n")
        }
    }

    @Test func `copy replaces only if told so, and a failure leaves everything as it was`() async throws {
        try await Bench.run { bench in
            try await bench.shell(tree + "\nmkdir old; echo old > old/file; mkfifo t/b/fifo")
            expect(.alreadyExists) { try ("t/a" as Path).copy(to: "old") }
            expect(.unsupported) { try ("t" as Path).copy(to: "old", overwrite: true) }
            #expect(try await bench.shell("ls -A; cat old/file") == ".baton\nold\nt\nold\n")
            try ("t/a" as Path).copy(to: "old", overwrite: true)
            #expect(try await bench.shell("ls old") == "one.ckpt\n")
            expect(.usage) { try ("t" as Path).copy(to: "t/a/below") }
            expect(.notFound) { try ("missing" as Path).copy(to: "x") }
            #expect(try await bench.shell("find . -name '.*.*' -not -path './.baton*'").isEmpty)
        }
    }

    @Test func `what was fetched is copied and moved to the work's own files`() async throws {
        try await Bench.run { bench in
            try await bench.shell("mkdir -p .baton/from/trainer/ckpt; echo 1 > .baton/from/trainer/ckpt/best")
            let best: Path = "lit://trainer@ckpt/best"
            #expect(try best.copy(to: "best") == "best")
            try best.move(to: "moved")
            #expect(try await bench.shell("cat best moved") == "1\n1\n" && !best.existsLocal())
        }
    }

    @Test func `symbolic links are made, replaced in one step, and read`() async throws {
        try await Bench.run { bench in
            try await bench.shell("mkdir c; touch c/epoch=1 c/epoch=2")
            let last: Path = "c/last"
            try last.makeSymlink(to: "epoch=1")
            expect(.alreadyExists) { try last.makeSymlink(to: "epoch=2") }
            try last.makeSymlink(to: "epoch=2", overwrite: true)
            #expect(try last.symlinkTarget() == "epoch=2" && last.isFile)
            expect(.isADirectory) { try ("c" as Path).makeSymlink(to: "x", overwrite: true) }
            expect(.usage) { try ("c/epoch=1" as Path).symlinkTarget() }
            #expect(try await bench.shell("ls -A c") == "epoch=1\nepoch=2\nlast\n")
        }
    }
}
