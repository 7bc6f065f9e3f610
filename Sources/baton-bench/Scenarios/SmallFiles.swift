import Foundation

/// A tree of 10,000 files of 4 KiB in 100 directories, by `baton get` and by local copying, in turns.
func measureSmallFiles(on stage: Stage, rounds: Int) async throws -> Table {
    let tree = stage.dataDirectory.appending(path: "tree", directoryHint: .isDirectory)
    for directory in 0..<100 {
        let parent = tree.appending(path: "directory-\(directory)")
        try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
        for file in 0..<100 {
            try randomBytes(4096).write(to: parent.appending(path: "file-\(file)"))
        }
    }
    let team = try await Team(on: stage)
    let copy = stage.sinkDirectory.appending(path: "copy", directoryHint: .isDirectory)
    let limit = Duration.seconds(300)

    var contenders: [(name: String, run: () async throws -> Duration)] = [
        ("baton get", { try await team.command.get("tree", to: copy, within: limit) })
    ]
    if let cp = Installation.systemProgram("cp") {
        contenders.append(("cp -a", { try await stage.time("cp", cp, ["-a", tree.path, copy.path], within: limit) }))
    }
    if let rsync = Installation.systemProgram("rsync") {
        let arguments = ["-a", tree.path + "/", copy.path + "/"]
        contenders.append(("rsync -a", { try await stage.time("rsync", rsync, arguments, within: limit) }))
    }

    var seconds = [[Double]](repeating: [], count: contenders.count)
    // The first round warms caches and does not count. Each round begins with another contender, and each begins with
    // the others' removals on the disk: both made the same program differ from itself by a third.
    for round in 0...rounds {
        for place in contenders.indices {
            let index = (place + round) % contenders.count
            sync()
            let duration = try await contenders[index].run()
            try await stage.checkAndRemove(copy, against: tree)
            if round > 0 { seconds[index].append(duration.seconds) }
        }
    }
    return Table(
        title: "Small files: 10,000 of 4 KiB, median of \(rounds)", columns: ["seconds", "Baton's ratio"],
        rows: contenders.indices.map { index in
            let ratios = zip(seconds[0], seconds[index]).map { $0 / $1 }
            return Table.Row(
                name: contenders[index].name,
                values: ["seconds": seconds[index].median].merging(
                    index == 0 ? [:] : ["Baton's ratio": ratios.median], uniquingKeysWith: { $1 }))
        })
}
