import ArgumentParser
import BatonAgent
import BatonCommandLine

/// How long the agent waits, and how much it takes.
struct AgentLimits: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How long the first connection to the relay may take: 60 if not given. [$BATON_CONNECT_WITHIN]",
            valueName: "seconds"))
    var connectWithin: Int?

    @Option(
        help: ArgumentHelp(
            "How long transfers may go on once the agent is to end: 5 if not given. [$BATON_DRAIN_WITHIN]",
            valueName: "seconds"))
    var drainWithin: Int?

    @Option(
        help: ArgumentHelp(
            "How long the relay may take to get what the work leaves behind, counted from SIGTERM or the command's end; 0: it gets nothing. 110 if not given. [$BATON_PERSIST_WITHIN]",
            valueName: "seconds"))
    var persistWithin: Int?

    @Option(
        help: ArgumentHelp(
            "Have the relay get what is declared also while the work runs, so often. [$BATON_PERSIST_EVERY]",
            valueName: "seconds"))
    var persistEvery: Int?

    @Option(
        help: ArgumentHelp(
            "How long the command may take to end after SIGTERM or SIGINT before it is killed, but at most half of --persist-within: 30 if not given. [$BATON_STOP_WITHIN]",
            valueName: "seconds"))
    var stopWithin: Int?

    @Option(
        help: ArgumentHelp(
            "How many entries of a tree are taken: 10000000 if not given. [$BATON_MAX_ENTRIES]", valueName: "number"))
    var maxEntries: Int?

    @Option(
        help: ArgumentHelp(
            "How long the data of an interrupted get is kept, to be resumed: 86400 if not given. [$BATON_PARTIAL_AGE]",
            valueName: "seconds"))
    var partialAge: Int?

    @Option(
        help: ArgumentHelp(
            "How much data of interrupted gets is kept: 10737418240 if not given. [$BATON_PARTIAL_SIZE]",
            valueName: "bytes"))
    var partialSize: Int?

    @Option(
        help: ArgumentHelp(
            "How often each connection to the relay shows that it is alive; it is dead after three times that: 5 if not given. [$BATON_KEEPALIVE]",
            valueName: "seconds"))
    var keepalive: Int?

    func apply(to configuration: inout Agent.Configuration) throws {
        let day = 86_400
        if let seconds = try number(connectWithin, "connect-within", 1...day) {
            configuration.connectWithin = .seconds(seconds)
        }
        if let seconds = try number(drainWithin, "drain-within", 0...30) {
            configuration.drainSeconds = Int64(seconds)
        }
        if let seconds = try number(persistWithin, "persist-within", 0...day) {
            configuration.persistWithin = .seconds(seconds)
        }
        if let seconds = try number(persistEvery, "persist-every", 1...day) {
            configuration.persistEvery = .seconds(seconds)
        }
        if let seconds = try number(stopWithin, "stop-within", 0...day) {
            configuration.stopWithin = .seconds(seconds)
        }
        if let entries = try number(maxEntries, "max-entries", 1...Int.max) {
            configuration.maxEntries = UInt64(entries)
        }
        if let seconds = try number(partialAge, "partial-age", 0...365 * day) {
            configuration.partialAge = .seconds(seconds)
        }
        if let bytes = try number(partialSize, "partial-size", 0...Int.max) {
            configuration.partialBytes = UInt64(bytes)
        }
        if let seconds = try number(keepalive, "keepalive", 1...60) {
            configuration.keepalive = UInt32(seconds) * 1000
        }
    }

    private func number(_ value: Int?, _ flag: String, _ range: ClosedRange<Int>) throws -> Int? {
        let variable = "BATON_" + flag.uppercased().replacing("-", with: "_")
        return try Fallback.number(value, flag: "--\(flag)", variable, in: range)
    }
}
