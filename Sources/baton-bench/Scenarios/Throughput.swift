import Foundation

/// One file through the relay, by `baton get` and by the yardstick, in turns: the file in the page cache, the copies on
/// the same file system, removed after each round.
func measureThroughput(on stage: Stage, size: ByteCount, rounds: Int) async throws -> Table {
    let source = try stage.makeFile("file", size)
    _ = try stage.makeFile("first", ByteCount(16 << 20))
    try stage.warmUp(size)
    let team = try await Team(on: stage)
    let yardstick = try Yardstick(on: stage)
    let copy = stage.sinkDirectory.appending(path: "copy")
    // Connections, lanes and buffers exist before the first measured transfer, as they do in a work's life.
    try await team.command.get("first", to: stage.sinkDirectory.appending(path: "first"))

    func getWithBaton() async throws -> Transfer {
        let before = try team.cpuSeconds()
        let duration = try await team.command.get("file", to: copy)
        let after = try team.cpuSeconds()
        try await stage.checkAndRemove(copy, against: source)
        return Transfer(size, duration, after - before)
    }
    func relayWithYardstick() async throws -> Transfer {
        let (duration, cpuSeconds) = try await yardstick.transfer(source, to: copy)
        try await stage.checkAndRemove(copy, against: source)
        return Transfer(size, duration, cpuSeconds)
    }

    var results: [(baton: Transfer, yardstick: Transfer)] = []
    for round in 0..<rounds {
        let batonGoesFirst = round.isMultiple(of: 2)
        let early = batonGoesFirst ? try await getWithBaton() : nil
        let beside = try await relayWithYardstick()
        let baton = if let early { early } else { try await getWithBaton() }
        results.append((baton, beside))
        note("round \(round + 1): Baton \(baton), yardstick \(beside)")
    }

    func row(_ name: String, atMost: Double? = nil, _ figure: (Transfer) -> Double) -> Table.Row {
        // A ratio within each round: what disturbs one side mostly disturbs the other.
        Table.Row(
            name: name,
            values: [
                "Baton": results.map { figure($0.baton) }.median,
                "yardstick": results.map { figure($0.yardstick) }.median,
                "ratio": results.map { figure($0.baton) / figure($0.yardstick) }.median,
            ],
            aims: atMost.map { [Table.Aim(column: "ratio", atMost: $0)] } ?? [])
    }
    return Table(
        title: "Throughput: \(size) relayed, median of \(rounds)", columns: ["Baton", "yardstick", "ratio"],
        rows: [
            row("MB/s", \.megabytesPerSecond),
            row("relay, CPU s/GB", atMost: 1.0, \.cpuSecondsPerGigabyte.relay),
            row("origin, CPU s/GB", \.cpuSecondsPerGigabyte.source),
            row("receiver, CPU s/GB", \.cpuSecondsPerGigabyte.sink),
            row("all three, CPU s/GB", atMost: 1.2, \.cpuSecondsPerGigabyte.sum),
        ])
}

private struct Transfer: CustomStringConvertible {
    let megabytesPerSecond: Double
    let cpuSecondsPerGigabyte: PerProcess

    init(_ size: ByteCount, _ duration: Duration, _ cpuSeconds: PerProcess) {
        megabytesPerSecond = size.gigabytes * 1000 / duration.seconds
        cpuSecondsPerGigabyte = cpuSeconds / size.gigabytes
    }

    var description: String {
        let cpu = cpuSecondsPerGigabyte
        return String(
            format: "%.0f MB/s (origin %.2f + relay %.2f + receiver %.2f CPU s/GB)", megabytesPerSecond, cpu.source,
            cpu.relay, cpu.sink)
    }
}
