import Foundation

/// Anonymous memory of the three daemons after a get of 256 MiB and after a much larger one: it must not grow with the
/// size of what passes.
func measureMemory(on stage: Stage, large: ByteCount) async throws -> Table {
    let small = ByteCount(256 << 20)
    let sources = [try stage.makeFile("small", small), try stage.makeFile("large", large)]
    let team = try await Team(on: stage)
    let processes = [
        ("relay", team.relay), ("origin agent", team.originAgent), ("receiving agent", team.receivingAgent),
    ]
    func anonymousMiB() throws -> [Double] { try processes.map { try $0.1.anonymousMiB() } }

    let atStart = try anonymousMiB()
    var afterwards: [[Double]] = []
    for source in sources {
        let copy = stage.sinkDirectory.appending(path: "copy")
        try await team.command.get(source.lastPathComponent, to: copy)
        afterwards.append(try anonymousMiB())
        try await stage.checkAndRemove(copy, against: source)
    }

    let columns = ["at start", "after \(small)", "after \(large)", "growth"]
    return Table(
        title: "Memory: RssAnon in MiB", columns: columns,
        rows: processes.indices.map { index in
            let (first, second) = (afterwards[0][index], afterwards[1][index])
            return Table.Row(
                name: processes[index].0,
                values: [columns[0]: atStart[index], columns[1]: first, columns[2]: second, "growth": second - first],
                aims: [Table.Aim(column: "growth", atMost: 32)])
        })
}
