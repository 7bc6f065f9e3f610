public import NIOCore

/// Cuts a stream of bytes into frames (chapter 2). A value without I/O: bytes in, frames out.
///
/// A frame that lies whole in what was fed shares its memory; only one that straddles two feeds is copied, once. Every
/// header is judged before memory is set aside for its payload.
public struct FrameDecoder: Sendable {
    /// `nil` as long as a relay does not know yet whether HELLO or JOIN will come.
    public var connection: ConnectionKind?
    /// Set once hello (or join) has been answered: until then frames are small.
    public var isGreeted = false

    private var fed = ByteBuffer()
    /// A frame that began in an earlier feed, with room for all of it.
    private var straddling: (header: FrameHeader, payload: ByteBuffer)?
    /// Fewer than 12 bytes of a header that straddles feeds.
    private var partialHeader = ByteBuffer()

    public init(connection: ConnectionKind?) {
        self.connection = connection
    }

    /// Takes the next bytes. They share their memory if all frames of the last feed have been taken; else they are copied.
    public mutating func feed(_ bytes: ByteBuffer) {
        if fed.readableBytes == 0 { fed = bytes } else { fed.writeImmutableBuffer(bytes) }
    }

    /// Whether everything that was fed has been handed out.
    public var isEmpty: Bool { fed.readableBytes == 0 && straddling == nil && partialHeader.readableBytes == 0 }

    /// The next whole frame, or `nil` until more is fed.
    ///
    /// - Throws: ``ProtocolViolation``; after that the connection is of no use.
    public mutating func next() throws(ProtocolViolation) -> Frame? {
        if let header = straddling?.header, var payload = straddling?.payload {
            straddling = nil
            let missing = min(header.length - payload.readableBytes, fed.readableBytes)
            if var part = fed.readSlice(length: missing) { payload.writeBuffer(&part) }
            return finish(header, payload)
        }
        guard let header = try nextHeader() else { return nil }
        if let payload = fed.readSlice(length: header.length) {
            return Frame(type: header.type, flags: header.flags, stream: header.stream, payload: payload)
        }
        var payload = ByteBuffer()
        payload.reserveCapacity(header.length)
        payload.writeBuffer(&fed)
        return finish(header, payload)
    }

    private mutating func finish(_ header: FrameHeader, _ payload: ByteBuffer) -> Frame? {
        guard payload.readableBytes == header.length else {
            straddling = (header, payload)
            return nil
        }
        return Frame(type: header.type, flags: header.flags, stream: header.stream, payload: payload)
    }

    private mutating func nextHeader() throws(ProtocolViolation) -> FrameHeader? {
        let cap = (isGreeted ? connection?.largestPayload : nil) ?? Limits.greetingPayload
        guard partialHeader.readableBytes > 0 || fed.readableBytes < FrameHeader.size else {
            return try FrameHeader(reading: &fed, on: connection, cap: cap)
        }
        let missing = min(FrameHeader.size - partialHeader.readableBytes, fed.readableBytes)
        if var part = fed.readSlice(length: missing) { partialHeader.writeBuffer(&part) }
        guard partialHeader.readableBytes == FrameHeader.size else { return nil }
        defer { partialHeader.clear() }
        return try FrameHeader(reading: &partialHeader, on: connection, cap: cap)
    }
}
