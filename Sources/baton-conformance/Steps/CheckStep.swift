internal import Foundation
internal import Glibc

/// `check`: what lies in the agent's root directory.
struct CheckStep: Step {
    private let place: Place
    private let isMissing: Bool
    private let content: [UInt8]?
    private let size: Int?
    private let fillerSize: Int?
    private let link: String?
    private let mode: mode_t?
    private let kind: String?
    private let mtime: Int?
    private let names: [String]?

    init(from keys: inout Keys) throws {
        place = try Place("check", from: &keys)
        isMissing = try keys.flag("missing")
        content = try keys.stringIfThere("text").map { Array($0.utf8) }
        fillerSize = try keys.numberIfThere("size", in: 0...(1 << 32))
        size = try keys.numberIfThere("bytes", in: 0...Int.max)
        link = try keys.stringIfThere("link")
        mode = try keys.mode()
        kind = try keys.stringIfThere("kind")
        mtime = try keys.numberIfThere("mtime", in: Int.min...Int.max)
        names = try keys.strings("names")?.sorted()
        if let kind, Self.kinds[kind] == nil {
            throw CaseError("\"kind\" takes \(Self.kinds.keys.sorted().joined(separator: ", "))")
        }
    }

    private static let kinds: [String: mode_t] = [
        "file": S_IFREG, "directory": S_IFDIR, "symlink": S_IFLNK, "link": S_IFLNK, "socket": S_IFSOCK, "fifo": S_IFIFO,
    ]

    func run(in world: World) throws {
        let path = place.absolute(in: world)
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if isMissing { return }
            throw StepFailure(expected: "something at \(path)", came: Sockets.reason())
        }
        let type = status.st_mode & S_IFMT
        guard !isMissing else { throw StepFailure(expected: "nothing at \(path)", came: "something is there") }
        if let kind, type != Self.kinds[kind] {
            let found = Self.kinds.first { $0.value == type }?.key ?? "another kind"
            throw StepFailure(expected: kind, came: found)
        }
        if let mode, status.st_mode & 0o7777 != mode {
            throw StepFailure(
                expected: "mode \(String(mode, radix: 8))", came: String(status.st_mode & 0o7777, radix: 8))
        }
        if let size, status.st_size != size {
            throw StepFailure(expected: "\(size) bytes", came: "\(status.st_size)")
        }
        if let mtime, status.st_mtim.tv_sec != mtime {
            throw StepFailure(expected: "mtime \(mtime)", came: "\(status.st_mtim.tv_sec)")
        }
        if let link {
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path)
            guard target == link else { throw StepFailure(expected: "a link to \(link)", came: target ?? "no link") }
        }
        if let wanted = content ?? fillerSize.map({ Filler.bytes(0..<$0) }) {
            let found = FileManager.default.contents(atPath: path)
            guard found == Data(wanted) else {
                throw StepFailure(
                    expected: "a file with \(FrameText.text(.bytes(wanted)))",
                    came: found.map { FrameText.text(.bytes(Array($0))) } ?? "no file that can be read")
            }
        }
        if let names {
            let found = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [])
                .filter { !$0.hasPrefix(".baton") }.sorted()
            guard found == names else { throw StepFailure(expected: "the names \(names)", came: "\(found)") }
        }
    }
}
