import Foundation

/// What Linux's `/proc` knows about a running process.
struct ProcessUsage {
    let processIdentifier: Int32

    /// User and system time so far, of all its threads, in seconds (proc_pid_stat(5), fields 14 and 15).
    func cpuSeconds() throws -> Double {
        let text = try read("stat")
        // The second field is the program's name in parentheses and may hold anything.
        let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ").dropFirst()
        let times = fields.dropFirst(11).prefix(2).compactMap { Double($0) }
        guard times.count == 2 else { throw unreadable("stat") }
        return (times[0] + times[1]) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// Resident anonymous memory in MiB: the heap and the stacks, not the page cache.
    func anonymousMiB() throws -> Double {
        for line in try read("status").split(separator: "\n") where line.hasPrefix("RssAnon:") {
            guard let kibibytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Double($0) })
            else { break }
            return kibibytes / 1024
        }
        throw unreadable("status")
    }

    private func read(_ file: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: "/proc/\(processIdentifier)/\(file)") else {
            throw unreadable(file)
        }
        return String(decoding: data, as: UTF8.self)
    }

    private func unreadable(_ file: String) -> BenchError {
        BenchError("cannot make sense of /proc/\(processIdentifier)/\(file): has the process ended?")
    }
}
