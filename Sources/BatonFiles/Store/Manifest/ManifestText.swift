import BatonProtocol

/// The fields of a manifest's lines. What is read is judged as strictly as if a peer had sent it: each value has one form.
enum ManifestText {
    static func decimal(_ text: ArraySlice<UInt8>) -> UInt64? {
        guard let first = text.first, first != UInt8(ascii: "0") || text.count == 1 else { return nil }
        return digits(text)
    }

    /// Leading zeros allowed.
    private static func digits(_ text: ArraySlice<UInt8>) -> UInt64? {
        guard !text.isEmpty else { return nil }
        var value: UInt64 = 0
        for byte in text {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow) = product.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
            if isTooLarge || overflow { return nil }
            value = sum
        }
        return value
    }

    /// Four octal digits.
    static func mode(_ text: ArraySlice<UInt8>) -> UInt16? {
        guard text.count == 4, text.first == UInt8(ascii: "0") else { return nil }
        var mode: UInt16 = 0
        for byte in text {
            guard (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(byte) else { return nil }
            mode = mode << 3 | UInt16(byte - UInt8(ascii: "0"))
        }
        return mode
    }

    /// Seconds since 1970, which may be negative, and nine digits of nanoseconds that count forwards from them.
    static func timestamp(_ text: ArraySlice<UInt8>) -> Timestamp? {
        guard let dot = text.firstIndex(of: UInt8(ascii: ".")) else { return nil }
        let isNegative = text.first == UInt8(ascii: "-")
        let whole = isNegative ? text[..<dot].dropFirst() : text[..<dot]
        let fraction = text[(dot + 1)...]
        guard fraction.count == 9, let nanoseconds = digits(fraction), let magnitude = decimal(whole),
            !isNegative || magnitude > 0,
            let seconds = Int64(exactly: magnitude)
                ?? (isNegative && magnitude == Int64.min.magnitude ? Int64.min : nil)
        else { return nil }
        return Timestamp(
            seconds: isNegative && seconds > 0 ? -seconds : seconds, nanoseconds: UInt32(clamping: nanoseconds))
    }

    /// 16 hexadecimal digits.
    static func word(_ text: ArraySlice<UInt8>) -> UInt64? {
        guard text.count == 16, let bytes = hexadecimal(text) else { return nil }
        return bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// 64 hexadecimal digits; `-`, and no bytes, for none.
    static func digest(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        if text.elementsEqual("-".utf8) { return [] }
        return text.count == Limits.digest * 2 ? hexadecimal(text) : nil
    }

    static func hexadecimal(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2)
        var high: UInt8?
        for byte in text {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            default: return nil
            }
            if let first = high {
                bytes.append(first << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        return bytes
    }

    /// Percent-encoded bytes without NUL.
    static func name(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.contains(UInt8(ascii: "%")) else { return text.contains(0) ? nil : Array(text) }
        guard let bytes = Escaping.decode(text), !bytes.contains(0) else { return nil }
        return bytes
    }

    /// `.` is the top.
    static func path(_ text: ArraySlice<UInt8>) -> PathName? {
        if text.elementsEqual(".".utf8) { return .root }
        guard let bytes = name(text), !bytes.isEmpty else { return nil }
        return try? PathName(bytes)
    }

    static let digitsOfHexadecimal = Array("0123456789abcdef".utf8)

    /// Whether a name's bytes stand for themselves.
    static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "%"), UInt8(ascii: "?"), UInt8(ascii: "#"): false
        default: (0x21...0x7E).contains(byte)
        }
    }
}

extension [UInt8] {
    var hexadecimal: String {
        var text: [UInt8] = []
        text.write(hexadecimal: self)
        return String(decoding: text, as: UTF8.self)
    }

    /// - Parameter digits: so many at least, with zeros before them.
    mutating func write(_ number: String, digits: Int = 1) {
        for _ in 0..<Swift.max(0, digits - number.utf8.count) { append(UInt8(ascii: "0")) }
        append(contentsOf: number.utf8)
    }

    mutating func write(hexadecimal bytes: [UInt8]) {
        for byte in bytes {
            append(ManifestText.digitsOfHexadecimal[Int(byte >> 4)])
            append(ManifestText.digitsOfHexadecimal[Int(byte & 15)])
        }
    }

    mutating func write(_ time: Timestamp) {
        append(contentsOf: String(time.seconds).utf8)
        append(UInt8(ascii: "."))
        write(String(time.nanoseconds), digits: 9)
    }

    mutating func write(name: [UInt8]) {
        if name.allSatisfy(ManifestText.isPlain) {
            append(contentsOf: name)
        } else {
            append(contentsOf: Escaping.encode(name, reserved: [UInt8(ascii: " ")]).utf8)
        }
    }
}

extension UInt64 {
    var bigEndianBytes: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}
