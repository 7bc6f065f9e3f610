import BatonProtocol
import CLinux
import Foundation
import NIOCore
import SystemPackage
import Testing

@testable import BatonFiles

/// The lists of `Protocol/vectors` that are about files: what a tree is as a whole, what it hashes to, where it lies.
@Suite("Trees, digests and places are as the vectors of Protocol/ say")
struct VectorTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    @Test("A tree is complete, or found to be corrupt, with the listed frame and not before", arguments: TreeVector.all)
    func sequence(_ vector: TreeVector) throws {
        let writer = try bench.writer(bench.receiverRoot + "/copy")
        for (index, frame) in vector.frames.enumerated() {
            let isLast = index == vector.frames.count - 1
            let message = try frame.message()
            do throws(BatonError) {
                try writer.receive(message, in: Frame(message))
                #expect(!isLast || vector.result == "complete")
            } catch {
                #expect(isLast && vector.result == "corrupt" && error.code == .corrupt, "frame \(index): \(error)")
                return writer.discard()
            }
        }
        let publication = try writer.publish()
        let copy = bench.receiverRoot + "/copy"
        #expect(try LyingThere.all(at: copy) == vector.tree?.map { $0.path }.sorted())
        for expected in vector.tree ?? [] {
            let found = try LyingThere(expected, at: copy)
            #expect(found == expected, "\(expected.path)")
        }
        #expect(Set(publication.skipped) == (try vector.leftOut))
        #expect(publication.skippedCount == publication.skipped.count)
    }

    @Test("A tree has the listed digest", arguments: DigestVector.all)
    func digest(_ vector: DigestVector) throws {
        try vector.tree.make(at: Array("\(bench.originRoot)/tree".utf8))
        let status = try bench.shared("tree").stat(PathName("tree"), digest: true)
        #expect(status.digest == Hex.bytes(vector.digest))
    }

    @Test("What was fetched lies at the listed place", arguments: PlaceVector.all)
    func place(_ vector: PlaceVector) throws {
        let layout = WorkLayout(root: "/root")
        let place = layout.localPath(
            origin: try WorkName(vector.origin), path: try PathName(Hex.bytes(vector.path)))
        #expect(place.bytes == Array("/root/".utf8) + Hex.bytes(vector.place))
    }

    @Test("The vectors are there")
    func completeness() {
        #expect(TreeVector.all.count > 100 && DigestVector.all.count > 15 && PlaceVector.all.count > 5)
    }
}

/// One of `sequences` in `trees.json` that is no answer to BASE.
struct TreeVector: Decodable, Sendable, CustomTestStringConvertible {
    struct Step: Decodable {
        let hex: String

        func message() throws -> Message {
            var decoder = FrameDecoder(connection: .lane)
            decoder.isGreeted = true
            decoder.feed(ByteBuffer(bytes: Hex.bytes(hex)))
            return try Message(try #require(try decoder.next()))
        }
    }

    let name: String
    let result: String
    let frames: [Step]
    let base: [Base]?
    /// What is there in the end, and what is reported as missing; only of a complete tree.
    let tree: [LyingThere]?
    let skipped: [Skipped]?

    struct Base: Decodable {}

    struct Skipped: Decodable {
        let reason: UInt16
        let path: String
    }

    var leftOut: Set<SkippedEntry> {
        get throws {
            Set(
                try (skipped ?? []).map {
                    SkippedEntry(reason: SkipReason(rawValue: $0.reason), path: try PathName(Hex.bytes($0.path)))
                })
        }
    }

    var testDescription: String { name }

    static let all: [TreeVector] = Vectors.list("sequences", in: "trees").filter { $0.base == nil }
}

/// What a complete tree has at one path.
struct LyingThere: Decodable, Equatable {
    let path: String
    let kind: String
    let mode: UInt16?
    let size: String?
    let mtime_s: String
    let mtime_ns: UInt32
    let target: String?
    /// Of a file with several names: another of them.
    let first: String?

    private static func place(_ path: String, _ top: String) -> String {
        path.isEmpty ? top : top + "/" + String(decoding: Hex.bytes(path), as: UTF8.self)
    }

    private static func status(_ place: String) throws -> stat {
        var status = stat()
        try #require(lstat(place, &status) == 0, "\(place)")
        return status
    }

    /// What is found where `expected` says that there is something.
    init(_ expected: LyingThere, at top: String) throws {
        let place = LyingThere.place(expected.path, top)
        let status = try LyingThere.status(place)
        path = expected.path
        switch status.st_mode & S_IFMT {
        case S_IFREG: kind = "file"
        case S_IFDIR: kind = "directory"
        default: kind = "symlink"
        }
        mode = kind == "symlink" ? nil : UInt16(status.st_mode & 0o7777)
        size = kind == "file" ? "\(status.st_size)" : nil
        mtime_s = "\(status.st_mtim.tv_sec)"
        mtime_ns = UInt32(status.st_mtim.tv_nsec)
        target =
            kind == "symlink" ? Hex.text(try FileManager.default.destinationOfSymbolicLink(atPath: place).utf8) : nil
        if let other = expected.first {
            first = try LyingThere.status(LyingThere.place(other, top)).st_ino == status.st_ino ? other : nil
        } else {
            first = nil
        }
    }

    /// The paths of everything that there is, in hexadecimal digits.
    static func all(at top: String) throws -> [String] {
        guard try status(top).st_mode & S_IFMT == S_IFDIR else { return [""] }
        return ([""] + (try FileManager.default.subpathsOfDirectory(atPath: top))).map { Hex.text($0.utf8) }.sorted()
    }
}

/// One of `digest.json`.
struct DigestVector: Decodable, Sendable, CustomTestStringConvertible {
    struct Node: Decodable {
        let name: String?
        let kind: String
        let mode: UInt16
        let content: String?
        let target: String?
        let children: [Node]?

        func make(at path: [UInt8]) throws {
            let place = path.map { CChar(bitPattern: $0) } + [0]
            let made: CInt
            switch kind {
            case "directory": made = mkdir(place, 0o700)
            case "symlink": made = symlink(Hex.bytes(target ?? "").map { CChar(bitPattern: $0) } + [0], place)
            case "other": made = mkfifo(place, 0o644)
            default:
                let file = open(place, O_WRONLY | O_CREAT, 0o600)
                let bytes = Hex.bytes(content ?? "")
                made = write(file, bytes, bytes.count) == bytes.count ? 0 : -1
                close(file)
            }
            try #require(made == 0)
            for child in children ?? [] { try child.make(at: path + [UInt8(ascii: "/")] + Hex.bytes(child.name ?? "")) }
            if kind != "symlink" { try #require(chmod(place, mode_t(mode)) == 0) }
        }

        /// Whether a user whom modes bind can read it.
        var isReadable: Bool {
            geteuid() == 0
                || (mode & 0o400 != 0 && (children ?? []).allSatisfy { $0.kind == "symlink" || $0.isReadable })
        }
    }

    let name: String
    let tree: Node
    let digest: String

    var testDescription: String { name }

    /// But a link alone: a question about it is one about its target.
    static let all: [DigestVector] = Vectors.list("digests", in: "digest")
        .filter { $0.tree.isReadable && $0.tree.kind != "symlink" }
}

/// One of `places` in `names.json`.
struct PlaceVector: Decodable, Sendable {
    let origin: String
    let path: String
    let place: String

    static let all: [PlaceVector] = Vectors.list("places", in: "names")
}

private enum Vectors {
    /// One list of a file; empty if it cannot be read.
    static func list<Vector: Decodable>(_ list: String, in file: String) -> [Vector] {
        let path = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Protocol/vectors/\(file).json").standardizedFileURL
        do {
            let whole = try JSONSerialization.jsonObject(with: Data(contentsOf: path)) as? [String: Any]
            let part = try JSONSerialization.data(withJSONObject: whole?[list] ?? [])
            return try JSONDecoder().decode([Vector].self, from: part)
        } catch {
            print("\(file).json: \(error)")
            return []
        }
    }
}

private enum Hex {
    static func text(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    static func bytes(_ text: String) -> [UInt8] {
        let digits = text.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
