import Foundation

/// A program that the bench started. Its output goes to files, so that it never waits for a reader.
final class Child {
    let name: String
    private let process = Process()
    private let output: URL
    private let errors: URL

    /// - Parameters:
    ///   - name: unique in the directory; names the files of its output.
    ///   - input, answers: pipes in place of no input and the output file.
    init(
        _ name: String, _ executable: URL, _ arguments: [String], outputIn directory: URL,
        input: Pipe? = nil, answers: Pipe? = nil
    ) throws {
        self.name = name
        output = directory.appending(path: "\(name).out")
        errors = directory.appending(path: "\(name).err")
        process.executableURL = executable
        process.arguments = arguments
        process.standardInput = input ?? FileHandle.nullDevice
        process.standardOutput = try answers ?? Child.create(output)
        process.standardError = try Child.create(errors)
        do {
            try process.run()
        } catch {
            throw BenchError("cannot start \(executable.path): \(error.localizedDescription)")
        }
    }

    deinit {
        kill()
    }

    var processIdentifier: Int32 { process.processIdentifier }

    /// What stands behind `ready` in the line by which a daemon says that it serves.
    func ready(within limit: Duration = .seconds(20)) async throws -> String {
        var announced: String?
        try await poll("\(name) to say that it is ready", within: limit) {
            let lines = read(output).split(separator: "\n", omittingEmptySubsequences: false)
            // The last piece has no line end yet.
            announced = lines.dropLast().first { $0.hasPrefix("ready ") }.map { String($0.dropFirst("ready ".count)) }
            return try announced != nil || !checkRunning()
        }
        guard let announced else { throw BenchError("\(name) is ready, but nowhere") }
        return announced
    }

    /// Waits for its end, which must be a success, and returns what it wrote on stderr.
    @discardableResult
    func finish(within limit: Duration) async throws -> String {
        try await poll("\(name) to end", within: limit) { !process.isRunning }
        guard process.terminationReason == .exit, process.terminationStatus == 0 else { throw failure() }
        return read(errors)
    }

    /// Ends it at once: an agent that is asked politely would persist gigabytes first.
    func kill() {
        guard process.isRunning else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
    }

    /// - Returns: true
    /// - Throws: if it has ended.
    @discardableResult
    func checkRunning() throws -> Bool {
        guard process.isRunning else { throw failure() }
        return true
    }

    private func failure() -> BenchError {
        let how = process.terminationReason == .exit ? "status" : "signal"
        return BenchError(
            "\(name) ended with \(how) \(process.terminationStatus); its last words: \(read(errors).suffix(2000))")
    }

    private func read(_ file: URL) -> String {
        (try? Data(contentsOf: file)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    private static func create(_ file: URL) throws -> FileHandle {
        guard FileManager.default.createFile(atPath: file.path, contents: nil) else {
            throw BenchError("cannot create \(file.path)")
        }
        return try FileHandle(forWritingTo: file)
    }
}

/// Waits until `condition` holds, looking every 2 ms.
func poll(_ what: String, within limit: Duration, until condition: () throws -> Bool) async throws {
    let end = ContinuousClock.now + limit
    while try !condition() {
        guard ContinuousClock.now < end else { throw BenchError("waited \(limit) for \(what)") }
        try await Task.sleep(for: .milliseconds(2))
    }
}
