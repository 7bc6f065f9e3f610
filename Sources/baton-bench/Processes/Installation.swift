import Foundation

/// Where the programs and scripts lie that the bench runs.
struct Installation {
    private let binaries: URL
    private let certificateScripts: URL

    /// `Protocol/`, beside `certs/`.
    var specification: URL { certificateScripts.deletingLastPathComponent().appending(path: "Protocol") }

    init(binaries: String?, certificateScripts: String?) throws {
        let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        self.binaries = binaries.map { URL(fileURLWithPath: $0) } ?? own
        self.certificateScripts =
            try certificateScripts.map { URL(fileURLWithPath: $0) } ?? Installation.findScripts(from: own)
        // Said now rather than after the files have been made.
        for name in ["baton-relay", "baton-agent", "baton", "baton-yardstick"] { _ = try program(name) }
    }

    func program(_ name: String) throws -> URL {
        try executable(binaries.appending(path: name), hint: "build it with swift build -c release, or give --binaries")
    }

    func certificateScript(_ name: String) throws -> URL {
        try executable(certificateScripts.appending(path: name), hint: "give --certificate-scripts")
    }

    /// A program of the system, or nil.
    static func systemProgram(_ name: String) -> URL? {
        ["/usr/bin", "/bin", "/usr/sbin"].map { URL(fileURLWithPath: "\($0)/\(name)") }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
    }

    private func executable(_ file: URL, hint: String) throws -> URL {
        guard FileManager.default.isExecutableFile(atPath: file.path) else {
            throw BenchError("there is no program \(file.path): \(hint)")
        }
        return file
    }

    /// `certs/` lies beside `.build/`, in which this program was built.
    private static func findScripts(from start: URL) throws -> URL {
        var directory = start
        while directory.path != "/" {
            let candidate = directory.appending(path: "certs")
            if FileManager.default.isExecutableFile(atPath: candidate.appending(path: "make-authority").path) {
                return candidate
            }
            directory.deleteLastPathComponent()
        }
        throw BenchError("no certs/make-authority in a directory above \(start.path): give --certificate-scripts")
    }
}
