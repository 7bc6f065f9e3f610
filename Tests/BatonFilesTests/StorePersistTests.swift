import BatonProtocol
import Foundation
import SystemPackage
import Testing

@testable import BatonFiles

/// One session of a work publishes, one generation of a path at a time; what is interrupted goes on, or leaves nothing.
@Suite struct StorePersistTests {
    let bench: StoreBench
    init() throws { bench = try StoreBench() }

    /// Begins to persist `path`, and receives all of it but so many of the last messages.
    private func receive(_ path: String, but last: Int = 0) throws -> any IncomingGeneration {
        let incoming = try bench.begin(path)
        incoming.writer.beginStream()
        for message in try messages(bench.reader(path, for: incoming)).dropLast(last) {
            try incoming.writer.receive(message)
        }
        return incoming
    }

    // MARK: Sessions

    @Test func `a session that was replaced publishes nothing, whenever that comes`() throws {
        try bench.write("1", to: "out")
        try bench.persist("out")
        try bench.write("2", to: "out")
        let incoming = try receive("out")
        #expect(try bench.store.fence(bench.owner, epoch: 2))
        try expectError(.interrupted) { try incoming.publish {} }
        try expectError(.interrupted) { try bench.begin("out") }
        incoming.discard()
        bench.epoch = 2
        let second = try receive("out")
        // While it is being read.
        try expectError(.interrupted) {
            try second.publish { _ = try? bench.store.fence(bench.owner, epoch: 3) }
        }
        second.discard()
        #expect(try bench.generations("out") == [1])
        #expect(try bench.leftovers == "")
        bench.epoch = 3
        #expect(try bench.persist("out").generation == 2)
    }

    @Test func `a newer session waits for the moment of publication, and for nothing else`() throws {
        var index = StoreIndex()
        let owner = OwnerKey(bench.owner)
        var isFirst = index.beginPublishing(owner, 1)
        #expect(!isFirst, "nobody has come yet")
        var isFenced = index.fence(owner, 1)
        #expect(isFenced)
        isFirst = index.beginPublishing(owner, 1)
        let isSecond = index.beginPublishing(owner, 1)
        #expect(isFirst && isSecond, "another path of the same work")
        for _ in 1...2 {
            isFenced = index.fence(owner, 2)
            #expect(!isFenced)
            index.endPublishing(owner)
        }
        isFenced = index.fence(owner, 2)
        #expect(isFenced && index.isCurrent(owner, 2))
        isFirst = index.beginPublishing(owner, 1)
        #expect(!isFirst)
    }

    @Test func `one generation of a path is received at a time`() throws {
        try bench.write("1", to: "out")
        try bench.write("1", to: "other")
        let incoming = try receive("out")
        try expectError(.busy) { try bench.begin("out") }
        #expect(try bench.persist("other").generation == 1)
        _ = try incoming.publish {}
        // Also if whoever published it holds it still.
        #expect(try bench.persist("out").outcome == .unchanged)
        withExtendedLifetime(incoming) {}
    }

    @Test func `what the relay's user may not read is refused by name, and all that it may is stored`() throws {
        try bench.bench.give()
        try asOrdinaryUser {
            let locked = try Script.directory("") + Script.directory("d") + Script.file("d/secret", "x", mode: 0)
            let error = try expectError(.permission) { try bench.persist("out", messages: locked) }
            #expect(error.message.contains("'d/secret'"))
            #expect(try bench.items() == [] && bench.leftovers == "")
            let readable =
                try Script.directory("", mode: 0o500) + Script.directory("d", mode: 0o500)
                + Script.file("d/file", "x", mode: 0o400)
            #expect(try bench.persist("out", messages: readable).outcome == .stored)
            #expect(try bench.persist("out", messages: readable).outcome == .unchanged)
            #expect(try bench.store.verify(PathName("out"), of: bench.owner, generation: 1) {}.isDamaged == false)
            _ = try bench.store.remove(PathName("out"), of: bench.owner, generation: 1)
            #expect(try bench.leftovers == "")
        }
    }

    @Test func `one relay has a store`() throws {
        let error = try expectError(.busy) { try LocalArtifactStore.open(at: FilePath(bench.root)) }
        #expect(error.message.contains("another relay"))
        bench.close()
        _ = try LocalArtifactStore.open(at: FilePath(bench.root))
    }

    // MARK: Interruptions

    @Test func `whoever drops what has come leaves nothing behind`() throws {
        try bench.write("1", to: "out/file")
        for last in 0...3 {
            do { _ = try receive("out", but: last) }
            #expect(try bench.leftovers == "")
        }
        do {
            let whole = try receive("out")
            try expectError(.cancelled) {
                try whole.publish { () throws(BatonError) in throw BatonError(.cancelled, "") }
            }
        }
        #expect(try bench.leftovers == "" && bench.items() == [])
        #expect(try bench.usage == 0)
    }

    @Test(arguments: [false, true])
    func `what was interrupted goes on where it stopped, also after a restart`(restarts: Bool) throws {
        try bench.write(bytes: 700_000, to: "out/a")
        try bench.write(bytes: 700_000, to: "out/b")
        try bench.bench.run("cd origin/out; ln a hard; ln -s b soft")
        let count = try messages(bench.bench.shared("out").open(PathName("out"), stream: 1)).count
        for last in 0..<count {
            try bench.bench.run("touch origin/out/a origin/out")
            do { try receive("out", but: last).keepPartial() }
            if restarts {
                try bench.open()
                #expect(bench.report.partial == 1)
            }
            let again = try bench.begin("out")
            #expect(again.writer.resumePoint != nil)
            again.writer.beginStream()
            for message in try messages(bench.reader("out", for: again)) { try again.writer.receive(message) }
            let receipt = try again.publish {}
            #expect(receipt.outcome == .stored && receipt.bytes == 1_400_000)
            #expect(receipt.sent == 1_400_000, "nothing travelled twice")
            #expect(
                try bench.store.verify(PathName("out"), of: bench.owner, generation: receipt.generation) {}.isDamaged
                    == false)
            #expect(try bench.leftovers == "")
            // Versions are known of what had come before the interruption, too.
            let stored = try messages(#require(try bench.tree("out")).open(PathName("out"), stream: 1))
            for case .entry(let entry) in stored { #expect(entry.version != 0) }
            #expect(
                try bench.bench.run("cd \(bench.shelf("out"))/\(receipt.generation)/content; test a -ef hard && echo y")
                    == "y\n")
        }
    }

    @Test func `partial data that nobody goes on with is swept after a day`() throws {
        try bench.write(bytes: 700_000, to: "out")
        try receive("out", but: 1).keepPartial()
        #expect(try bench.usage > 600_000)
        _ = try bench.store.sweep()
        #expect(try bench.leftovers != "")
        try bench.bench.run("touch -d '2 days ago' store/.baton/stages/*.journal")
        _ = try bench.store.sweep()
        #expect(try bench.leftovers == "")
        #expect(try bench.usage == 0)
    }

    /// What a relay leaves that is killed at each step of a publication.
    @Test func `what is half published is gone after a restart, and what was there answers`() throws {
        try bench.write("1", to: "out/file")
        try bench.persist("out")
        bench.close()
        let shelf = bench.shelf("out")
        let name = try ShelfKey(owner: OwnerKey(bench.owner), path: PathName("out")).incomingName
        for debris in [
            "mkdir store/incoming/\(name)",
            "mkdir store/incoming/\(name); cp -a \(shelf)/1/content store/incoming/\(name)",
            "mkdir store/incoming/\(name); cp \(shelf)/1/manifest store/incoming/\(name)",
            "cp -a \(shelf)/1 store/incoming/\(name)", "cp -a \(shelf)/1 store/.baton/trash/x",
            "touch '\(shelf)/about.new'",
        ] {
            try bench.bench.run(debris)
            try bench.open()
            #expect(bench.report.damaged == [] && bench.report.strange == [])
            #expect(try bench.leftovers == "")
            #expect(try bench.tree("out")?.generation == 1)
            bench.close()
        }
        try bench.open()
        try bench.write("2", to: "out/file")
        #expect(try bench.persist("out").generation == 2)
    }

    @Test func `after a removal that was cut short the rest goes at the next start`() throws {
        for _ in 1...2 {
            try bench.write(bytes: 1000, to: "out/file")
            try bench.persist("out")
        }
        bench.close()
        try bench.bench.run(
            "mv \(bench.shelf("out"))/2 store/.baton/trash/gone; rm store/.baton/trash/gone/content/file")
        try bench.open()
        #expect(bench.report.damaged == [])
        #expect(try bench.generations("out") == [1])
        #expect(try bench.leftovers == "")
    }

    @Test func `a base that is removed while it is needed serves to the end`() throws {
        try bench.bench.run("cd origin; mkdir out; for n in 1 2 3; do head -c 1000 /dev/urandom > out/$n; done")
        try bench.persist("out")
        try bench.bench.run("cd origin; echo x > out/1")
        do {
            let incoming = try bench.begin("out")
            let all = try messages(bench.reader("out", for: incoming))
            for message in all.prefix(2) { try incoming.writer.receive(message) }
            _ = try bench.store.remove(PathName("out"), of: bench.owner, generation: nil)
            _ = try bench.store.sweep()
            for message in all.dropFirst(2) { try incoming.writer.receive(message) }
            let receipt = try incoming.publish {}
            #expect((receipt.outcome, receipt.generation, receipt.sent) == (.stored, 2, 2))
        }
        _ = try bench.store.sweep()
        #expect(try bench.leftovers == "")
        #expect(try bench.store.verify(PathName("out"), of: bench.owner, generation: 2) {}.isDamaged == false)
        try bench.open()
        #expect(bench.report.damaged == [])
    }

    @Test func `what is the same as a generation that has just been removed is stored again`() throws {
        try bench.write("1", to: "out")
        try bench.persist("out")
        let incoming = try receive("out")
        _ = try bench.store.remove(PathName("out"), of: bench.owner, generation: 1)
        let receipt = try incoming.publish {}
        #expect((receipt.outcome, receipt.generation) == (.stored, 2))
    }

    @Test func `many persist and read at once`() async throws {
        try await persistAndRead(bench.store, bench.owner)
        for path in 0..<8 { #expect(try bench.generations("p\(path)") == [1, 2, 3, 4, 5]) }
        try bench.open()
        #expect(bench.report.damaged == [] && bench.report.generations == 40)
    }

    private func persistAndRead(_ store: LocalArtifactStore, _ owner: ArtifactOwner) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for path in 0..<8 {
                group.addTask {
                    let name = try PathName("p\(path)")
                    for round in 0..<5 {
                        let incoming = try store.put(name, of: owner, epoch: 1, attributes: false, expecting: 0)
                        var tree = try Script.directory("")
                        tree += try Script.file("file", "\(path) \(round)")
                        for message in tree + Script.end(of: tree) { try incoming.writer.receive(message) }
                        _ = try incoming.publish {}
                        let stored = try #require(try store.tree(at: name, of: owner))
                        #expect(try stored.stat(name, digest: true).files == 1)
                        _ = store.sweep()
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
