import Foundation
import Glibc
import Synchronization

/// Writes one version of a source after the other, on a thread of its own, until it is stopped.
///
/// Version `n` of a file is the number `n` in each of its 8-byte words, and its size is a matter of `n`, too.
final class Rewriter: Sendable {
    enum Manner: String, Sendable, CaseIterable {
        /// One file, written over where it is; then a pause.
        case inPlace
        /// One file, each version renamed over the one before, without a rest.
        case renaming
        /// Two files of a tree, renamed over one after the other; then a pause.
        case together
    }

    private struct State {
        var version: UInt64 = 0
        var mayStop = false
        var failure: String?
        /// Versions in the middle of which the writer was held up for so long that the middle is a version of its own: nobody
        /// could tell it from a pause.
        var heldUp: Set<UInt64> = []
    }

    private let manner: Manner
    private let directory: String
    private let pause: Duration
    private let state = Mutex(State())

    /// A part of the 50 ms for which what has changed is waited for.
    private static let pauseOfItsOwn = Duration.milliseconds(30)

    /// Writes the first version at once.
    ///
    /// - Parameters:
    ///   - directory: has `source`, which it writes, and `aside`, where it prepares what it renames.
    ///   - pause: about so long it lets a version stand.
    init(_ manner: Manner, in directory: String, pause: Duration) throws {
        self.manner = manner
        self.directory = directory
        self.pause = pause
        try write(1)
        state.withLock { $0.version = 1 }
    }

    func start() {
        Thread.detachNewThread { [self] in
            do {
                while !state.withLock({ $0.mayStop }) {
                    let next = state.withLock { state in
                        state.version += 1
                        return state.version
                    }
                    try write(next)
                    // Not always the same rhythm.
                    usleep(UInt32(pause / .microseconds(1) * Double.random(in: 0.5...1.5)))
                }
            } catch {
                state.withLock { $0.failure = "\(error)" }
            }
        }
    }

    func stop() { state.withLock { $0.mayStop = true } }

    /// How many versions there have been; the last may be half written.
    var versions: UInt64 { state.withLock { $0.version } }
    var failure: String? { state.withLock { $0.failure } }

    /// Files of the source.
    var files: [String] { manner == .together ? ["model", "optimizer"] : ["model"] }

    private func write(_ version: UInt64) throws {
        let begin: ContinuousClock.Instant
        switch manner {
        case .inPlace:
            begin = .now
            try fill("\(directory)/source/model", version, inPieces: true)
        case .renaming, .together:
            for file in files { try fill("\(directory)/aside/\(file)", version, inPieces: false) }
            begin = .now
            for file in files {
                guard rename("\(directory)/aside/\(file)", "\(directory)/source/\(file)") == 0 else {
                    throw Failure("cannot rename: \(String(cString: strerror(errno)))")
                }
            }
        }
        let duration = ContinuousClock.now - begin
        if duration > Rewriter.pauseOfItsOwn { state.withLock { _ = $0.heldUp.insert(version) } }
    }

    private func fill(_ path: String, _ version: UInt64, inPieces: Bool) throws {
        let words = Rewriter.words(of: version)
        let content = [UInt64](repeating: version, count: words)
        let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw Failure("cannot write \(path): \(String(cString: strerror(errno)))") }
        defer { close(file) }
        let size = words * 8
        try content.withUnsafeBytes { bytes in
            let piece = inPieces ? 65_536 : size
            for offset in stride(from: 0, to: size, by: piece) {
                let count = min(piece, size - offset)
                guard let start = bytes.baseAddress, pwrite(file, start + offset, count, off_t(offset)) == count else {
                    throw Failure("cannot write \(path): \(String(cString: strerror(errno)))")
                }
            }
        }
        guard ftruncate(file, off_t(size)) == 0 else { throw Failure("cannot cut \(path)") }
    }

    private static func words(of version: UInt64) -> Int { 400_000 + Int(version % 5) * 40_000 + Int(version % 3) }
}

// MARK: The checker

extension Rewriter {
    enum Verdict: Equatable, Sendable {
        case version(UInt64)
        /// Two versions, between which the source stood for long.
        case heldUp
        case mixed(String)
    }

    /// What a copy of the source's files is. It judges by the bytes alone.
    ///
    /// - Parameter paths: by the names of ``files``.
    func judge(_ path: (String) -> String) throws -> Verdict {
        var found: Set<UInt64> = []
        var complaint: String?
        for file in files {
            guard let data = FileManager.default.contents(atPath: path(file)) else { throw Failure("no \(file) came") }
            let words = data.withUnsafeBytes { Set($0.bindMemory(to: UInt64.self)) }
            found.formUnion(words)
            let isWhole = words.count == 1 && words.first.map { data.count == Rewriter.words(of: $0) * 8 } == true
            if !isWhole { complaint = "\(file) has \(data.count) bytes of versions \(words.sorted())" }
        }
        let (versions, heldUp) = state.withLock { ($0.version, $0.heldUp) }
        if complaint == nil, found.count == 1, let version = found.first {
            return version <= versions ? .version(version) : .mixed("version \(version) was never written")
        }
        if let last = found.max(), heldUp.contains(last), found.isSubset(of: [last - 1, last]) { return .heldUp }
        return .mixed(complaint ?? "files of versions \(found.sorted())")
    }
}
