import Foundation

/// An ssh server of the bench's own on loopback, with keys of its own, for `rsync` to go through: what people use today.
///
/// All its files are in the stage. What it cannot do (no `sshd`, no `rsync`) is an error that says so.
struct SecureShell {
    private let rsync: URL
    private let command: String
    private let host: String

    init(on stage: Stage) async throws {
        guard let rsync = Installation.systemProgram("rsync"), Installation.systemProgram("ssh") != nil,
            let server = Installation.systemProgram("sshd"), let keygen = Installation.systemProgram("ssh-keygen")
        else { throw BenchError("rsync, ssh and sshd are needed (Debian: rsync, openssh-client, openssh-server)") }
        self.rsync = rsync
        let directory = stage.directory.appending(path: "ssh")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        func path(_ name: String) -> String { directory.appending(path: name).path }
        for key in ["host", "user"] {
            let arguments = ["-q", "-t", "ed25519", "-N", "", "-f", path(key)]
            _ = try await stage.time("ssh-keygen", keygen, arguments, within: .seconds(30))
        }
        try FileManager.default.copyItem(atPath: path("user.pub"), toPath: path("authorized"))
        try SecureShell.makePrivilegeSeparationDirectory()

        let port = try SecureShell.freePort()
        let settings = [
            "ListenAddress": "127.0.0.1", "Port": "\(port)", "HostKey": path("host"), "PidFile": "none",
            "AuthorizedKeysFile": path("authorized"), "StrictModes": "no", "UsePAM": "no",
            "PasswordAuthentication": "no", "KbdInteractiveAuthentication": "no", "PermitRootLogin": "yes",
        ]
        let options = settings.sorted { $0.key < $1.key }.flatMap { ["-o", "\($0.key)=\($0.value)"] }
        let child = try stage.start("sshd", server, ["-D", "-e", "-f", "/dev/null"] + options)
        try await poll("sshd to listen", within: .seconds(20)) {
            try child.checkRunning()
            return SecureShell.isListening(port)
        }

        command =
            "ssh -F none -p \(port) -i \(path("user")) -o IdentitiesOnly=yes -o BatchMode=yes "
            + "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
        host = "\(NSUserName())@127.0.0.1"
    }

    /// Copies a directory by `rsync -a` from the server's side and returns how long that took.
    func copy(_ source: URL, to copy: URL, on stage: Stage, within limit: Duration) async throws -> Duration {
        let arguments = ["-a", "-e", command, "\(host):\(source.path)/", "\(copy.path)/"]
        return try await stage.time("rsync", rsync, arguments, within: limit)
    }

    /// sshd of root wants this empty directory, which its service makes when it is started.
    private static func makePrivilegeSeparationDirectory() throws {
        guard geteuid() == 0, mkdir("/run/sshd", 0o755) != 0, errno != EEXIST else { return }
        throw BenchError("cannot make /run/sshd, which sshd wants: \(String(cString: strerror(errno)))")
    }

    /// sshd does not say which port it got. Another process may take this one first; then sshd ends, and says so.
    private static func freePort() throws -> UInt16 {
        let socket = try openSocket()
        defer { close(socket) }
        var address = sockaddr_in.loopback(port: 0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, size) == 0 ? getsockname(socket, $0, &size) : -1
            }
        }
        guard result == 0 else { throw BenchError("there is no free port: \(String(cString: strerror(errno)))") }
        return UInt16(bigEndian: address.sin_port)
    }

    private static func isListening(_ port: UInt16) -> Bool {
        guard let socket = try? openSocket() else { return false }
        defer { close(socket) }
        var address = sockaddr_in.loopback(port: port)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private static func openSocket() throws -> CInt {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw BenchError("cannot open a socket: \(String(cString: strerror(errno)))") }
        return descriptor
    }
}

extension sockaddr_in {
    fileprivate static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr = in_addr(s_addr: UInt32(0x7F00_0001).bigEndian)
        return address
    }
}
