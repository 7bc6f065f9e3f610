import BatonProtocol
import Foundation
import NIOCore
import Testing

@testable import BatonFiles

/// Several names of one file travel as one file.
@Suite struct HardLinkTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    private func entries(_ replica: Replica) -> [TreeEntry] {
        replica.received.compactMap { if case .entry(let entry) = $0 { entry } else { nil } }
    }

    @Test func `the first name in tree order is the file, later ones are hard links to it`() throws {
        try bench.run("mkdir -p origin/tree/b; cd origin/tree; printf data > z; ln z b/m; ln z c; printf other > d")
        let replica = try bench.reading("tree").finish()
        let entries = entries(replica)
        #expect(entries.map { String(decoding: $0.path.bytes, as: UTF8.self) } == ["", "b", "b/m", "c", "d", "z"])
        #expect(entries.map(\.kind) == [.directory, .directory, .file, .hardLink, .file, .hardLink])
        for link in [entries[3], entries[5]] {
            #expect(link.target == Array("b/m".utf8))
            #expect(link.version == entries[2].version)
            #expect(link.mode == entries[2].mode)
            #expect(link.modified == entries[2].modified)
        }
        let data = replica.received.filter { $0.type == .chunk }
        #expect(data.count == 2)
    }

    @Test func `a file with a name outside the tree is an ordinary file`() throws {
        try bench.run("mkdir origin/tree; printf data > origin/outside; ln origin/outside origin/tree/f")
        #expect(entries(try bench.reading("tree").finish()).map(\.kind) == [.directory, .file])
    }

    @Test(arguments: [
        "rm a", "printf other > a", "rm a; printf other > a", "ln b 0", "rm b", "mv a x", "mv b 0", "printf x > b",
        "chmod 600 c",
        "rm b; cp c b",
    ])
    func `names that come, go and change while the tree is read leave files and links as they are then`(
        script: String
    ) throws {
        try bench.run(
            "mkdir origin/tree; cd origin/tree; printf data > a; ln a b; ln a c; head -c 500000 /dev/zero > e; sleep 0.1"
        )
        let reading = try bench.reading("tree")
        while try reading.burst(), reading.replica.nodes[try PathName("e")] == nil {}
        try bench.run("cd origin/tree; \(script)")
        let replica = try reading.finish()
        let names = try bench.run("cd origin/tree; ls").split(separator: "\n").map(String.init)
        #expect(replica.paths == [""] + names)
        for name in names where name != "e" {
            #expect(try replica.text(name) == bench.run("cat origin/tree/\(name)"))
            for other in names where other != "e" {
                let isSame =
                    try bench.run("[ origin/tree/\(name) -ef origin/tree/\(other) ] && echo same || true") != ""
                let (a, b) = try (replica.nodes[PathName(name)], replica.nodes[PathName(other)])
                #expect((a === b) == isSame, "\(name) and \(other)")
            }
        }
    }

    @Test func `a directory of links that moves before the file's name and back is told right each time`() throws {
        try bench.run(
            "mkdir -p origin/tree/m origin/tree/z; cd origin/tree; printf data > m/f; ln m/f z/f; mkdir zz; seq 1200 | sed 's|^|zz/|' | xargs touch; sleep 0.1"
        )
        let reading = try bench.reading("tree")
        while try reading.burst(), reading.replica.nodes[try PathName("zz/1")] == nil {}
        try bench.run("cd origin/tree; mv z a; sleep 0.1")
        while try reading.burst(), reading.replica.passes < 1 {}
        try bench.run("cd origin/tree; mv a z")
        let replica = try reading.finish()
        #expect(replica.passes >= 2)
        #expect(replica.paths.prefix(6) == ["", "m", "m/f", "z", "z/f", "zz"])
        #expect(try replica.nodes[PathName("m/f")] === replica.nodes[PathName("z/f")])
    }

    @Test func `a file is forgotten once all its names have been met`() throws {
        try bench.run("printf x > a; ln a b; ln a c")
        let status = try Descriptor.place(of: FileName(Array((bench.top + "/a").utf8))).status()
        var links = HardLinks()
        let unknown = links.first(of: status)
        #expect(unknown == nil)
        links.remember(status, version: status.version, path: Array("a".utf8))
        #expect(links.count == 1)
        #expect(links.first(of: status)?.path == Array("a".utf8))
        #expect(links.first(of: status)?.path == Array("a".utf8))
        #expect(links.count == 0)
        #expect(links.first(of: status) == nil)
    }

    @Test func `files beyond the capacity, and files with one name, are not held`() throws {
        try bench.run("printf x > a; ln a b; printf x > c; ln c d; printf x > e")
        func status(_ name: String) throws -> FileStatus {
            try Descriptor.place(of: FileName(Array("\(bench.top)/\(name)".utf8))).status()
        }
        var links = HardLinks(capacity: 1)
        for name in ["e", "a", "c"] {
            let status = try status(name)
            links.remember(status, version: status.version, path: Array(name.utf8))
        }
        #expect(links.count == 1)
        #expect(links.first(of: try status("d")) == nil)
        #expect(links.first(of: try status("b"))?.path == Array("a".utf8))
    }
}

/// What the receiver has, as the origin remembers it.
@Suite struct SentVersionsTests {
    private func walked(_ prints: [UInt64]) -> SentVersions {
        var sent = SentVersions()
        sent.beginWalk()
        for print in prints {
            let isHeld = sent.holds(print)
            #expect(!isHeld)
            sent.pass(print)
        }
        return sent
    }

    @Test func `the first walk holds nothing and confirms nothing`() {
        var sent = walked([1, 2, 3])
        let isConfirmed = sent.endWalk()
        #expect(!isConfirmed)
    }

    @Test func `a walk that passes the same entries confirms them`() {
        var sent = walked([1, 2, 3])
        sent.beginWalk()
        for print: UInt64 in [1, 2, 3] {
            let isHeld = sent.holds(print)
            #expect(isHeld)
            sent.pass(print)
        }
        let isConfirmed = sent.endWalk()
        #expect(isConfirmed)
    }

    @Test(arguments: [[1, 2], [1, 3], [1, 2, 4, 3], [1, 2, 3, 4], []] as [[UInt64]])
    func `a walk that passes anything else does not`(prints: [UInt64]) {
        var sent = walked([1, 2, 3])
        sent.beginWalk()
        for print in prints {
            let isHeld = sent.holds(print)
            #expect(isHeld == (print != 4))
            sent.pass(print)
        }
        let first = sent.endWalk()
        #expect(!first)
        sent.beginWalk()
        for print in prints { sent.pass(print) }
        let second = sent.endWalk()
        #expect(second)
    }

    @Test func `what a walk did not pass is no longer held`() {
        var sent = walked([1, 2, 3])
        sent.beginWalk()
        for print: UInt64 in [1, 3] { sent.pass(print) }
        sent.beginWalk()
        sent.pass(1)
        let isHeld2 = sent.holds(2)
        #expect(!isHeld2)
    }

    @Test func `a first walk that was broken off leaves what was sent`() {
        var sent = walked([1, 2])
        sent.breakOff()
        let isHeld1 = sent.holds(1)
        #expect(isHeld1)
        sent.pass(1)
        let isHeld2 = sent.holds(2)
        #expect(isHeld2)
    }

    @Test func `a later walk that was broken off after a difference leaves nothing certain`() {
        var sent = walked([1, 2, 3])
        sent.beginWalk()
        sent.pass(1)
        sent.pass(4)
        sent.breakOff()
        let isHeld1 = sent.holds(1)
        #expect(!isHeld1)
    }

    @Test func `path, version and target all count`() {
        let sent = SentVersions()
        let prints = [
            sent.fingerprint([1, 2], version: 3), sent.fingerprint([1], version: 3),
            sent.fingerprint([1, 2], version: 4), sent.fingerprint([1, 2], version: 3, target: [5]),
            sent.fingerprint([1], version: 3, target: [2]),
        ]
        #expect(Set(prints).count == prints.count)
    }
}
