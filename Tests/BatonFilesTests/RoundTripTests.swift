import BatonProtocol
import Foundation
import NIOCore
import Testing

@testable import BatonFiles

/// What the origin reads is what the receiver has in the end.
@Suite struct RoundTripTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    private func expectFaithfulCopy(sourceLocation: SourceLocation = #_sourceLocation) throws {
        try bench.get("tree", to: bench.receiverRoot + "/copy")
        #expect(
            try bench.description(of: "receiver/copy") == bench.description(of: "origin/tree"),
            sourceLocation: sourceLocation)
    }

    @Test func `a tree arrives with its modes, times, links, empty directories and content`() throws {
        try bench.run(
            """
            cd origin; mkdir -p tree/a/empty tree/b; echo hello > tree/a/file; : > tree/a/none
            head -c 700000 /dev/urandom > tree/b/big
            ln -s /etc/passwd tree/absolute; ln -s a/file tree/relative; ln -s nowhere/at/all tree/dangling
            chmod 0640 tree/a/file; chmod 0755 tree/b/big; chmod 0555 tree/a/empty; chmod 0711 tree/b
            touch -d '1969-07-20 20:17:40.123456789Z' tree/a/file
            touch -d '2001-02-03 04:05:06.000000007Z' tree/a tree/b/big
            touch -h -d '2011-01-01 00:00:00.5Z' tree/relative; touch -d '2000-01-01 00:00:00.999999999Z' tree
            """)
        let publication = try bench.get("tree", to: bench.receiverRoot + "/copy")
        #expect(try bench.description(of: "receiver/copy") == bench.description(of: "origin/tree"))
        #expect(publication.files == 3)
        #expect(publication.bytes == 700_006)
        #expect(publication.kind == .directory)
        #expect(publication.isAtomic)
        #expect(publication.leftover == nil)
        #expect(try bench.leftovers == "")
    }

    @Test func `a single file arrives under the name that was asked for`() throws {
        try bench.run("cd origin; echo one > file; chmod 0604 file; touch -d '2001-01-01 00:00:00.000000001Z' file")
        let publication = try bench.get("file", to: bench.receiverRoot + "/renamed")
        #expect(
            try bench.run("cd receiver; cat renamed; stat -c '%a %.9Y' renamed") == "one\n604 978307200.000000001\n")
        #expect(publication.kind == .file)
        #expect(publication.files == 1)
    }

    @Test(arguments: [0, 1, 511, 512, 4096, 262_115, 262_116, 262_117, 524_232, 524_233, 1_000_000])
    func `a file of any size arrives`(size: Int) throws {
        try bench.run("head -c \(size) /dev/urandom > origin/file")
        let publication = try bench.get("file", to: bench.receiverRoot + "/file")
        try bench.run("cmp origin/file receiver/file")
        #expect(publication.bytes == UInt64(size))
    }

    @Test func `names of any bytes arrive: newline, not UTF-8, 255 bytes, leading dash`() throws {
        try bench.run(
            #"""
            mkdir origin/tree; cd origin/tree
            printf x > $'new\nline'; printf y > $'\xff\xfe'; printf z > "$(printf 'n%.0s' $(seq 255))"
            mkdir -- -rf; printf w > './-rf/ space *'; printf v > $'\x01\x1b[31m'
            """#)
        try expectFaithfulCopy()
        #expect(try bench.run("ls -A receiver/copy | wc -l") == "6\n")
    }

    @Test func `holes stay holes, wherever they are`() throws {
        try bench.run(
            """
            mkdir origin/tree; cd origin/tree
            truncate -s 64M all; truncate -s 8M end; printf data | dd of=end conv=notrunc status=none
            truncate -s 8M start; printf data >> start
            for at in 1 3 900 901; do printf "piece $at" | dd of=middle bs=4096 seek=$at conv=notrunc status=none; done
            truncate -s 9M middle
            """)
        let messages = try messages(bench.shared("tree").open(PathName("tree"), stream: 3))
        let data = messages.reduce(0) { sum, message in
            if case .chunk(let chunk) = message { sum + chunk.data.readableBytes } else { sum }
        }
        #expect(data < 100_000)
        try expectFaithfulCopy()
        #expect(try bench.run("du -k receiver/copy | cut -f1 | awk '{print ($1 < 300)}'") == "1\n")
    }

    @Test func `a piece before a hole that is too small to stand alone takes some of the hole along`() throws {
        // The first burst has no room for the last 77 bytes of the first 256 KiB.
        try bench.run(
            """
            head -c 262144 /dev/urandom > origin/file; truncate -s 1M origin/file
            echo end >> origin/file; du -k origin/file | awk '{print ($1 < 512)}' | grep 1
            """)
        let sizes = try messages(bench.shared("file").open(PathName("file"), stream: 1)).compactMap { message in
            if case .chunk(let chunk) = message { chunk.data.readableBytes } else { nil }
        }
        #expect(sizes == [262_067, 512, 4])
        try bench.get("file", to: bench.receiverRoot + "/file")
        try bench.run("cmp origin/file receiver/file")
    }

    @Test func `two hundred levels arrive, also where the whole path is longer than the kernel takes`() throws {
        try bench.run(
            """
            mkdir origin/tree; cd origin/tree
            for i in $(seq 200); do mkdir level-$i; touch -d "2001-01-01 00:00:00.$(printf %09d $i)Z" a; cd level-$i; done
            echo bottom > file
            """)
        try expectFaithfulCopy()
        let deep =
            bench.receiverRoot + "/"
            + Array(repeating: String(repeating: "d", count: 200), count: 18).joined(separator: "/")
        try bench.get("tree", to: deep + "/copy")
        try bench.run(
            "cd receiver; for i in $(seq 18); do cd d*; done; cd copy; for i in $(seq 200); do cd level-$i; done; cat file"
        )
    }

    @Test func `deep trees keep few descriptors open at both ends`() throws {
        try bench.run(
            "mkdir origin/tree; cd origin/tree; for i in $(seq 200); do mkdir d; cd d; done; head -c 900000 /dev/zero > f"
        )
        let reader = try bench.shared("tree").open(PathName("tree"), stream: 1)
        let writer = try bench.writer(bench.receiverRoot + "/copy")
        var decoder = FrameDecoder(connection: .lane)
        decoder.isGreeted = true
        var largest = 0
        while let burst = try reader.nextBurst() {
            decoder.feed(burst.frames)
            while let frame = try decoder.next() { try writer.receive(Message(frame)) }
            largest = max(largest, try openDescriptors())
        }
        _ = try writer.publish()
        #expect((20..<60).contains(largest))
    }

    @Test func `setuid, setgid and sticky are left behind`() throws {
        try bench.run("mkdir origin/tree; cd origin/tree; echo x > f; mkdir d; chmod 6755 f; chmod 7777 d")
        try bench.get("tree", to: bench.receiverRoot + "/copy")
        #expect(try bench.run("stat -c %a receiver/copy/f receiver/copy/d") == "755\n777\n")
    }

    @Test func `sockets, FIFOs and devices are left out and listed, and nothing waits for them`() throws {
        try bench.run("mkdir -p origin/tree/sub; mkfifo origin/tree/fifo origin/tree/sub/fifo; echo x > origin/tree/z")
        let publication = try bench.get("tree", to: bench.receiverRoot + "/copy")
        #expect(publication.skippedCount == 2)
        #expect(
            publication.skipped == [
                SkippedEntry(reason: .fifo, path: try PathName("fifo")),
                SkippedEntry(reason: .fifo, path: try PathName("sub/fifo")),
            ])
        #expect(try bench.run("cd receiver/copy; find . | sort") == ".\n./sub\n./z\n")
    }

    @Test func `many small files share bursts, which grow`() throws {
        try bench.run("mkdir origin/tree; cd origin/tree; for i in $(seq 3000); do echo $i > $i; done")
        let reader = try bench.shared("tree").open(PathName("tree"), stream: 1)
        var sizes: [Int] = []
        while let burst = try reader.nextBurst() {
            sizes.append(burst.frames.readableBytes)
        }
        #expect(sizes.count <= 8)
        #expect((sizes.first ?? 0) < 1000)
        #expect(sizes.prefix(5).elementsEqual(sizes.prefix(5).sorted()))
    }

    @Test func `a tree that fills many bursts arrives whole`() throws {
        try bench.run(
            """
            mkdir origin/tree; cd origin/tree
            for i in $(seq 60); do mkdir d$i; head -c $((i * 997)) /dev/urandom > d$i/f; ln -s f d$i/l; done
            """)
        try expectFaithfulCopy()
    }

    /// Descriptors of this process that lie in the bench.
    private func openDescriptors() throws -> Int {
        let manager = FileManager.default
        return try manager.contentsOfDirectory(atPath: "/proc/self/fd").count { number in
            (try? manager.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + number))?.hasPrefix(bench.top) ?? false
        }
    }
}
