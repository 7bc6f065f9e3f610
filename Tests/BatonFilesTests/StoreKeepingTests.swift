import BatonProtocol
import Foundation
import SystemPackage
import Testing

@testable import BatonFiles

/// How long what works leave behind is kept, and what goes when there is no room.
@Suite struct StoreKeepingTests {
    private func bench(_ policy: KeepingPolicy) throws -> StoreBench { try StoreBench(policy: policy) }

    /// Persists another version of a path, a file of so many bytes.
    private func change(_ bench: StoreBench, _ path: String = "out", bytes: Int = 10) throws {
        try bench.write(bytes: bytes, to: path)
        try bench.persist(path)
        bench.pass(seconds: 1)
    }

    @Test func `of each path the newest generations are kept`() throws {
        let bench = try bench(KeepingPolicy(generations: 2))
        for _ in 1...5 { try change(bench) }
        try change(bench, "other")
        #expect(try bench.generations("out") == [4, 5])
        #expect(try bench.generations("other") == [1])
        _ = try bench.store.sweep()
        #expect(try bench.bench.run("ls \(bench.shelf("out"))") == "4\n5\nabout\n")
        #expect(try bench.leftovers == "")
        try bench.open(policy: KeepingPolicy(generations: 1))
        #expect(try bench.store.sweep().removed.count == 1)
        #expect(try bench.generations("out") == [5])
    }

    @Test func `what is pinned is kept until it is unpinned`() throws {
        let bench = try bench(KeepingPolicy(generations: 1, timeToLive: .seconds(100)))
        try change(bench)
        let pinned = try bench.store.setPinned(true, PathName("out"), of: bench.owner, generation: nil)
        #expect(pinned.map(\.generation) == [1] && pinned.map(\.isPinned) == [true])
        try change(bench)
        try change(bench)
        #expect(try bench.generations("out") == [1, 3])
        try bench.open()
        #expect(try bench.items("out").map(\.isPinned) == [true, false])
        bench.pass(seconds: 1000)
        _ = try bench.store.sweep()
        #expect(try bench.generations("out") == [1])
        #expect(try bench.tree("out")?.generation == 1)
        #expect(
            try bench.store.setPinned(false, PathName("out"), of: bench.owner, generation: 1).map(\.isPinned) == [false]
        )
        _ = try bench.store.sweep()
        #expect(try bench.generations("out") == [])
        try expectError(.notFound) { try bench.store.setPinned(true, PathName("out"), of: bench.owner, generation: 1) }
        try expectError(.notFound) { try bench.store.setPinned(true, PathName("x"), of: bench.owner, generation: nil) }
    }

    @Test func `what nobody has had for longer than the time to live goes, the newest too`() throws {
        let bench = try bench(KeepingPolicy(timeToLive: .seconds(60)))
        try change(bench)
        try change(bench, "other")
        bench.pass(seconds: 50)
        // Its owner has it still.
        #expect(try bench.persist("other").outcome == .unchanged)
        try bench.open()
        _ = try bench.store.sweep()
        #expect(try bench.generations("out") == [1])
        bench.pass(seconds: 20)
        let removed = try bench.store.sweep().removed
        #expect(removed == ["example.org/demo/trainer lit://out generation 1"])
        #expect(try bench.tree("out") == nil)
        #expect(try bench.generations("other") == [1])
        bench.pass(seconds: 50)
        _ = try bench.store.sweep()
        #expect(try bench.items() == [])
        #expect(try bench.usage == 0)
    }

    @Test func `what is read now is not swept`() throws {
        let bench = try bench(KeepingPolicy(generations: 1, timeToLive: .seconds(60)))
        try change(bench)
        var tree = try bench.tree("out")
        try change(bench)
        bench.pass(seconds: 100)
        _ = try bench.store.sweep()
        #expect(try bench.generations("out") == [1])
        #expect(try tree?.stat(PathName("out"), digest: true).size == 10)
        tree = nil
        _ = try bench.store.sweep()
        #expect(try bench.generations("out") == [])
        #expect(try bench.leftovers == "")
    }

    // MARK: Quotas

    private static let megabyte = 1 << 20

    @Test func `older generations make room, the path's own first, and the newest of each path stays`() throws {
        let bench = try bench(KeepingPolicy(generations: 10, bytesPerApp: 11 << 20))
        for _ in 1...3 { try change(bench, "a", bytes: StoreKeepingTests.megabyte) }
        for _ in 1...3 { try change(bench, "b", bytes: StoreKeepingTests.megabyte) }
        try change(bench, "b", bytes: 4 * StoreKeepingTests.megabyte)
        #expect(try bench.generations("a") == [1, 2, 3] && bench.generations("b") == [1, 2, 3, 4])
        try change(bench, "b", bytes: 4 * StoreKeepingTests.megabyte)
        #expect(try bench.generations("a") == [1, 2, 3] && bench.generations("b") == [5])
        try change(bench, "c", bytes: 5 * StoreKeepingTests.megabyte)
        #expect(try bench.generations("a") == [3] && bench.generations("b") == [5] && bench.generations("c") == [1])
        #expect(try bench.usage <= 11 << 20)
    }

    @Test func `what cannot fit is refused before anything is lost, with what to do`() throws {
        let bench = try bench(KeepingPolicy(generations: 10, bytesPerApp: 6 << 20))
        for _ in 1...3 { try change(bench, "a", bytes: StoreKeepingTests.megabyte) }
        try change(bench, "b", bytes: 2 * StoreKeepingTests.megabyte)
        let before = try bench.items()
        try bench.write(bytes: 5 * StoreKeepingTests.megabyte, to: "a")
        let error = try expectError(.noSpace) { try bench.persist("a") }
        #expect(error.message.contains("baton artifacts rm") && error.message.contains("stays"))
        #expect(!error.message.contains(bench.root))
        #expect(try bench.items() == before)
        #expect(try bench.leftovers == "")
        // Not even begun, if it is known how much will come.
        try expectError(.noSpace) { try bench.begin("a", expecting: 5 << 20) }
        #expect(try bench.items() == before)
        // Others go on, and what fits does.
        try change(bench, "c", bytes: 1000)
        try change(bench, "a", bytes: 2 * StoreKeepingTests.megabyte)
    }

    @Test func `neither pinned nor damaged generations make room`() throws {
        let bench = try bench(KeepingPolicy(generations: 10, bytesPerApp: (4 << 20) + 100_000))
        for _ in 1...3 { try change(bench, "a", bytes: StoreKeepingTests.megabyte) }
        _ = try bench.store.setPinned(true, PathName("a"), of: bench.owner, generation: 1)
        bench.close()
        try bench.bench.run("truncate -s 9 \(bench.shelf("a"))/2/manifest")
        try bench.open()
        try bench.write(bytes: 2 * StoreKeepingTests.megabyte, to: "a")
        try expectError(.noSpace) { try bench.persist("a") }
        #expect(try bench.generations("a") == [1, 2, 3])
        _ = try bench.store.setPinned(false, PathName("a"), of: bench.owner, generation: 1)
        try bench.persist("a")
        #expect(try bench.generations("a") == [2, 3, 4])
    }

    @Test func `one app cannot take another's room`() throws {
        let bench = try bench(KeepingPolicy(generations: 10, bytesPerApp: 3 << 20, bytes: 5 << 20))
        let other = try ArtifactOwner(trustDomain: "example.org", app: WorkName("other"), work: WorkName("w"))
        _ = try bench.store.fence(other, epoch: 1)
        for _ in 1...2 { try change(bench, "a", bytes: StoreKeepingTests.megabyte) }
        try bench.write(bytes: StoreKeepingTests.megabyte * 5 / 2, to: "big")
        try bench.persist("big", of: other)
        #expect(try bench.generations("a") == [1, 2])
        try bench.write(bytes: 2 * StoreKeepingTests.megabyte, to: "big")
        // Of the other app only its newest generation is left, which must not go; but an older one of the first may.
        try expectError(.noSpace) { try bench.persist("big", of: other) }
        #expect(try bench.generations("a") == [1, 2])
        _ = try bench.store.remove(PathName("big"), of: other, generation: nil)
        try bench.persist("big", of: other)
        // An older generation goes for the whole store's sake, whosever it is, a newest one never.
        try bench.write(bytes: StoreKeepingTests.megabyte * 3 / 2, to: "c")
        try bench.persist("c")
        #expect(try bench.generations("a") == [2])
        try bench.write(bytes: StoreKeepingTests.megabyte * 3 / 2, to: "d")
        try expectError(.noSpace) { try bench.persist("d") }
        #expect(try bench.tree("big", of: other)?.generation == 2)
    }

    @Test func `partial data counts, and goes before any generation`() throws {
        let bench = try bench(KeepingPolicy(generations: 10, bytesPerApp: 5 << 20))
        for _ in 1...2 { try change(bench, "a", bytes: StoreKeepingTests.megabyte) }
        try bench.write(bytes: 2 * StoreKeepingTests.megabyte, to: "b")
        let incoming = try bench.begin("b")
        for message in try messages(bench.reader("b", for: incoming)).dropLast() {
            try incoming.writer.receive(message)
        }
        incoming.keepPartial()
        #expect(try bench.usage > 4 << 20)
        try change(bench, "c", bytes: 2 * StoreKeepingTests.megabyte)
        _ = try bench.store.sweep()
        #expect(try bench.leftovers == "")
        #expect(try bench.generations("a") == [1, 2] && bench.generations("c") == [1])
    }

    @Test func `a full disk is told as such, and leaves the store as it was`() throws {
        let bench = try bench(KeepingPolicy())
        try change(bench)
        var calls = FileSystemCalls()
        calls.write = { _, _, offset throws(Errno) in throw .noSpace }
        try bench.open(calls: calls)
        try bench.write("other", to: "out")
        let incoming = try bench.begin("out")
        let error = try expectError(.noSpace) {
            for message in try messages(bench.reader("out", for: incoming)) { try incoming.writer.receive(message) }
        }
        #expect(incoming.explained(error).message.contains("the relay's disk is full"))
        incoming.discard()
        #expect(try bench.leftovers == "")
        #expect(try bench.generations("out") == [1])
        #expect(try bench.store.verify(PathName("out"), of: bench.owner, generation: 1) {}.isDamaged == false)
    }

    @Test func `a disk that fails to take it gives no receipt`() throws {
        let bench = try bench(KeepingPolicy())
        try change(bench)
        var calls = FileSystemCalls()
        calls.synchronize = { _ throws(Errno) in throw .ioError }
        try bench.open(calls: calls)
        try bench.write("other", to: "out")
        #expect(throws: BatonError.self) { try bench.persist("out") }
        try bench.open(calls: FileSystemCalls())
        #expect(bench.report.damaged == [])
        #expect(try bench.generations("out") == [1])
        #expect(try bench.persist("out").generation == 2)
    }
}
