/// How bytes of a name become text: percent-encoding for references, and the same for logs and terminals, so that no
/// name can carry a control sequence there (chapter 10).
public enum Escaping {
    /// Percent-encodes what a reference reserves, control characters and everything that is not UTF-8.
    ///
    /// - Parameter reserved: further bytes to encode beside `%`, `?` and `#`.
    public static func encode(_ bytes: some Collection<UInt8>, reserved: Set<UInt8> = []) -> String {
        escape(bytes) { "%?#".utf8.contains($0) || reserved.contains($0) }
    }

    /// Bytes as text that is safe to print: control characters and what is not UTF-8 are percent-encoded.
    public static func printable(_ bytes: some Collection<UInt8>) -> String {
        escape(bytes) { _ in false }
    }

    /// A message for a person, made safe for one line of a log or a terminal.
    public static func printable(_ text: String) -> String { printable(Array(text.utf8)) }

    /// Undoes percent-encoding. `nil` if an escape is not `%` and two hexadecimal digits.
    public static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var rest = text.makeIterator()
        while let byte = rest.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.next().flatMap(hexValue), let low = rest.next().flatMap(hexValue) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func escape(_ bytes: some Collection<UInt8>, where isReserved: (UInt8) -> Bool) -> String {
        var text = ""
        var rest = Array(bytes)[...]
        while let first = rest.first {
            if let scalar = leadingScalar(of: rest) {
                let encoded = rest.prefix(UTF8.width(scalar))
                rest = rest.dropFirst(encoded.count)
                if scalar.properties.generalCategory == .control || (scalar.isASCII && isReserved(first)) {
                    encoded.forEach { append(escaped: $0, to: &text) }
                } else {
                    text.unicodeScalars.append(scalar)
                }
            } else {
                rest = rest.dropFirst()
                append(escaped: first, to: &text)
            }
        }
        return text
    }

    private static func leadingScalar(of bytes: ArraySlice<UInt8>) -> Unicode.Scalar? {
        var decoder = UTF8()
        var input = bytes.prefix(4).makeIterator()
        guard case .scalarValue(let scalar) = decoder.decode(&input) else { return nil }
        return scalar
    }

    private static func append(escaped byte: UInt8, to text: inout String) {
        let digits = String(byte, radix: 16, uppercase: true)
        text += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
    }

    private static func hexValue(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
