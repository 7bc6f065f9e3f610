import ArgumentParser
import BatonCommandLine
import BatonFiles

/// How much of what works leave behind is kept, and for how long.
struct KeepingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How many generations of each declared path are kept: 3 if not given. [$BATON_KEEP_GENERATIONS]",
            valueName: "number"))
    var keepGenerations: Int?

    @Option(
        help: ArgumentHelp(
            "How long what a work leaves behind is kept, unless it is pinned; for ever if not given. [$BATON_TTL]",
            valueName: "seconds"))
    var ttl: Int?

    @Option(
        help: ArgumentHelp(
            "How much of the disk all apps may take; as much as there is if not given. [$BATON_QUOTA]",
            valueName: "bytes"))
    var quota: Int?

    @Option(
        help: ArgumentHelp(
            "How much of the disk one app may take; as much as there is if not given. [$BATON_APP_QUOTA]",
            valueName: "bytes"))
    var appQuota: Int?

    func apply(to policy: inout KeepingPolicy) throws {
        if let generations = try number(keepGenerations, "keep-generations", 1...1_000_000) {
            policy.generations = generations
        }
        if let seconds = try number(ttl, "ttl", 1...1_000_000_000) { policy.timeToLive = .seconds(seconds) }
        if let bytes = try number(quota, "quota", 1...Int.max) { policy.bytes = UInt64(bytes) }
        if let bytes = try number(appQuota, "app-quota", 1...Int.max) { policy.bytesPerApp = UInt64(bytes) }
    }

    private func number(_ value: Int?, _ flag: String, _ range: ClosedRange<Int>) throws -> Int? {
        let variable = "BATON_" + flag.uppercased().replacing("-", with: "_")
        return try Fallback.number(value, flag: "--\(flag)", variable, in: range)
    }
}
