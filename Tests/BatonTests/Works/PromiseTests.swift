import SystemPackage
import Testing

@testable import Baton

// Each promise that the system before this one gave its users, and what it did that they paid for.

@Suite("What users were promised")
struct PromiseTests {
    @Test func `a path that one work hands to another is there before the body runs`() async throws {
        try await play(Producer.self, Consumer.self) { producer, consumer in
            let outputs = try await producer.run(["a.txt": "A", "deep/b.txt": "B"])
            #expect(outputs.origin == "first")
            #expect(try await consumer.list(outputs) == ["a.txt", "deep"])
            #expect(try await consumer.read(outputs / "deep/b.txt") == "B")
        }
    }

    @Test("CAL-15: A path that one work returns to another is there before that goes on")
    func returned() async throws {
        try await play(Producer.self, Consumer.self) { producer, consumer in
            let text = try await consumer.read("a.txt", by: producer)
            #expect(text == "written by another")
        }
    }

    @Test func `what was handed over before is overwritten, changed or not`() async throws {
        try await play(Producer.self, Consumer.self) { producer, consumer in
            let file = try await producer.run(["a.txt": "old"]) / "a.txt"
            #expect(try await consumer.read(file) == "old")
            try await consumer.write("spoiled", to: file)
            #expect(try await consumer.read(file) == "old")
            _ = try await producer.run(["a.txt": "new"])
            #expect(try await consumer.read(file) == "new")
        }
    }

    @Test func `paths are found at any depth of the arguments`() async throws {
        try await play(Producer.self, Consumer.self) { producer, consumer in
            let outputs = try await producer.run(["1": "one", "2": "two", "3": "three", "4": "four"])
            let nested = Nested(
                optional: try outputs / "1", array: [try outputs / "2"], dictionary: ["x": [try outputs / "3"]],
                inner: .init(path: try outputs / "4"))
            #expect(try await consumer.readNested(nested) == ["one", "two", "three", "four"])
        }
    }

    @Test func `a path that does not exist at its origin is handed over as it is`() async throws {
        try await play(Producer.self, Consumer.self) { producer, consumer in
            let missing = try await producer.run(["a": "A"]) / "b"
            #expect(try await consumer.exists(missing) == false)
            #expect(try await consumer.failure(ofGetting: missing)?.code == .notFound)
        }
    }

    @Test func `a path without an origin passes untouched, and is the receiver's own`() async throws {
        try await play(Producer.self, Consumer.self) { producer, consumer in
            #expect(try await consumer.describe("lit://inputs/x") == "lit://inputs/x")
            let place = try await consumer.place("lit://inputs/x")
            #expect(place.hasSuffix("/second/inputs/x"))
        }
    }

    @Test func `a work's own path is not fetched when it comes back to it`() async throws {
        try await play(Producer.self, Consumer.self) { producer, _ in
            let file = try await producer.run(["a": "A"]) / "a"
            let back = try await producer.handOver(file)
            #expect(back == file)
            try await producer.write("changed", to: back)
            #expect(try await producer.handOver(back).origin == "first")
        }
    }

    @Test func `a path that was returned is shared, though no stored property has it`() async throws {
        try await play(Producer.self, Consumer.self) { producer, consumer in
            try await producer.write("elsewhere", to: "lit://other/file")
            let path = try await producer.handOver("lit://other/file")
            #expect(path == "lit://first@other/file")
            #expect(try await consumer.read(path) == "elsewhere")
        }
    }

    @Test func `a path that lies elsewhere on the machine is not shared because it was handed on`() async throws {
        try await play(Producer.self, Consumer.self) { producer, consumer in
            let path = try await producer.handOver("lit:///etc/hostname")
            await expect(.notShared) { try await consumer.read(path) }
        }
    }

    @Test func `a path that is named twice, and what lies below it, is fetched once`() async throws {
        try await play(Producer.self, Consumer.self) { producer, consumer in
            let outputs = try await producer.run(["a": "A"])
            let file = try outputs / "a"
            let nested = Nested(
                optional: file, array: Array(repeating: file, count: 50), dictionary: ["x": [file]],
                inner: .init(path: file))
            let read = try await consumer.readNested(nested)
            #expect(read == Array(repeating: "A", count: 53))
        }
    }

    @Test func `what nobody declared is not shared`() async throws {
        try await play(Producer.self, Consumer.self) { producer, consumer in
            _ = try await producer.run(["a": "A"])
            try await producer.write("secret", to: "lit://private/file")
            await expect(.notShared) { try await consumer.read("lit://first@private/file") }
        }
    }

    @Test func `exists asks the origin, and get brings what is there now`() async throws {
        try await play(Producer.self, Consumer.self) { producer, consumer in
            let outputs = try await producer.run([:])
            #expect(try await consumer.existsRemote(outputs / "late") == false)
            _ = try await producer.run(["late": "now"])
            #expect(try await consumer.existsRemote(outputs / "late"))
            #expect(try await consumer.get("late", below: outputs) == "now")
        }
    }

    @Test func `a flow touches no files`() async throws {
        try await play(Producer.self, Consumer.self) { producer, _ in
            let outputs = try await producer.run(["a": "A"])
            expect(.outsideWork) { try outputs.list() }
            await expect(.outsideWork) { try await outputs.existsRemote() }
            await expect(.outsideWork) { _ = try await outputs.get(overwrite: true) }
        }
    }

    @Test func `what a work has declared is there for others after it has ended, and what it has not is not`()
        async throws
    {
        let root = try TemporaryRoot(prefix: "baton-test")
        defer { root.remove() }
        try await play(Producer.self, Consumer.self, in: root.path) { producer, _ in
            _ = try await producer.run(["a": "kept"])
            try await producer.write("lost", to: "lit://other/file")
        }
        // The next run has the same store; a work of the old name is not among its works.
        try await play(Lone(), in: root.path)
    }

    /// A flow without the producer.
    private struct Lone: Flow {
        @Remote("second") var consumer: Consumer

        func run() async throws {
            #expect(try await consumer.get("a", below: "lit://first@outputs") == "kept")
            await expect(.unreachable) { try await consumer.read("lit://first@other/file") }
        }
    }
}

@Suite("What users paid for in the system before this one")
struct PaidForTests {
    @Test func `a path derived from a declared one does not wait for ever`() async throws {
        try await play(Producer.self, Consumer.self) { producer, consumer in
            let outputs = try await producer.run(["epoch=9.ckpt": "nine"])
            try await producer.link("last.ckpt", to: "epoch=9.ckpt")
            #expect(try await consumer.get("last.ckpt", below: outputs) == "nine")
        }
    }

    @Test func `an empty directory arrives`() async throws {
        try await play(Producer.self, Consumer.self) { producer, consumer in
            let empty = try await producer.makeEmptyDirectory("empty")
            #expect(try await consumer.exists(empty))
            #expect(try await consumer.list(empty) == [])
        }
    }

    @Test func `a source that has vanished is an error that names it, and what was there stays`() async throws {
        try await play(Producer.self, Consumer.self) { producer, consumer in
            let file = try await producer.run(["a": "A"]) / "a"
            #expect(try await consumer.read(file) == "A")
            try await producer.remove(file)
            let error = try await consumer.failure(ofGetting: file)
            #expect(error?.code == .notFound)
            #expect(error?.message.contains("outputs/a") == true)
            #expect(try await consumer.exists(file))
        }
    }

    @Test func `a file can be replaced by a directory, and a directory by a file`() async throws {
        try await play(Producer.self, Consumer.self) { producer, consumer in
            let thing = try await producer.run(["thing": "file"]) / "thing"
            #expect(try await consumer.read(thing) == "file")
            try await producer.remove(thing)
            _ = try await producer.run(["thing/inside": "directory"])
            #expect(try await consumer.list(thing) == ["inside"])
            try await producer.remove(thing)
            _ = try await producer.run(["thing": "file again"])
            #expect(try await consumer.read(thing) == "file again")
        }
    }

    @Test func `a work that throws has left its files all the same`() async throws {
        let root = try TemporaryRoot(prefix: "baton-test")
        defer { root.remove() }
        try await play(Producer.self, Consumer.self, in: root.path) { producer, _ in
            await #expect(throws: NoGood(reason: "it was to fail")) {
                try await producer.run(failingAfter: ["a": "saved"])
            }
        }
        try await play(Rest(), in: root.path)
    }

    private struct Rest: Flow {
        @Remote("second") var consumer: Consumer

        func run() async throws { #expect(try await consumer.get("a", below: "lit://first@outputs") == "saved") }
    }

    @Test func `two producers with the same relative path do not overwrite each other`() async throws {
        let root = try TemporaryRoot(prefix: "baton-test")
        defer { root.remove() }
        try await play(Trio(), in: root.path)
    }

    private struct Trio: Flow {
        @Remote var left: Producer
        @Remote var right: Producer
        @Remote var consumer: Consumer

        func run() async throws {
            async let first = left.run(["same": "left"])
            async let second = right.run(["same": "right"])
            let (left, right) = try await (first / "same", second / "same")
            let nested = Nested(array: [left], inner: .init(path: right))
            #expect(try await consumer.readNested(nested) == ["left", "right"])
        }
    }

    @Test func `deleted files of the source do not come back at the receiver`() async throws {
        try await play(Producer.self, Consumer.self) { producer, consumer in
            let outputs = try await producer.run(["a": "A", "b": "B"])
            #expect(try await consumer.list(outputs) == ["a", "b"])
            try await producer.remove(try outputs / "a")
            #expect(try await consumer.list(outputs) == ["b"])
        }
    }
}
