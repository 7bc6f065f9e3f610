import BatonProtocol
import NIOCore
import SystemPackage

@testable import BatonFiles

extension TreeWriter {
    /// A writer of an order with nothing special about it.
    convenience init(
        destination: FilePath, overwrite: Bool, folder: WorkFolder, limits: TreeLimits, calls: FileSystemCalls
    ) throws {
        let source = try Reference("lit://origin@anything")
        try self.init(
            destination: destination, overwrite: overwrite, folder: folder, order: Order(source: source),
            limits: limits, calls: calls)
    }

    /// Takes a message as it is, also one that no frame could carry.
    func receive(_ message: Message) throws(BatonError) { try receive(message, in: Frame(message)) }
}

extension Frame {
    init(_ message: Message) {
        var buffer = ByteBuffer()
        buffer.writeFrame(message, stream: 1)
        buffer.moveReaderIndex(forwardBy: FrameHeader.size)
        self.init(type: message.type, flags: message.flags, stream: 1, payload: buffer)
    }
}

/// Messages of trees that no origin has: written down one by one.
enum Script {
    static let time = Timestamp(seconds: 981_173_106, nanoseconds: 7)

    static func directory(
        _ path: String, mode: UInt16 = 0o755, _ attributes: [ExtendedAttribute] = []
    ) throws -> [Message] {
        [
            .entry(
                TreeEntry(
                    kind: .directory, mode: mode, modified: time, path: try PathName(path), attributes: attributes))
        ]
    }

    /// A file that comes in one piece.
    static func file(
        _ path: String, _ text: String = "", mode: UInt16 = 0o644, _ attributes: [ExtendedAttribute] = []
    ) throws -> [Message] {
        let data = Array(text.utf8)
        let entry = TreeEntry(
            kind: .file, mode: mode, size: UInt64(data.count), modified: time, path: try PathName(path),
            attributes: attributes, isLast: data.isEmpty)
        return [.entry(entry)] + (data.isEmpty ? [] : [chunk(0, data, isLast: true)])
    }

    /// A file whose pieces follow.
    static func open(_ path: String, size: UInt64, mode: UInt16 = 0o644) throws -> [Message] {
        [.entry(TreeEntry(kind: .file, mode: mode, size: size, modified: time, path: try PathName(path)))]
    }

    static func chunk(_ offset: UInt64, _ data: [UInt8], isLast: Bool = false) -> Message {
        let data = ByteBuffer(bytes: data)
        let checksum = data.withUnsafeReadableBytes { Checksum.of($0) }
        return .chunk(Chunk(offset: offset, checksum: checksum, data: data, isLast: isLast))
    }

    static func link(_ path: String, _ target: String) throws -> [Message] {
        [
            .entry(
                TreeEntry(
                    kind: .symbolicLink, mode: 0o777, modified: time, path: try PathName(path),
                    target: Array(target.utf8)))
        ]
    }

    static func hardLink(_ path: String, _ target: String) throws -> [Message] {
        [
            .entry(
                TreeEntry(
                    kind: .hardLink, mode: 0o644, modified: time, path: try PathName(path), target: Array(target.utf8)))
        ]
    }

    static func skipped(_ path: String, _ reason: SkipReason = .socket) throws -> [Message] {
        [.skipped(SkippedEntry(reason: reason, path: try PathName(path)))]
    }

    static func keep(_ path: String) throws -> [Message] { [.keep(try PathName(path))] }

    static func again(_ pass: UInt16) -> [Message] { [.again(pass)] }

    /// The END that fits the messages of a stream.
    static func end(of stream: [Message]) -> [Message] {
        var end = TreeEnd(entries: 0, bytes: 0, skipped: 0)
        for message in stream {
            switch message {
            case .entry: end.entries += 1
            case .chunk(let chunk): end.bytes += UInt64(chunk.data.readableBytes)
            case .skipped: end.skipped += 1
            default: break
            }
        }
        return [.end(end)]
    }
}

/// An origin that has one tree and goes on where it is asked to, if the asker has the same.
struct ScriptedOrigin {
    /// Without END.
    let tree: [Message]

    func stream(from point: ResumePoint?) -> [Message] {
        let rest = point.flatMap { self.rest(after: $0) } ?? tree
        return rest + Script.end(of: rest)
    }

    /// - Returns: `nil` if the asker has something else.
    private func rest(after point: ResumePoint) -> [Message]? {
        var digest = TreeDigest()
        var entries: UInt64 = 0
        for (index, message) in tree.enumerated() {
            if case .chunk = message { continue }
            digest.add(message)
            entries += 1
            guard entries == point.entries else { continue }
            guard digest.value == point.digest else { return nil }
            return Array(
                tree[(index + 1)...].drop { message in
                    guard case .chunk(let chunk) = message else { return false }
                    return point.offset.map { chunk.offset < $0 } ?? true
                })
        }
        return nil
    }
}
