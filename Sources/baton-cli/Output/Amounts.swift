import BatonProtocol

/// Numbers for people.
enum Amounts {
    /// Bytes with a unit: `1.5 GiB`.
    static func bytes(_ count: Double) -> String {
        var amount = count
        for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
            if amount < 1024 || unit == "TiB" { return unit == "B" ? "\(Int(amount)) B" : "\(tenths(amount)) \(unit)" }
            amount /= 1024
        }
        return "\(count) B"
    }

    static func bytes(_ count: UInt64) -> String { bytes(Double(count)) }

    /// `2:05` or `1:02:05`.
    static func time(_ seconds: Double) -> String {
        let whole = Int(min(max(seconds, 0), 359_999))
        let pair = { (number: Int) in number < 10 ? "0\(number)" : "\(number)" }
        return whole < 3600
            ? "\(whole / 60):\(pair(whole % 60))" : "\(whole / 3600):\(pair(whole / 60 % 60)):\(pair(whole % 60))"
    }

    static func tenths(_ number: Double) -> String {
        let scaled = Int((number * 10).rounded())
        return "\(scaled / 10).\(scaled % 10)"
    }

    /// Two lower-case digits a byte.
    static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    static func files(_ count: UInt64) -> String { count == 1 ? "1 file" : "\(count) files" }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}

extension AnswerSource {
    /// Who answered, for people: `live` or `stored, generation 3`.
    var text: String { AnswerSource.text(name, generation) }

    static func text(_ name: String, _ generation: UInt64?) -> String {
        generation.map { "\(name), generation \($0)" } ?? name
    }
}
