import BatonProtocol
import NIOCore

/// An input read as the lane frames of a tree: near enough to what a sender says that much of it is taken, and not so near that
/// nothing is wrong.
struct TreeScript {
    /// A frame as it would come on the lane, or something that the stream's owner does.
    enum Step {
        case frame(Frame)
        /// What came breaks off, and another stream begins: it goes on, or begins anew.
        case newStream
        /// The writer is left, and another one takes up what lies there.
        case newWriter
    }

    private var choices: Choices
    private var sent = TreeEnd(entries: 0, bytes: 0, skipped: 0)
    private var pass: UInt16 = 0
    /// Which of ``paths`` came last.
    private var place = 0
    private var file: (size: UInt64, position: UInt64)?

    init(_ choices: Choices) { self.choices = choices }

    mutating func next() -> Step? {
        guard !choices.isAtEnd else { return nil }
        let step = choices.byte()
        switch step & 15 {
        case 0, 1: return entry(.directory, step)
        case 2, 3, 4: return entry(.file, step)
        case 5: return entry(.symbolicLink, step)
        case 6: return entry(.hardLink, step)
        case 7, 8: return chunk(step)
        case 9:
            sent.skipped += 1
            let reason = SkipReason(rawValue: UInt16(step >> 4))
            return frame(.skipped(SkippedEntry(reason: reason, path: step == 0x59 ? current : path())))
        case 10: return frame(.keep(path()))
        case 11:
            pass = step & 16 == 0 ? pass &+ 1 : choices.integer()
            (place, file) = (0, nil)
            return frame(.again(pass))
        case 12: return frame(.end(step & 16 == 0 ? sent : TreeEnd(entries: choices.integer(), bytes: 0, skipped: 0)))
        case 13: return raw()
        case 14:
            sent = TreeEnd(entries: 0, bytes: 0, skipped: 0)
            if step & 16 == 0 { return .newStream }
            return step & 32 == 0 ? .newWriter : frame(.source(UInt64(step >> 6)))
        default:
            place = Int(step >> 4)
            return entry(.directory, 0)
        }
    }

    /// The step of an input by which this frame comes.
    static func step(_ frame: Vectors.Frame) -> [UInt8] {
        let length = [
            UInt8(truncatingIfNeeded: frame.payload.count >> 8), UInt8(truncatingIfNeeded: frame.payload.count),
        ]
        return [13, frame.type, frame.flags] + length + frame.payload
    }

    private func frame(_ message: Message) -> Step { .frame(Frame(message, stream: 7)) }

    /// Any bytes as the payload; those of a CHUNK with the right checksum, which nobody finds by trying.
    private mutating func raw() -> Step {
        let type = FrameType(rawValue: choices.byte()) ?? .entry
        let flags = choices.byte()
        var payload = ByteBuffer(bytes: choices.bytes(Int(choices.integer(as: UInt16.self)) % 4096))
        if type == .chunk, flags & 0x80 == 0, payload.readableBytes > Chunk.headerSize {
            let data = ByteBuffer(bytes: payload.readableBytesView.dropFirst(Chunk.headerSize))
            payload.setInteger(data.withUnsafeReadableBytes { Checksum.of($0) }, at: payload.readerIndex + 8)
        }
        return .frame(Frame(type: type, flags: flags & 3, stream: 7, payload: payload))
    }

    private mutating func entry(_ kind: EntryKind, _ step: UInt8) -> Step {
        let path = step & 0x80 == 0 ? path() : current
        let size = kind == .file ? [0, 1, 600, 5000, 700_000, UInt64.max >> 1, 512, 16][Int(step >> 4 & 7)] : 0
        let style = choices.byte()
        let isLast = kind == .file && (size == 0 || style & 0xF0 == 0x40)
        var entry = TreeEntry(
            kind: kind, mode: [0o644, 0o755, 0o700, 0o500, 0, 0o777, 0o200, 0o1000][Int(style & 7)], size: size,
            modified: Timestamp(seconds: Int64(style), nanoseconds: 7), version: 1, path: path, isLast: isLast,
            isKept: isLast && style & 8 != 0)
        switch kind {
        case .symbolicLink: entry.target = choices.one(of: TreeScript.targets)
        case .hardLink: entry.target = TreeScript.paths[Int(choices.byte()) % TreeScript.paths.count].bytes
        default: break
        }
        if style & 0xF0 == 0xE0 {
            entry.attributes = [ExtendedAttribute(name: Array("user.a".utf8), value: [style])]
        } else if style & 0xF0 == 0xF0 {
            let access = ExtendedAttribute(name: Array("system.posix_acl_access".utf8), value: [style])
            entry.attributes = [access, ExtendedAttribute(name: Array("user.b".utf8), value: [])]
        }
        file = kind == .file && !isLast ? (size, 0) : nil
        sent.entries += 1
        return frame(.entry(entry))
    }

    private mutating func chunk(_ step: UInt8) -> Step {
        let position = file?.position ?? 0
        let left = (file?.size ?? 600) &- position
        let offset = position &+ [0, 0, 0, 1, 4096, UInt64.max - 4096, left, left &- 1][Int(step >> 4 & 7)]
        let wanted = [left, left, 512, 1, 511, left &+ 1, 513, 16][Int(choices.byte() & 7)]
        let count = min(wanted, 8192)
        let isLast = offset &+ count == file?.size || step & 0x88 == 0x88
        let data = ByteBuffer(repeating: step, count: Int(count))
        let checksum = data.withUnsafeReadableBytes { Checksum.of($0) }
        sent.bytes += count
        if isLast { file = nil } else { file?.position = offset &+ count }
        return frame(.chunk(Chunk(offset: offset, checksum: step == 0xF7 ? 0 : checksum, data: data, isLast: isLast)))
    }

    private var current: PathName { TreeScript.paths[place % TreeScript.paths.count] }

    /// Mostly one that comes after the last.
    private mutating func path() -> PathName {
        let choice = Int(choices.byte())
        place = choice < 0xC0 ? (sent.entries + sent.skipped == 0 ? choice : place + choice & 7) : choice & 31
        return current
    }

    /// In tree order, with names that are prefixes of one another and such as Baton uses itself.
    private static let paths: [PathName] = [
        "", ".baton", ".baton/stages", "a", "a/b", "a/b/c", "a/b/c/d", "a/c", "a!", "ab", "b", "b/a", "b/b", "c", "c/x",
        "c/x/y", "d", "e", "é", "/a", "outside", "outside/file",
    ].compactMap { try? PathName(Array($0.utf8)) }

    private static let targets: [[UInt8]] = [
        "b", "..", "../outside", "/", "/tmp", "a/b", ".", "../../outside/file", "", "x\u{0}y",
    ].map { Array($0.utf8) }
}
