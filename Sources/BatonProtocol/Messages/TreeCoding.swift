public import NIOCore

/// A piece of the file that was announced last: offset u64, checksum u64, data (chapter 7).
public struct Chunk: Hashable, Sendable {
    public static let headerSize = 16

    /// Where the data belongs in the file. Between the end of the chunk before and this lies a hole.
    public var offset: UInt64
    /// ``Checksum`` of `data`.
    public var checksum: UInt64
    /// 1 to 524,288 bytes.
    public var data: ByteBuffer
    /// The file ends here; a hole may follow up to its size.
    public var isLast: Bool

    public init(offset: UInt64, checksum: UInt64, data: ByteBuffer, isLast: Bool) {
        self.offset = offset
        self.checksum = checksum
        self.data = data
        self.isLast = isLast
    }

    init(_ fields: inout PayloadReader, isLast: Bool) throws(ProtocolViolation) {
        offset = try fields.integer("offset")
        checksum = try fields.integer("checksum")
        data = fields.rest()
        self.isLast = isLast
        guard data.readableBytes >= (isLast ? 1 : Limits.smallestOpenChunk) else {
            throw fields.malformed("data", "is only \(data.readableBytes) bytes long")
        }
        let (_, overflow) = offset.addingReportingOverflow(UInt64(data.readableBytes))
        guard !overflow else { throw fields.malformed("offset", "and data reach past the largest file") }
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(offset, checksum)
        buffer.writeImmutableBuffer(data)
    }
}

extension ByteBuffer {
    /// Writes a CHUNK frame whose data is read straight into this buffer.
    ///
    /// - Parameters:
    ///   - capacity: bytes that `read` may fill.
    ///   - read: fills the start of the memory and returns how many bytes and whether the file ends with them; 0 bytes
    ///     take the frame back.
    /// - Returns: the data bytes written.
    public mutating func writeChunk(
        stream: StreamID, offset: UInt64, capacity: Int,
        reading read: (UnsafeMutableRawBufferPointer) throws(BatonError) -> (count: Int, isLast: Bool)
    ) throws(BatonError) -> Int {
        let start = writerIndex
        let header = FrameHeader.size + Chunk.headerSize
        reserveCapacity(minimumWritableBytes: header + capacity)
        moveWriterIndex(forwardBy: header)
        var outcome: Result<(count: Int, isLast: Bool), BatonError> = .success((0, false))
        var checksum: UInt64 = 0
        writeWithUnsafeMutableBytes(minimumWritableBytes: capacity) { memory in
            let room = UnsafeMutableRawBufferPointer(rebasing: memory.prefix(capacity))
            do throws(BatonError) {
                let (count, isLast) = try read(room)
                checksum = Checksum.of(UnsafeRawBufferPointer(rebasing: room.prefix(count)))
                outcome = .success((count, isLast))
                return count
            } catch {
                outcome = .failure(error)
                return 0
            }
        }
        let count = (try? outcome.get().count) ?? 0
        guard count > 0 else {
            moveWriterIndex(to: start)
            return try outcome.get().count
        }
        let isLast = try outcome.get().isLast
        let end = writerIndex
        moveWriterIndex(to: start)
        writeFrameHeader(.chunk, flags: isLast ? FrameHeader.last : 0, stream: stream, length: Chunk.headerSize + count)
        writeMultipleIntegers(offset, checksum)
        moveWriterIndex(to: end)
        return count
    }
}

extension SkippedEntry {
    /// SKIPPED: reason u16, path bytes16 (chapter 7).
    init(_ fields: inout PayloadReader) throws(ProtocolViolation) {
        let reason = SkipReason(rawValue: try fields.integer("reason"))
        let path = try fields.treePath("path")
        guard !path.isRoot || reason == .attributes else {
            throw fields.malformed("path", "is the top, which cannot be skipped")
        }
        self.init(reason: reason, path: path)
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeInteger(reason.rawValue)
        buffer.write(path)
    }
}

extension TreeEnd {
    /// END: entries u64, bytes u64, skipped u64 (chapter 7).
    init(_ fields: inout PayloadReader) throws(ProtocolViolation) {
        self.init(
            entries: try fields.integer("entries"), bytes: try fields.integer("bytes"),
            skipped: try fields.integer("skipped"))
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(entries, bytes, skipped)
    }
}
