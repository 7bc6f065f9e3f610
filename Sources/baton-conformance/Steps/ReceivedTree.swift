/// A tree as it comes, judged frame by frame (`Protocol/`, chapter 7).
struct ReceivedTree {
    enum Content: Equatable {
        case directory
        /// The data is kept up to a bound.
        case file(size: Int128, data: [UInt8]?)
        case link([UInt8])
        case hardLink([UInt8])
    }

    struct Node {
        var content: Content
        var mode: Int128
        var mtime: Int128
    }

    /// Which rule a frame breaks.
    struct Broken: Error {
        let rule: String
        let what: String
    }

    private(set) var nodes: [[UInt8]: Node] = [:]
    private(set) var skipped: [[UInt8]: Int128] = [:]
    /// The generation of the store that answers.
    private(set) var generation: Int128?
    private(set) var isComplete = false

    private let layouts: Layouts
    private var pass: Int128 = 0
    private var count = 0
    private var last: [UInt8]?
    /// The path of the entry before, if an entry was before.
    private var lastEntry: [UInt8]?
    private var open: (path: [UInt8], size: Int128, next: Int128)?
    /// Directories of this pass.
    private var announced: Set<[UInt8]> = []
    /// What of a directory that was announced in a further pass has not been named.
    private var unnamed: [[UInt8]: Set<[UInt8]>] = [:]

    private static let keptData: Int128 = 1 << 20

    /// - Parameter hasTop: the top, a directory, has come before.
    init(_ layouts: Layouts, hasTop: Bool) {
        self.layouts = layouts
        guard hasTop else { return }
        nodes[[]] = Node(content: .directory, mode: 0, mtime: 0)
        announced = [[]]
        last = []
        count = 1
    }

    mutating func receive(_ frame: Frame, _ tally: Tally) throws {
        guard let message = layouts.message(frame.type),
            let fields = PayloadDecoder.decode(frame.payload, as: message)
        else { throw Broken(rule: "FRM-12", what: "the payload does not fit") }
        let types = layouts.types
        switch frame.type {
        case types.source: try source(fields)
        case types.entry: try entry(fields, isLast: frame.flags & 1 != 0, isKept: frame.flags & 2 != 0)
        case types.chunk: try chunk(fields, isLast: frame.flags & 1 != 0)
        case types.skipped: try skip(fields)
        case types.keep: try keep(fields)
        case types.again: try again(fields)
        case types.end: try end(fields, tally)
        default: throw Broken(rule: "STR-8", what: "\(message.name) on a lane")
        }
        count += 1
    }

    private mutating func source(_ fields: [String: FieldValue]) throws {
        guard count == 0 else { throw Broken(rule: "TRE-49", what: "SOURCE is not the first frame") }
        generation = number(fields, "generation")
    }

    private mutating func entry(_ fields: [String: FieldValue], isLast: Bool, isKept: Bool) throws {
        let path = bytes(fields, "path")
        let kind = number(fields, "kind")
        let size = number(fields, "size")
        let target = bytes(fields, "target")
        guard !isKept || (isLast && kind == 1) else { throw Broken(rule: "TRE-44", what: "KEPT without LAST") }
        if let open {
            guard open.path == path, kind == 1 else { throw Broken(rule: "TRE-12", what: "an entry inside a file") }
            self.open = nil
        } else {
            guard !nodes.isEmpty || path.isEmpty else {
                throw Broken(rule: "TRE-9", what: "the top does not come first")
            }
            try advance(to: path)
        }
        guard number(fields, "mode") <= 0o777, number(fields, "mtime_ns") <= 999_999_999 else {
            throw Broken(rule: "TRE-3", what: "mode or mtime_ns is out of range")
        }
        guard kind == 1 || (size == 0 && !isLast) else {
            throw Broken(rule: size == 0 ? "TRE-26" : "TRE-5", what: "size or LAST of what is no file")
        }
        guard kind == 3 || kind == 5 || target.isEmpty else { throw Broken(rule: "TRE-4", what: "a target of no link") }
        let content: Content
        switch kind {
        case 1:
            guard size > 0 || isLast else { throw Broken(rule: "TRE-6", what: "an empty file without LAST") }
            content = .file(
                size: size,
                data: size <= Self.keptData && !isKept ? [UInt8](repeating: 0, count: Int(clamping: size)) : nil)
            if !isLast { open = (path, size, 0) }
        case 2: content = .directory
        case 3:
            guard (1...4095).contains(target.count) else { throw Broken(rule: "TRE-4", what: "the target of a link") }
            content = .link(target)
        case 5:
            guard case .file? = nodes[target]?.content else {
                throw Broken(rule: "TRE-31", what: "a hard link to what is no file of the tree")
            }
            content = .hardLink(target)
        default: throw Broken(rule: "TRE-3", what: "kind \(kind)")
        }
        place(Node(content: content, mode: number(fields, "mode"), mtime: number(fields, "mtime_s")), at: path)
        lastEntry = path
    }

    private mutating func place(_ node: Node, at path: [UInt8]) {
        if node.content == .directory {
            if case .directory? = nodes[path]?.content {
                if pass > 0 { unnamed[path] = Set(nodes.keys.filter { Self.parent($0) == path && !$0.isEmpty }) }
            } else {
                remove(path)
            }
            announced.insert(path)
        } else {
            remove(path)
        }
        nodes[path] = node
        skipped[path] = nil
    }

    private mutating func remove(_ path: [UInt8]) {
        let below = path.isEmpty ? [] : path + [UInt8(ascii: "/")]
        nodes = nodes.filter { $0.key != path && !$0.key.starts(with: below) }
        unnamed[path] = nil
    }

    private mutating func chunk(_ fields: [String: FieldValue], isLast: Bool) throws {
        guard let open else { throw Broken(rule: "TRE-12", what: "a chunk without an open file") }
        let offset = number(fields, "offset")
        let data = bytes(fields, "data")
        guard !data.isEmpty, isLast || data.count >= 512 else { throw Broken(rule: "TRE-7", what: "a tiny chunk") }
        guard number(fields, "checksum") == Int128(checksum(data)) else {
            throw Broken(rule: "TRE-19", what: "a checksum is wrong")
        }
        let end = offset + Int128(data.count)
        guard offset >= open.next, end <= open.size else { throw Broken(rule: "TRE-13", what: "a chunk out of place") }
        if case .file(let size, var kept?)? = nodes[open.path]?.content {
            nodes[open.path]?.content = .directory
            kept.replaceSubrange(Int(offset)..<Int(end), with: data)
            nodes[open.path]?.content = .file(size: size, data: kept)
        }
        self.open = isLast ? nil : (open.path, open.size, end)
    }

    private mutating func skip(_ fields: [String: FieldValue]) throws {
        guard open == nil else { throw Broken(rule: "TRE-12", what: "SKIPPED inside a file") }
        let path = bytes(fields, "path")
        let reason = number(fields, "reason")
        if reason == 5 {
            guard lastEntry == path else { throw Broken(rule: "TRE-10", what: "SKIPPED is not of the entry before") }
        } else {
            guard !path.isEmpty else { throw Broken(rule: "TRE-2", what: "SKIPPED of the top") }
            try advance(to: path)
            remove(path)
        }
        skipped[path] = reason
        lastEntry = nil
    }

    private mutating func keep(_ fields: [String: FieldValue]) throws {
        guard open == nil else { throw Broken(rule: "TRE-12", what: "KEEP inside a file") }
        let path = bytes(fields, "path")
        guard pass > 0, nodes[path] != nil || skipped[path] != nil, announced.contains(Self.parent(path)) else {
            throw Broken(rule: "TRE-33", what: "KEEP of what is not there, or in a directory that has not come")
        }
        try advance(to: path)
        lastEntry = nil
    }

    private mutating func again(_ fields: [String: FieldValue]) throws {
        pass += 1
        guard !nodes.isEmpty, number(fields, "pass") == pass else { throw Broken(rule: "TRE-32", what: "the pass") }
        if let open { remove(open.path) }
        open = nil
        last = nil
        lastEntry = nil
        announced = []
    }

    private mutating func end(_ fields: [String: FieldValue], _ tally: Tally) throws {
        guard !nodes.isEmpty, open == nil else { throw Broken(rule: "TRE-14", what: "END before its time") }
        guard number(fields, "entries") == Int128(tally.entries), number(fields, "bytes") == Int128(tally.bytes),
            number(fields, "skipped") == Int128(tally.skipped)
        else {
            throw Broken(
                rule: "TRE-27",
                what: "END counts other than \(tally.entries) entries, \(tally.bytes) bytes, \(tally.skipped) skipped")
        }
        for path in unnamed.values.flatMap({ $0 }) { remove(path) }
        isComplete = true
    }

    /// The next path of this pass.
    private mutating func advance(to path: [UInt8]) throws {
        if let last, !Self.rises(last, path) { throw Broken(rule: "TRE-10", what: "paths do not rise") }
        if !path.isEmpty {
            guard case .directory? = nodes[Self.parent(path)]?.content else {
                throw Broken(rule: "TRE-11", what: "no directory is above \(FrameText.text(.bytes(path)))")
            }
            unnamed[Self.parent(path)]?.remove(path)
        }
        last = path
    }

    /// `/` sorts before every other byte, and no path holds a NUL.
    private static func rises(_ first: [UInt8], _ second: [UInt8]) -> Bool {
        let key: (UInt8) -> UInt8 = { $0 == UInt8(ascii: "/") ? 0 : $0 }
        return first.lazy.map(key).lexicographicallyPrecedes(second.lazy.map(key))
    }

    private static func parent(_ path: [UInt8]) -> [UInt8] {
        path.lastIndex(of: UInt8(ascii: "/")).map { Array(path[..<$0]) } ?? []
    }

    private func number(_ fields: [String: FieldValue], _ name: String) -> Int128 {
        if case .number(let number)? = fields[name] { number } else { 0 }
    }

    private func bytes(_ fields: [String: FieldValue], _ name: String) -> [UInt8] {
        if case .bytes(let bytes)? = fields[name] { bytes } else { [] }
    }
}
