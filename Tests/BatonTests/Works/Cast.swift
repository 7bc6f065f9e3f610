import Distributed
import FoundationEssentials
import Logging
import SystemPackage
import Testing

@testable import Baton

/// Works that do what a test tells them.

/// Has files, and says where.
distributed actor Producer: Work {
    var outputs: Path = "lit://outputs"

    /// Writes files below the path that is its state.
    distributed func run(_ files: [String: String]) throws -> Path {
        for (name, text) in files { try (outputs / name).put(text) }
        return outputs
    }

    distributed func makeEmptyDirectory(_ name: String) throws -> Path {
        let path = try outputs / name
        try path.makeDirectory()
        return path
    }

    distributed func link(_ name: String, to target: String) throws { try (outputs / name).makeSymlink(to: target) }

    distributed func remove(_ path: Path) throws { try path.remove(recursive: true) }

    /// Something that is in no stored property.
    distributed func write(_ text: String, to path: Path) throws { try path.put(text) }

    distributed func handOver(_ path: Path) -> Path { path }

    distributed func fail(writing text: String, to name: String) throws {
        try (outputs / name).put(text)
        throw NoGood(reason: "it was to fail")
    }

    distributed func run(failingAfter files: [String: String]) throws {
        for (name, text) in files { try (outputs / name).put(text) }
        throw NoGood(reason: "it was to fail")
    }
}

extension Path {
    fileprivate func put(_ text: String) throws {
        try parent.makeDirectory()
        try write(text)
    }
}

struct NoGood: Error, Codable, Equatable { let reason: String }

/// Is handed paths, and tells what it finds there.
distributed actor Consumer: Work {
    distributed func read(_ path: Path) throws -> String { try path.readText() }

    distributed func list(_ path: Path) throws -> [String] { try path.list().map(\.name) }

    distributed func exists(_ path: Path) throws -> Bool { try path.existsLocal() }

    /// Has another work write a file, and reads it.
    distributed func read(_ name: String, by producer: Producer) async throws -> String {
        try (try await producer.run([name: "written by another"]) / name).readText()
    }

    distributed func describe(_ path: Path) -> String { path.description }

    distributed func place(_ path: Path) throws -> String { try path.string }

    distributed func write(_ text: String, to path: Path) throws { try path.put(text) }

    distributed func readNested(_ nested: Nested) throws -> [String] { try nested.all.map { try $0.readText() } }

    distributed func existsRemote(_ path: Path) async throws -> Bool { try await path.existsRemote() }

    /// Gets what lies below the path, and reads it.
    distributed func get(_ name: String, below path: Path) async throws -> String {
        let file = try path / name
        _ = try await file.get(overwrite: true)
        return try file.readText()
    }

    distributed func failure(ofGetting path: Path) async -> PathError? {
        do throws(PathError) {
            _ = try await path.get(overwrite: true)
            return nil
        } catch {
            return error
        }
    }
}

/// Paths at every depth.
struct Nested: Codable, Sendable {
    struct Inner: Codable, Sendable { var path: Path }

    var optional: Path?
    var array: [Path] = []
    var dictionary: [String: [Path]] = [:]
    var inner: Inner

    var all: [Path] { [optional].compactMap(\.self) + array + dictionary.values.flatMap(\.self) + [inner.path] }
}

/// Two works and what is to be done with them.
struct Duet<First: Work, Second: Work>: Flow {
    @Remote("first") var first: First
    @Remote("second") var second: Second
    let body: @Sendable (First, Second) async throws -> Void

    func run() async throws { try await body(first, second) }
}

/// Runs a relay, two works and a flow in this process, as `app run` does.
func play<First: Work, Second: Work>(
    _ first: First.Type, _ second: Second.Type, until shutdown: @escaping @Sendable () async -> Void = forever,
    _ body: @escaping @Sendable (First, Second) async throws -> Void
) async throws {
    let root = try TemporaryRoot(prefix: "baton-test")
    defer { root.remove() }
    try await play(first, second, in: root.path, until: shutdown, body)
}

func play<First: Work, Second: Work>(
    _ first: First.Type, _ second: Second.Type, in root: FilePath,
    until shutdown: @escaping @Sendable () async -> Void = forever,
    _ body: @escaping @Sendable (First, Second) async throws -> Void
) async throws {
    try await play(Duet(body: body), in: root, until: shutdown)
}

func play(
    _ flow: some Flow, in root: FilePath, until shutdown: @escaping @Sendable () async -> Void = forever
) async throws {
    var logger = Logger(label: "test") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = .error
    let run = LocalRun(name: "test", flow: flow, root: root, keepWithin: .seconds(60), logger: logger)
    await Stage.shared.enter()
    let result: Result<Void, any Error>
    do { result = .success(try await run.run(until: shutdown)) } catch { result = .failure(error) }
    await Stage.shared.leave()
    try result.get()
}

/// Two plays at a time: each has a relay and three agents with all their threads, and other tests run beside them.
private actor Stage {
    static let shared = Stage()

    private var free = 2
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func enter() async {
        if free > 0 { free -= 1 } else { await withCheckedContinuation { waiting.append($0) } }
    }

    func leave() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}

/// Returns when the task is cancelled.
@Sendable func forever() async { _ = try? await Task.sleep(for: .seconds(86_400)) }
