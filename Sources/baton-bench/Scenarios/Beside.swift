import Foundation

/// A small get alone, and while a large one runs between the same two agents: the lane is shared by bytes, so that the small
/// one does not wait for the large one's end.
func measureBeside(on stage: Stage, loadSize: ByteCount, rounds: Int) async throws -> Table {
    _ = try stage.makeFile("file", loadSize)
    _ = try stage.makeFile("small", ByteCount(1 << 20))
    try stage.warmUp(loadSize)
    let team = try await Team(on: stage)
    let copy = stage.sinkDirectory.appending(path: "small")
    func timeSmall() async throws -> Double { try await team.command.get("small", to: copy).seconds * 1000 }

    _ = try await timeSmall()
    var alone: [Double] = []
    for _ in 0..<(5 * rounds) { alone.append(try await timeSmall()) }

    let load = Load()
    let (command, sink) = (team.command, stage.sinkDirectory)
    let beside = try await withThrowingTaskGroup(returning: [Double].self) { group in
        group.addTask { try await load.run(command, into: sink) }
        defer { group.cancelAll() }
        var beside: [Double] = []
        let end = ContinuousClock.now + .seconds(180)
        while beside.count < 5 * rounds {
            guard ContinuousClock.now < end else { throw BenchError("the large get never ran beside the small one") }
            if let failure = load.failure { throw failure }
            let before = load.generation
            guard load.isUnderWay else {
                try await Task.sleep(for: .milliseconds(20))
                continue
            }
            let sample = try await timeSmall()
            // One during which the large get ended was partly alone.
            if load.generation == before { beside.append(sample) }
        }
        return beside
    }
    return Table(
        title: "A get of 1 MiB, alone and beside one of \(loadSize): milliseconds, \(beside.count) of each",
        columns: ["alone", "beside", "ratio"],
        rows: [("median", 0.5), ("p90", 0.9)].map { name, share in
            let (alone, beside) = (alone.percentile(share), beside.percentile(share))
            return Table.Row(
                name: name, values: ["alone": alone, "beside": beside, "ratio": beside / alone],
                aims: share == 0.5 ? [Table.Aim(column: "ratio", atMost: 3)] : [])
        })
}
