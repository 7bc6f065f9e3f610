import NIOCore

/// Reads the fields of one payload. Whatever is too short or out of range is a ``ProtocolViolation`` that names the field;
/// a tail after the last known field is left unread, so that later versions can append to a message (chapter 2).
struct PayloadReader {
    private var payload: ByteBuffer
    private let message: FrameType

    init(_ frame: Frame) {
        payload = frame.payload
        message = frame.type
    }

    func malformed(_ field: String, _ flaw: String) -> ProtocolViolation {
        .malformed("\(message): \(field) \(flaw)")
    }

    mutating func integer<T: FixedWidthInteger>(_ field: String, as type: T.Type = T.self) throws(ProtocolViolation)
        -> T
    {
        guard let value = payload.readInteger(as: T.self) else { throw malformed(field, "is cut short") }
        return value
    }

    mutating func flag(_ field: String) throws(ProtocolViolation) -> Bool {
        let value: UInt8 = try integer(field)
        guard value <= 1 else { throw malformed(field, "is \(value), neither 0 nor 1") }
        return value == 1
    }

    /// An enumeration that is closed in this version.
    mutating func value<T: RawRepresentable>(
        _ field: String, as type: T.Type = T.self
    ) throws(ProtocolViolation) -> T where T.RawValue == UInt8 {
        let raw: UInt8 = try integer(field)
        guard let value = T(rawValue: raw) else { throw malformed(field, "is \(raw), which means nothing") }
        return value
    }

    /// An options byte; bits that are not `known` must be 0.
    mutating func options(_ field: String, known: UInt8) throws(ProtocolViolation) -> UInt8 {
        let raw: UInt8 = try integer(field)
        guard raw & ~known == 0 else { throw malformed(field, "has unknown bits set") }
        return raw
    }

    mutating func bytes<Length: FixedWidthInteger>(
        _ field: String, length: Length.Type, atMost cap: Int
    ) throws(ProtocolViolation) -> [UInt8] {
        guard let count: Length = payload.readInteger(), let bytes = payload.readBytes(length: Int(clamping: count))
        else {
            throw malformed(field, "is cut short")
        }
        guard bytes.count <= cap else { throw malformed(field, "is longer than \(cap) bytes") }
        return bytes
    }

    mutating func bytes<Length: FixedWidthInteger>(
        _ field: String, length: Length.Type, exactly count: Int
    ) throws(ProtocolViolation) -> [UInt8] {
        let bytes = try bytes(field, length: length, atMost: count)
        guard bytes.count == count else { throw malformed(field, "is not \(count) bytes long") }
        return bytes
    }

    mutating func text<Length: FixedWidthInteger>(
        _ field: String, length: Length.Type, atMost cap: Int
    ) throws(ProtocolViolation) -> String {
        let bytes = try bytes(field, length: length, atMost: cap)
        guard let text = String(validating: bytes, as: UTF8.self) else { throw malformed(field, "is not UTF-8") }
        return text
    }

    mutating func path(_ field: String) throws(ProtocolViolation) -> PathName {
        let bytes = try bytes(field, length: UInt16.self, atMost: Limits.path)
        do { return try PathName(bytes) } catch { throw malformed(field, "is refused: \(error)") }
    }

    /// A path that must not be absolute: one inside a tree.
    mutating func treePath(_ field: String) throws(ProtocolViolation) -> PathName {
        let path = try path(field)
        guard !path.isAbsolute else { throw malformed(field, "is absolute") }
        return path
    }

    func judge(component: [UInt8], _ field: String) throws(ProtocolViolation) {
        do { _ = try PathName.root.appending(component) } catch { throw malformed(field, "is refused: \(error)") }
    }

    /// What the top of a tree can be.
    mutating func treeKind(_ field: String) throws(ProtocolViolation) -> EntryKind {
        let kind: EntryKind = try value(field)
        guard kind != .other, kind != .hardLink else { throw malformed(field, "cannot be the top of a tree") }
        return kind
    }

    mutating func name(_ field: String) throws(ProtocolViolation) -> WorkName? {
        let text = try text(field, length: UInt8.self, atMost: Limits.name)
        if text.isEmpty { return nil }
        do { return try WorkName(text) } catch { throw malformed(field, "is refused: \(error)") }
    }

    mutating func requiredName(_ field: String) throws(ProtocolViolation) -> WorkName {
        guard let name = try name(field) else { throw malformed(field, "is empty") }
        return name
    }

    mutating func mode(_ field: String) throws(ProtocolViolation) -> UInt16 {
        let mode: UInt16 = try integer(field)
        guard mode <= 0o777 else { throw malformed(field, "has more than permission bits") }
        return mode
    }

    mutating func timestamp(_ field: String) throws(ProtocolViolation) -> Timestamp {
        let seconds: Int64 = try integer(field)
        let nanoseconds: UInt32 = try integer(field)
        guard nanoseconds < 1_000_000_000 else { throw malformed(field, "has a second's worth of nanoseconds or more") }
        return Timestamp(seconds: seconds, nanoseconds: nanoseconds)
    }

    /// Whether a field that writers may leave out was left out.
    var isAtEnd: Bool { payload.readableBytes == 0 }

    /// The number of a generation: from 1.
    mutating func generation(_ field: String = "generation") throws(ProtocolViolation) -> UInt64 {
        let generation: UInt64 = try integer(field)
        guard generation > 0 else { throw malformed(field, "is 0") }
        return generation
    }

    /// What is left: the data of a CHUNK.
    mutating func rest() -> ByteBuffer {
        payload.readSlice(length: payload.readableBytes) ?? ByteBuffer()
    }
}

extension ByteBuffer {
    mutating func write<Length: FixedWidthInteger>(bytes: some Collection<UInt8>, length: Length.Type) {
        let kept = bytes.prefix(Int(clamping: Length.max))
        writeInteger(Length(truncatingIfNeeded: kept.count))
        writeBytes(kept)
    }

    /// Text is cut at a character, never in one, if it is longer than `cap` bytes.
    mutating func write<Length: FixedWidthInteger>(text: String, length: Length.Type, atMost cap: Int) {
        var kept = text
        while kept.utf8.count > cap { kept.removeLast() }
        write(bytes: kept.utf8, length: length)
    }

    mutating func write(_ path: PathName) { write(bytes: path.bytes, length: UInt16.self) }

    mutating func write(_ name: WorkName?) {
        write(bytes: (name?.description ?? "").utf8, length: UInt8.self)
    }

    mutating func write(_ time: Timestamp) { writeMultipleIntegers(time.seconds, time.nanoseconds) }

    mutating func write(_ flag: Bool) { writeInteger(UInt8(flag ? 1 : 0)) }
}
