import BatonProtocol
import FoundationEssentials

/// One object, keys in snake case and sorted, so that scripts and tests see the same each time.
enum JSON {
    static func text(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else { return "{}" }
        return String(decoding: data, as: UTF8.self)
    }
}

extension Timestamp {
    /// RFC 3339 in UTC, with nanoseconds.
    var text: String {
        // Any number may have come: none of this overflows.
        let second = Int(((seconds % 86_400) + 86_400) % 86_400)
        let days = seconds / 86_400 - (seconds % 86_400 < 0 ? 1 : 0)
        let date = Date(timeIntervalSince1970: Double(days) * 86_400)
        let day = date.formatted(.iso8601.year().month().day())
        let clock = [second / 3600, second / 60 % 60, second % 60].map { padded($0, 2) }.joined(separator: ":")
        return "\(day)T\(clock).\(padded(Int(nanoseconds), 9))Z"
    }

    private func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

extension UInt16 {
    /// Permission bits as `chmod` takes them.
    var octal: String {
        let digits = String(self, radix: 8)
        return String(repeating: "0", count: Swift.max(0, 4 - digits.count)) + digits
    }
}
