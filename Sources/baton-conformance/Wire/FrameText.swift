/// Frames for people: the fields by their layout, or the bytes.
struct FrameText {
    let layouts: Layouts

    func callAsFunction(_ frame: Frame) -> String {
        describe(
            type: frame.type, flags: frame.flags, reserved: frame.reserved, stream: frame.stream, payload: frame.payload
        )
    }

    /// Of bytes that were sent: whatever they are.
    func sent(_ bytes: [UInt8]) -> String {
        guard bytes.count >= Frame.headerSize else { return "the bytes \(Hex.text(bytes))" }
        let length = Int(BigEndian.read(bytes[0..<4]))
        let payload = Array(bytes[Frame.headerSize...])
        let text = describe(
            type: bytes[4], flags: bytes[5], reserved: UInt16(BigEndian.read(bytes[6..<8])),
            stream: UInt32(BigEndian.read(bytes[8..<12])), payload: payload)
        return text + (length == payload.count ? "" : " (length \(length))") + " [\(Hex.text(bytes))]"
    }

    private func describe(type: UInt8, flags: UInt8, reserved: UInt16, stream: UInt32, payload: [UInt8]) -> String {
        let message = layouts.message(type)
        var text = "\(message?.name ?? "type \(type)") stream \(stream)"
        if flags != 0 { text += " flags \(flags)" }
        if reserved != 0 { text += " reserved \(reserved)" }
        guard let message, let values = PayloadDecoder.decode(payload, as: message) else {
            return "\(text) payload \(Hex.text(payload))"
        }
        let fields = message.fields.compactMap { field in
            values[field.name].map { "\(field.name)=\(Self.text($0, field.kind))" }
        }
        return ([text] + fields).joined(separator: " ")
    }

    static func text(_ value: FieldValue, _ kind: Layouts.Kind? = nil) -> String {
        switch value {
        case .number(let number):
            guard case .number(_, _, let names)? = kind, let name = names.first(where: { $0.value == number })?.key
            else {
                return "\(number)"
            }
            return name
        case .bytes(let bytes):
            let isPlain = bytes.allSatisfy { (0x20..<0x7F).contains($0) && $0 != UInt8(ascii: "\"") }
            return isPlain && bytes.count <= 200
                ? "\"\(String(decoding: bytes, as: UTF8.self))\"" : "0x\(Hex.text(bytes))"
        case .list(let items):
            guard case .list(let fields)? = kind else { return "\(items.count) items" }
            let texts = items.prefix(8).map { item in
                let values = fields.compactMap { field in
                    item[field.name].map { "\(field.name)=\(text($0, field.kind))" }
                }
                return "{\(values.joined(separator: " "))}"
            }
            return "[\(texts.joined(separator: " "))\(items.count > 8 ? " … \(items.count)" : "")]"
        }
    }
}
