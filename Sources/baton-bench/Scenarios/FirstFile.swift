import Foundation

/// How long it takes until the first file of a tree lies, with its content, in the receiver's stage, from the start of
/// `baton get`: for a tree of ten files and for a large one. The size of what follows must not delay it.
func measureFirstFile(on stage: Stage, files: Int, rounds: Int) async throws -> Table {
    let sizes = [10, files]
    for size in sizes { _ = try stage.makeTree("tree-\(size)", files: size, directories: min(100, size)) }
    let team = try await Team(on: stage)
    try await team.command.get("tree-10", to: stage.sinkDirectory.appending(path: "first"))

    var first = [[Double]](repeating: [], count: sizes.count)
    var whole = first
    for round in 0..<rounds {
        for (index, size) in sizes.enumerated() {
            // A directory of its own: the stage is its only content. It stays: ext4 makes files ten times as slowly while it
            // shuns the inodes of others that were just removed.
            let sink = stage.sinkDirectory.appending(path: "tree-\(size)-\(round)")
            try FileManager.default.createDirectory(at: sink, withIntermediateDirectories: true)
            let begin = ContinuousClock.now
            async let duration = team.command.get("tree-\(size)", to: sink.appending(path: "copy"))
            async let arrival = arrivalOfFirstFile(in: sink, within: .seconds(60))
            whole[index].append(try await duration.seconds)
            first[index].append((try await arrival - begin).seconds)
        }
    }
    return Table(
        title: "Time to the first file: milliseconds, median of \(rounds)", columns: ["first file", "whole tree"],
        rows: sizes.enumerated().map { index, size in
            Table.Row(
                name: "\(size) files",
                values: ["first file": first[index].median * 1000, "whole tree": whole[index].median * 1000])
        })
}

/// Looks as often as it can without taking a processor from those it watches. Once the tree is whole it has its own name, and no
/// longer the stage's.
private func arrivalOfFirstFile(in sink: URL, within limit: Duration) async throws -> ContinuousClock.Instant {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: sink.path)) ?? [] {
            var status = stat()
            let file = "\(sink.path)/\(name)/\(TreeName.directory(0))/\(TreeName.file(0))"
            if stat(file, &status) == 0, status.st_size > 0 { return .now }
        }
        try await Task.sleep(for: .microseconds(200))
    }
    throw BenchError("waited \(limit) for the first file of a tree")
}
