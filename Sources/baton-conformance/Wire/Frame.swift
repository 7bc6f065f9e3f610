/// A frame that has come.
struct Frame {
    static let headerSize = 12

    var type: UInt8
    var flags: UInt8
    var reserved: UInt16
    var stream: UInt32
    var payload: [UInt8]
    var arrived: ContinuousClock.Instant

    /// Reads the frame that begins at `offset`, and moves it behind; nil if it is not there in full.
    init?(_ bytes: [UInt8], at offset: inout Int, arrived: ContinuousClock.Instant) {
        let body = offset + Frame.headerSize
        guard bytes.count >= body else { return nil }
        let length = Int(BigEndian.read(bytes[offset..<offset + 4]))
        guard bytes.count - body >= length else { return nil }
        type = bytes[offset + 4]
        flags = bytes[offset + 5]
        reserved = UInt16(BigEndian.read(bytes[offset + 6..<offset + 8]))
        stream = UInt32(BigEndian.read(bytes[offset + 8..<offset + 12]))
        payload = Array(bytes[body..<body + length])
        self.arrived = arrived
        offset = body + length
    }

    /// Header and payload.
    static func encode(
        type: UInt8, flags: UInt8 = 0, reserved: UInt16 = 0, stream: UInt32, payload: [UInt8], length: UInt32? = nil
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(headerSize + payload.count)
        BigEndian.append(UInt64(length ?? UInt32(truncatingIfNeeded: payload.count)), width: 4, to: &bytes)
        bytes.append(type)
        bytes.append(flags)
        BigEndian.append(UInt64(reserved), width: 2, to: &bytes)
        BigEndian.append(UInt64(stream), width: 4, to: &bytes)
        bytes += payload
        return bytes
    }
}
