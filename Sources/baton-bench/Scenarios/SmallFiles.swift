import Foundation

/// A tree of small files in 100 directories, by `baton get`, by `rsync -a` over ssh and by `cp -a`, in turns.
func measureSmallFiles(on stage: Stage, files: Int, rounds: Int) async throws -> Table {
    let tree = try stage.makeTree("tree", files: files, directories: 100)
    let team = try await Team(on: stage)
    let limit = Duration.seconds(300)

    var contenders = [
        Contender(name: "baton get") { copy in try await team.command.get("tree", to: copy, within: limit) }
    ]
    var absent: [String] = []
    do {
        let shell = try await SecureShell(on: stage)
        contenders.append(
            Contender(name: "rsync -a over ssh", aim: 0.5) { copy in
                try await shell.copy(tree, to: copy, on: stage, within: limit)
            })
    } catch let error as BenchError {
        absent.append("rsync -a over ssh: not measured, \(error)")
    }
    if let cp = Installation.systemProgram("cp") {
        contenders.append(
            Contender(name: "cp -a", aim: 3) { copy in
                try await stage.time("cp", cp, ["-a", tree.path, copy.path], within: limit)
            })
    }

    var seconds = [[Double]](repeating: [], count: contenders.count)
    // The first round warms caches and does not count, and each round begins with another contender: that alone made the same
    // program differ from itself by a third. Nothing is removed in between: ext4 shuns the inodes of files that were removed
    // a moment ago, and looks for others at ten times the cost of making a file.
    for round in 0...rounds {
        for place in contenders.indices {
            let index = (place + round) % contenders.count
            let copy = stage.sinkDirectory.appending(path: "copy-\(round)-\(index)", directoryHint: .isDirectory)
            sync()
            let duration = try await contenders[index].run(copy)
            try await stage.check(copy, against: tree)
            if round > 0 { seconds[index].append(duration.seconds) }
        }
    }
    let measured = contenders.indices.map { index in
        // A ratio within each round: what disturbs one side mostly disturbs the other.
        let ratio = zip(seconds[0], seconds[index]).map { $0 / $1 }.median
        return Table.Row(
            name: contenders[index].name,
            values: ["seconds": seconds[index].median].merging(
                index == 0 ? [:] : ["Baton's ratio": ratio], uniquingKeysWith: { $1 }),
            aims: contenders[index].aim.map { [Table.Aim(column: "Baton's ratio", atMost: $0)] } ?? [])
    }
    return Table(
        title: "Small files: \(files) of 4 KiB, median of \(rounds)", columns: ["seconds", "Baton's ratio"],
        rows: measured + absent.map { Table.Row(name: $0, values: [:]) })
}

private struct Contender {
    let name: String
    /// The share of its time that Baton should not take more than.
    var aim: Double?
    let run: (_ copy: URL) async throws -> Duration
}
