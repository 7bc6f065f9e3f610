import BatonFiles
import BatonProtocol
import Foundation
import SystemPackage

@testable import BatonFiles

/// A directory for the targets that need a disk, in memory where the machine has such a place. There is a work's folder in it,
/// and beside it what nobody may touch.
final class Scratch: Sendable {
    static let shared: Scratch? = try? Scratch()

    let folder: WorkFolder
    /// What a sender may announce as KEPT: two files of 600 bytes, `a` and `b/a`.
    let base: BaseTree
    private let top: Descriptor
    private let outside: Descriptor
    private let secret: Descriptor
    private let input: Descriptor

    private init() throws {
        let memory = "/dev/shm"
        let place = access(memory, W_OK) == 0 ? memory : FileManager.default.temporaryDirectory.path
        let path = place + "/baton-fuzz-\(getpid())"
        try? FileManager.default.removeItem(atPath: path)
        folder = try WorkFolder(root: FilePath(path + "/work"))
        top = try Descriptor.place(of: FileName(Array(path.utf8))).directory(.current)
        outside = try top.createDirectory("outside")
        secret = try outside.createFile("file")
        try secret.write(Array("nobody touches this".utf8), at: 0)
        _ = try top.createFile("input")
        input = try top.fileForWriting("input")
        base = BaseTree(directory: top, name: "base")
        let kept = try top.createDirectory("base")
        for directory in [kept, try kept.createDirectory("b")] {
            let file = try directory.createFile("a")
            try file.write([UInt8](repeating: 1, count: 600), at: 0)
            try file.setMode(0o644)
            try file.setModified(Timestamp(seconds: 0x48, nanoseconds: 7))
        }
        atexit { Scratch.remove() }
    }

    private static func remove() {
        for place in ["/dev/shm", FileManager.default.temporaryDirectory.path] {
            try? FileManager.default.removeItem(atPath: place + "/baton-fuzz-\(getpid())")
        }
    }

    var destination: FilePath { folder.root.appending("copy") }

    /// A file that holds these bytes until the next call.
    func file(_ bytes: [UInt8]) throws -> Descriptor {
        try input.setSize(0)
        try input.write(bytes, at: 0)
        return input
    }

    /// Everything beside the work's folder: no change there goes unseen.
    var surroundings: [UInt64] {
        get throws { [try outside.status().version, try secret.status().version, try top.status().version] }
    }

    /// What lies in the work's folder, and under way in it.
    var leftovers: [String] {
        [folder.directory, folder.stages, folder.swaps].flatMap { directory in
            directory.names().map { String(decoding: $0.bytes, as: UTF8.self) }
        }
    }

    /// Regular files at the destination, hard links once, and their bytes.
    func measure() throws -> (files: UInt64, bytes: UInt64) {
        var seen: Set<FileIdentity> = []
        var bytes: UInt64 = 0
        func measure(_ name: FileName, in directory: Descriptor) throws {
            let status = try directory.status(of: name)
            switch status.kind {
            case .directory:
                if status.mode & 0o500 != 0o500 { try directory.place(of: name).setModeOfPlace(0o700) }
                let inner = try directory.directory(name)
                for name in inner.names() { try measure(name, in: inner) }
            case .file where seen.insert(status.identity).inserted: bytes += status.size
            default: break
            }
        }
        try measure("copy", in: folder.directory)
        return (UInt64(seen.count), bytes)
    }

    func removeDestination() throws { try folder.directory.removeTree("copy") }
}
