import ArgumentParser
import Foundation
import UnixSignals

/// Measures Baton's real programs on loopback, beside plain C (`baton-yardstick`), `rsync` over ssh and `cp`, in the same run.
@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "baton-bench",
        abstract: "Measures Baton on loopback beside plain C over blocking OpenSSL, rsync and cp.",
        discussion: """
            Figures hold for this machine at this moment; the ratios travel better. Build everything with \
            `swift build -c release` first, and let nothing else run. The files should fit in memory three times.
            """)

    @Option(help: "Size of the file whose transfer is timed.")
    var size = ByteCount(2 << 30)

    @Option(help: "Size of the second, large file of the memory measurement.")
    var memorySize = ByteCount(4 << 30)

    @Option(help: "How many small files; ten times as many in the tree whose first file is timed.")
    var files = 10_000

    @Option(help: "How often each transfer is repeated, alternating with what it is compared to.")
    var rounds = 3

    @Option(help: "Measure this alone; may be repeated.")
    var only: [Scenario] = []

    @Option(help: "How long each flood lasts, in seconds, and the time without one before it.")
    var floodSeconds = 5

    @Flag(help: "Print one JSON object instead of tables.")
    var json = false

    @Option(help: "Directory with the release builds; default: where this program lies.")
    var binaries: String?

    @Option(help: "Directory with make-authority, make-relay and make-work; default: found from this program upwards.")
    var certificateScripts: String?

    @Option(help: "Where the files go, in a directory that is removed at the end; default: the temporary directory.")
    var directory: String?

    func validate() throws {
        guard (1...100).contains(rounds) else { throw ValidationError("--rounds must be 1 to 100") }
        guard (1...60).contains(floodSeconds) else { throw ValidationError("--flood-seconds must be 1 to 60") }
        guard (100...1_000_000).contains(files) else { throw ValidationError("--files must be 100 to 1000000") }
    }

    func run() async throws {
        // A program that has gone is an error of the next write to it, not the bench's end.
        signal(SIGPIPE, SIG_IGN)
        try await withThrowingTaskGroup { group in
            group.addTask { try await measure() }
            group.addTask {
                // Cancelling the measurement makes it end its processes and remove its files.
                for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { throw ExitCode(130) }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func measure() async throws {
        let installation = try Installation(binaries: binaries, certificateScripts: certificateScripts)
        var tables: [Table] = []
        for scenario in Scenario.allCases where only.isEmpty || only.contains(scenario) {
            note("\(scenario.rawValue) ...")
            let table = try await Stage.with(installation, in: directory) { stage in
                switch scenario {
                case .throughput: try await measureThroughput(on: stage, size: size, rounds: rounds)
                case .memory: try await measureMemory(on: stage, large: memorySize)
                case .latency: try await measureLatency(on: stage, loadSize: size)
                case .beside: try await measureBeside(on: stage, loadSize: size, rounds: rounds)
                case .small: try await measureSmallFiles(on: stage, files: files, rounds: rounds)
                case .floods: try await measureFloods(on: stage, seconds: floodSeconds)
                case .first: try await measureFirstFile(on: stage, files: 10 * files, rounds: rounds)
                }
            }
            tables.append(table)
            if !json { print(table.markdown) }
        }
        if json { print(try Table.json(of: tables)) }
    }
}

enum Scenario: String, CaseIterable, ExpressibleByArgument {
    case throughput, memory, latency, beside, small, first, floods
}

/// Says on stderr what is being done, for the person who waits.
func note(_ text: String) {
    FileHandle.standardError.write(Data("baton-bench: \(text)\n".utf8))
}

/// What made a measurement impossible.
struct BenchError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
