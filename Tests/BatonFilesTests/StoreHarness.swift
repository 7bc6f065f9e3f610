import BatonProtocol
import Foundation
import Glibc
import NIOCore
import Synchronization
import SystemPackage
import Testing

@testable import BatonFiles

/// A wall clock that stands still until it is told to go on.
final class StoreClock: Sendable {
    private let time = Mutex(Timestamp(seconds: 1_800_000_000, nanoseconds: 5))

    var now: Timestamp { time.withLock { $0 } }
    func pass(seconds: Int64) { time.withLock { $0.seconds += seconds } }
}

/// A store, and a work on the bench's origin whose paths are persisted to it.
final class StoreBench {
    let bench: Bench
    let owner: ArtifactOwner
    private(set) var report = StoreReport()
    private var opened: LocalArtifactStore?
    private var policy: KeepingPolicy
    private var calls = FileSystemCalls()
    private var kept: [PathName: (KeptVersions, stamp: UInt64)] = [:]
    private let clock = StoreClock()
    var epoch: UInt64 = 1

    init(policy: KeepingPolicy = KeepingPolicy(generations: 100)) throws {
        bench = try Bench()
        owner = try ArtifactOwner(trustDomain: "example.org", app: WorkName("demo"), work: WorkName("trainer"))
        self.policy = policy
        try open()
    }

    var root: String { bench.top + "/store" }
    /// Of a path of the work.
    func shelf(_ token: String) -> String { root + "/artifacts/example.org/demo/trainer/" + token }

    var store: LocalArtifactStore {
        get throws { try #require(opened) }
    }

    /// Opens the store as a relay that has just started does.
    func open(policy: KeepingPolicy? = nil, calls: FileSystemCalls = FileSystemCalls()) throws {
        opened = nil
        self.policy = policy ?? self.policy
        let now: @Sendable () -> Timestamp = { [clock] in clock.now }
        // A process that another test starts at this moment has a copy of the lock, until it has become what it is to be.
        for _ in 0..<200 where opened == nil {
            do throws(BatonError) {
                (opened, report) = try LocalArtifactStore.open(
                    at: FilePath(root), policy: self.policy, calls: calls, now: now)
            } catch {
                guard error.code == .busy else { throw error }
                usleep(50_000)
            }
        }
        _ = try store.fence(owner, epoch: epoch)
    }

    func close() { opened = nil }

    func pass(seconds: Int64) { clock.pass(seconds: seconds) }

    // MARK: Persisting

    func begin(
        _ path: String, of owner: ArtifactOwner? = nil, expecting bytes: UInt64 = 0
    ) throws -> any IncomingGeneration {
        try store.put(PathName(path), of: owner ?? self.owner, epoch: epoch, attributes: true, expecting: bytes)
    }

    /// What the origin answers to the GET of a relay that stands where `incoming` does.
    func reader(_ path: String, for incoming: any IncomingGeneration) throws -> TreeReader {
        let name = try PathName(path)
        let base = kept[name].flatMap { $0.stamp == incoming.base ? $0.0 : nil }
        let order = TreeReader.Order(attributes: true, resume: incoming.writer.resumePoint, base: base)
        return try bench.shared(path).open(name, stream: 1, order: order)
    }

    /// Persists a path of the origin as an agent and its relay do.
    @discardableResult
    func persist(_ path: String, of owner: ArtifactOwner? = nil) throws -> Receipt {
        let incoming = try begin(path, of: owner)
        let reader = try reader(path, for: incoming)
        incoming.writer.beginStream()
        for message in try messages(reader) { try incoming.writer.receive(message) }
        let receipt = try incoming.publish {}
        kept[try PathName(path)] = (reader.kept, receipt.stamp)
        return receipt
    }

    /// Persists messages that no origin has.
    @discardableResult
    func persist(_ path: String, messages: [Message]) throws -> Receipt {
        let incoming = try begin(path)
        for message in messages + Script.end(of: messages) { try incoming.writer.receive(message) }
        return try incoming.publish {}
    }

    func write(_ text: String, to path: String) throws {
        try bench.run("cd origin; mkdir -p \"$(dirname '\(path)')\"; printf %s '\(text)' > '\(path)'")
    }

    /// Writes a file of so many random bytes.
    func write(bytes: Int, to path: String) throws {
        try bench.run("cd origin; mkdir -p \"$(dirname '\(path)')\"; head -c \(bytes) /dev/urandom > '\(path)'")
    }

    // MARK: Looking

    func tree(_ path: String, of owner: ArtifactOwner? = nil) throws -> StoredTree? {
        try store.tree(at: PathName(path), of: owner ?? self.owner)
    }

    func exists(_ path: String) throws -> Bool { try tree(path)?.exists(PathName(path)) ?? false }

    func digest(_ path: String) throws -> String {
        try #require(try tree(path)).stat(PathName(path), digest: true).digest.hexadecimal
    }

    /// Gets a path from the store.
    func get(_ path: String, to destination: String, attributes: Bool = false) throws {
        let tree = try #require(try tree(path))
        let order = TreeReader.Order(attributes: attributes)
        let writer = try TreeWriter(
            destination: FilePath(bench.receiverRoot + "/" + destination), overwrite: true, folder: bench.receiver,
            order: TreeWriter.Order(source: Reference("lit://trainer@x"), attributes: attributes))
        for message in try messages(tree.open(PathName(path), stream: 1, order: order)) { try writer.receive(message) }
        _ = try writer.publish()
    }

    func items(_ path: String? = nil) throws -> [ArtifactItem] {
        try store.list(of: owner, path: path.map { try PathName($0) }, generation: nil, after: nil).items
    }

    /// The numbers of the generations of a path.
    func generations(_ path: String) throws -> [UInt64] { try items(path).map(\.generation) }

    /// Bytes on the disk that the store counts.
    var usage: UInt64 {
        get throws { try store.index.withLock { $0.usage(of: nil) } }
    }

    /// What lies in the store besides generations.
    var leftovers: String {
        get throws {
            try bench.run(
                "cd store; ls -A incoming .baton/trash .baton/stages .baton/swaps | grep -v ':$' | grep . || true")
        }
    }

    /// The digest of a tree by the script of chapter 11.
    func scriptedDigest(_ path: String) throws -> String {
        let chapter = try String(
            contentsOf: URL(filePath: #filePath).deletingLastPathComponent().appending(
                path: "../../Protocol/11-digest.md"), encoding: .utf8)
        let script = try #require(
            chapter.split(separator: "```bash\n").dropFirst().first?.split(separator: "```").first)
        try String(script).write(toFile: bench.top + "/tree-digest", atomically: true, encoding: .utf8)
        return try shell("bash \(bench.top)/tree-digest '\(path)'").trimmingCharacters(in: .newlines)
    }
}
