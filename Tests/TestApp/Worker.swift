import Baton
import Distributed
import Glibc

/// Waits, writes, throws and counts. What it does is noted line by line in `outputs/log`.
distributed actor Worker: Work {
    private let outputs: Path = "lit://outputs"
    private var calls = 0

    /// Until there is a file `go` in its root, or it is cancelled.
    distributed func wait(for whom: String) async throws -> String {
        calls += 1
        try note("begun \(whom)")
        do {
            while try !Path("lit://go").existsLocal() { try await Task.sleep(for: .milliseconds(20)) }
        } catch {
            try note("stopped \(whom)")
            throw error
        }
        try note("done \(whom)")
        return "done \(whom)"
    }

    /// As ``wait(for:)``, but whoever cancels it is not heard.
    distributed func stand() throws {
        try note("begun standing")
        while try !Path("lit://go").existsLocal() { usleep(20_000) }
    }

    /// Writes a file.
    distributed func run(_ text: String) throws -> Path {
        calls += 1
        let file = try outputs / "file"
        try outputs.makeDirectory()
        try file.write(text)
        return file
    }

    distributed func read(_ file: Path) throws -> String { try file.readText() }

    distributed func count() -> Int { calls }

    distributed func fail(_ reason: String) throws {
        try note("failing")
        throw NoGood(reason: reason)
    }

    private func note(_ line: String) throws {
        try outputs.makeDirectory()
        try (outputs / "log").append(line + "\n")
    }
}

/// Is of another type.
distributed actor Stranger: Work {
    distributed func greet() {}
}

func environment(_ name: String) -> String { getenv(name).map { String(cString: $0) } ?? "" }
