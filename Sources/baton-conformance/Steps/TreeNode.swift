internal import Glibc

/// What a case says of one path of a tree that it has received.
struct TreeNode {
    let text: String
    private let isDirectory: Bool
    private let content: [UInt8]?
    private let size: Int?
    private let link: [UInt8]?
    private let hardLink: [UInt8]?
    private let mode: mode_t?
    private let mtime: Int?
    private let skipped: Int?

    init(_ json: JSON, _ layouts: Layouts) throws {
        text = json.text
        var members = json
        if json == .string("directory") { members = .object(["directory": .bool(true)]) }
        var keys = try Keys(members, layouts)
        isDirectory = try keys.flag("directory")
        content = try keys.stringIfThere("text").map { Array($0.utf8) }
        size = try keys.numberIfThere("size", in: 0...Int.max)
        link = try keys.stringIfThere("link").map { Array($0.utf8) }
        hardLink = try keys.stringIfThere("hard_link").map { Array($0.utf8) }
        mode = try keys.mode()
        mtime = try keys.numberIfThere("mtime", in: Int.min...Int.max)
        skipped = try keys.numberIfThere("skipped", in: 0...0xFFFF)
        try keys.end()
    }

    /// Whether it may be of any kind.
    private var isFree: Bool { !isDirectory && content == nil && size == nil && link == nil && hardLink == nil }

    /// Nil if it is as it should be.
    func difference(from tree: ReceivedTree, at path: [UInt8]) -> String? {
        if let skipped {
            let reason = tree.skipped[path]
            return reason == Int128(skipped) ? nil : reason.map { "skipped for \($0)" } ?? "it was not skipped"
        }
        guard let node = tree.nodes[path] else { return "nothing is there" }
        if let mode, node.mode != Int128(mode) { return "mode \(String(node.mode, radix: 8))" }
        if let mtime, node.mtime != Int128(mtime) { return "mtime \(node.mtime)" }
        switch node.content {
        case .directory:
            return content == nil && size == nil && link == nil && hardLink == nil ? nil : "a directory"
        case .file(let found, let data):
            if isDirectory || link != nil || hardLink != nil { return "a file" }
            if let size, found != Int128(size) { return "a file of \(found) bytes" }
            if let content, content != data {
                return "a file with \(data.map { FrameText.text(.bytes($0)) } ?? "more")"
            }
        case .link(let target):
            guard isFree || link == target else { return "a link to \(FrameText.text(.bytes(target)))" }
        case .hardLink(let target):
            guard isFree || hardLink == target else { return "a hard link to \(FrameText.text(.bytes(target)))" }
        }
        return nil
    }
}
