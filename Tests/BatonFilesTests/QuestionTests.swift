import BatonProtocol
import Foundation
import Testing

@testable import BatonFiles

/// exists, stat and list.
@Suite struct QuestionTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    @Test func `exists says what is there now`() throws {
        try bench.run("mkdir origin/d; : > origin/d/f; ln -s nowhere origin/d/dangling")
        let files = try bench.shared("d")
        #expect(try files.exists(PathName("d")))
        #expect(try files.exists(PathName("d/f")))
        #expect(try !files.exists(PathName("d/g")))
        #expect(try !files.exists(PathName("d/f/below")))
        #expect(try !files.exists(PathName("d/dangling")))
        try expectError(.notShared) { try files.exists(PathName("e")) }
    }

    @Test func `stat of a file says its size, mode and time`() throws {
        try bench.run("echo hello > origin/f; chmod 4640 origin/f; touch -d '2001-01-01 00:00:00.000000007Z' origin/f")
        let status = try bench.shared("f").stat(PathName("f"), digest: false)
        #expect(status.kind == .file)
        #expect(status.mode == 0o640)
        #expect(status.size == 6)
        #expect(status.files == 1)
        #expect(status.modified == Timestamp(seconds: 978_307_200, nanoseconds: 7))
        #expect(status.digest == [])
    }

    @Test func `stat of a tree counts apparent bytes of regular files, hard links once`() throws {
        try bench.run(
            """
            mkdir -p origin/tree/sub; cd origin/tree; head -c 1000 /dev/zero > a; ln a sub/b; truncate -s 5000 sub/hole
            ln -s a link; mkfifo fifo; : > none
            """)
        let status = try bench.shared("tree").stat(PathName("tree"), digest: false)
        #expect(status.kind == .directory)
        #expect(status.size == 6000)
        #expect(status.files == 3)
    }

    /// Chapter 11 by standard tools alone.
    private let script = #"""
        export LC_ALL=C
        hash() { sha256sum | cut -d' ' -f1; }
        digest() {
            if [ -f "$1" ]; then hash < "$1"; return; fi
            ls -A1 --zero "$1" | sort -z | while IFS= read -r -d '' name; do
                child=$1/$name
                if [ -L "$child" ]; then printf 'l 0777 %s %s\0' "$(printf '%s' "$(readlink -n "$child")" | hash)" "$name"
                elif [ -f "$child" ]; then printf 'f %04o %s %s\0' "0$(stat -c %a "$child")" "$(digest "$child")" "$name"
                elif [ -d "$child" ]; then printf 'd %04o %s %s\0' "0$(stat -c %a "$child")" "$(digest "$child")" "$name"
                fi
            done | hash
        }
        """#

    @Test(arguments: ["tree", "tree/b/big", "tree/empty", "tree/a"])
    func `the digest is what sha256sum, sort and printf make of it`(path: String) throws {
        try bench.run(
            #"""
            mkdir -p origin/tree/a/deep origin/tree/b origin/tree/empty; cd origin/tree
            echo x > a/f; echo y > a.txt; echo z > a/deep/g; head -c 600000 /dev/urandom > b/big; truncate -s 100000 b/hole
            ln -s ../a/f b/link; mkfifo b/fifo; : > none; printf odd > $'n\xff\nx'; chmod 600 a/f; chmod 711 a/deep
            """#)
        let digest = try bench.shared("tree").stat(PathName(path), digest: true).digest
        let expected = try bench.run(script + "\ndigest origin/" + path)
        #expect(digest.map { String(format: "%02x", $0) }.joined() + "\n" == expected)
    }

    @Test func `a digest changes with every name, mode and byte, not with times`() throws {
        try bench.run("mkdir -p origin/tree/d; echo x > origin/tree/d/f")
        let files = try bench.shared("tree")
        func digest() throws -> [UInt8] { try files.stat(PathName("tree"), digest: true).digest }
        var seen: Set<[UInt8]> = [try digest()]
        try bench.run("touch -d 2001-01-01 origin/tree/d/f origin/tree/d")
        #expect(try !seen.insert(digest()).inserted)
        for change in [
            "chmod 600 tree/d/f", "mv tree/d/f tree/d/g", "echo y > tree/d/g", "mkdir tree/e", "chmod 700 tree/e",
            "ln -s a tree/l", "ln -sfn b tree/l",
        ] {
            try bench.run("cd origin; " + change)
            #expect(try seen.insert(digest()).inserted, "\(change)")
        }
    }

    @Test func `a walk for stat ends when its checkpoint says so`() throws {
        try bench.run("mkdir origin/tree; cd origin/tree; touch a b c d; head -c 900000 /dev/zero > z")
        var count = 0
        let stop = BatonError(.deadline, "time is up")
        let error = try expectError(.deadline) {
            try bench.shared("tree").stat(PathName("tree"), digest: true) { () throws(BatonError) in
                count += 1
                if count == 7 { throw stop }
            }
        }
        #expect(error == stop)
        #expect(count == 7)
    }

    @Test func `list is sorted bytewise and continues after a name`() throws {
        try bench.run(#"mkdir origin/d; cd origin/d; touch b a.txt 'A' $'\xff' c; mkdir a; ln -s b link; mkfifo fifo"#)
        let files = try bench.shared("d")
        var names: [[UInt8]] = []
        var after: [UInt8] = []
        for _ in 0..<10 {
            let page = try files.list(PathName("d"), after: after, limit: 3)
            names += page.items.map(\.name)
            after = names.last ?? []
            if !page.more { break }
        }
        #expect(
            names == [
                Array("A".utf8), Array("a".utf8), Array("a.txt".utf8), Array("b".utf8), Array("c".utf8),
                Array("fifo".utf8), Array("link".utf8), [0xFF],
            ])
        let kinds = try files.list(PathName("d"), after: [], limit: 100).items.map(\.kind)
        #expect(kinds == [.file, .directory, .file, .file, .file, .other, .symbolicLink, .file])
        #expect(try files.list(PathName("d"), after: Array("bb".utf8), limit: 1).items.map(\.name) == [Array("c".utf8)])
    }

    @Test func `list of anything but a directory is one entry without a name`() throws {
        try bench.run("echo x > origin/f")
        let listing = try bench.shared("f").list(PathName("f"), after: [], limit: 10)
        #expect(listing.items.map(\.name) == [[]])
        #expect(listing.items.map(\.size) == [2])
        #expect(!listing.more)
    }

    @Test func `a list fits one reply, however long the names`() throws {
        try bench.run(
            "mkdir origin/d; cd origin/d; p=$(printf 'n%.0s' $(seq 240)); for i in $(seq 400); do : > $p-$i; done")
        let files = try bench.shared("d")
        let page = try files.list(PathName("d"), after: [], limit: 1000)
        #expect(page.more)
        #expect(page.items.reduce(0) { $0 + $1.encodedSize } <= Listing.room)
        let rest = try files.list(PathName("d"), after: try #require(page.items.last).name, limit: 1000)
        #expect(page.items.count + rest.items.count == 400)
    }
}
