import ArgumentParser

/// A number of bytes, written plainly or with `K`, `M`, `G` (powers of 1,024; `KiB` and so on mean the same).
struct ByteCount: ExpressibleByArgument, CustomStringConvertible {
    let bytes: Int

    init(_ bytes: Int) {
        self.bytes = bytes
    }

    init?(argument: String) {
        let digits = argument.prefix { $0.isASCII && $0.isNumber }
        let shifts = ["": 0, "K": 10, "KiB": 10, "M": 20, "MiB": 20, "G": 30, "GiB": 30]
        guard let number = Int(digits), let shift = shifts[String(argument.dropFirst(digits.count))] else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: 1 << shift)
        guard !overflow, (1...(1 << 40)).contains(bytes) else { return nil }
        self.bytes = bytes
    }

    /// 10^9 bytes: the unit of "CPU seconds per GB".
    var gigabytes: Double { Double(bytes) / 1e9 }

    var description: String {
        for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] where bytes.isMultiple(of: 1 << shift) {
            return "\(bytes >> shift) \(unit)"
        }
        return "\(bytes) bytes"
    }
}
