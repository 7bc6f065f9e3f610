import Foundation
import Glibc
import Testing

@Suite("The daemons begin and end as service managers expect", .timeLimit(.patientMinutes(30)))
struct DaemonTests {
    // MARK: Ready

    @Test("A daemon prints one line on stdout when it serves: ready and its place")
    func readyLines() async throws {
        try await Cluster.run { cluster in
            #expect(cluster.relay.program.stdout.wholeMatch(of: /ready 127\.0\.0\.1:[1-9][0-9]*\n/) != nil)
            #expect(cluster.trainer.program.stdout == "ready \(cluster.trainer.socket)\n")
        }
    }

    @Test("A daemon tells $NOTIFY_SOCKET that it is ready", arguments: ["baton-relay", "baton-agent"])
    func notify(_ daemon: String) async throws {
        try await Cluster.run { cluster in
            let listener = try DatagramSocket(path: cluster.folder.path("notify"))
            let environment = ["NOTIFY_SOCKET": listener.path]
            let program: Program
            if daemon == "baton-relay" {
                program = try Program(
                    [
                        Program.ours(daemon), "--listen", "127.0.0.1:0", "--certs", cluster.certificates.relay,
                        "--store",
                        cluster.folder.path("store-2"),
                    ], environment: environment)
            } else {
                program = try cluster.agent("third", environment: environment).program
            }
            try await eventually("READY=1") {
                listener.receive() == "READY=1"
            } otherwise: {
                program.stderr
            }
        }
    }

    @Test("The agent's folder is its user's alone (0700), and so is its socket (0600)")
    func modes() async throws {
        try await Cluster.run { cluster in
            let modes = try await shell("stat -c %a .baton .baton/agent.sock", in: cluster.deploy.root)
            #expect(modes == "700\n600\n")
        }
    }

    @Test("An agent makes its root directory if there is none")
    func makesRoot() async throws {
        try await Cluster.run { cluster in
            let agent = try cluster.agent("third", root: cluster.folder.path("deep/er/root"))
            #expect(try await agent.ready() == cluster.folder.path("deep/er/root/.baton/agent.sock"))
        }
    }

    @Test("A relative root is below the working directory, and the ready line names the socket by an absolute path")
    func relativeRoot() async throws {
        try await Cluster.run { cluster in
            let agent = try Program(
                [
                    Program.ours("baton-agent"), "--relay", cluster.relay.address, "--certs",
                    cluster.certificates.work("third"), "--root", "here",
                ], in: cluster.folder.path)
            #expect(try await readyLine(of: agent) { agent.stdout } == cluster.folder.path("here/.baton/agent.sock"))
        }
    }

    @Test("A root whose socket path is longer than the kernel takes works")
    func longRoot() async throws {
        try await Cluster.run("mkdir outputs; echo 1 > outputs/file") { cluster in
            let name = String(repeating: "long", count: 40)
            let agent = try cluster.agent("third", root: cluster.folder.path("\(name)/\(name)/\(name)"))
            #expect(try await agent.ready() == agent.socket)
            let answer = try await agent.baton("get", "lit://trainer@outputs/file")
            #expect(answer.status == 0, "\(answer)")
            let named = try await cluster.deploy.baton("ping", "--socket", agent.socket)
            #expect(named.status == 0, "\(named)")
        }
    }

    // MARK: The end

    @Test("SIGTERM ends an agent with status 0, and its socket is gone", arguments: [SIGTERM, SIGINT])
    func endAgent(_ signal: CInt) async throws {
        try await Cluster.run { cluster in
            cluster.deploy.program.send(signal)
            let status = try await cluster.deploy.program.status(within: .seconds(10))
            #expect(status == 0)
            #expect(!FileManager.default.fileExists(atPath: cluster.deploy.socket))
        }
    }

    @Test("SIGTERM ends a relay with status 0, and its agents wait for the next", arguments: [SIGTERM, SIGINT])
    func endRelay(_ signal: CInt) async throws {
        try await Cluster.run { cluster in
            cluster.relay.program.send(signal)
            #expect(try await cluster.relay.program.status(within: .seconds(10)) == 0)
            try await cluster.deploy.says("lost the relay")
            #expect(cluster.deploy.program.isRunning)
            _ = try await Relay(
                in: cluster.folder, certificates: cluster.certificates.relay, listen: cluster.relay.address)
        }
    }

    @Test("A work whose agent has ended is away at once")
    func awayAtOnce() async throws {
        try await Cluster.run(flags: ["--persist-within", "0"]) { cluster in
            cluster.trainer.program.send(SIGTERM)
            _ = try await cluster.trainer.program.status()
            let answer = try await cluster.deploy.baton("exists", "lit://trainer@outputs")
            #expect(answer.status == 69, "\(answer)")
        }
    }

    // MARK: One agent, one root

    @Test("TLS-19: A second agent on the same root is refused with 73 while the first lives, which goes on serving")
    func sameRoot() async throws {
        try await Cluster.run { cluster in
            let second = try cluster.agent("third", root: cluster.deploy.root)
            let output = try await second.program.output()
            #expect(output.status == 73 && output.stderr.contains("another agent serves"), "\(output)")
            try await cluster.expectHealthy()
        }
    }

    @Test("The socket that a killed agent left behind is replaced")
    func staleSocket() async throws {
        try await Cluster.run { cluster in
            try await cluster.deploy.program.kill()
            #expect(FileManager.default.fileExists(atPath: cluster.deploy.socket))
            let again = try cluster.agent("deploy", root: cluster.deploy.root)
            try await again.ready()
            let answer = try await again.baton("exists", "lit://trainer@outputs")
            #expect(answer.status == 0, "\(answer)")
        }
    }

    @Test("A silent program on the socket does not keep others from being served")
    func silentClient() async throws {
        try await Cluster.run { cluster in
            let script =
                "import socket, sys, time; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); time.sleep(60)"
            let silent = try (0..<20).map { _ in try Program(["python3", "-c", script, cluster.deploy.socket]) }
            try await Task.sleep(for: .milliseconds(500))
            try await cluster.expectHealthy()
            withExtendedLifetime(silent) {}
        }
    }

    // MARK: Beginning without a relay

    @Test(
        "TLS-18: An agent answers no program of another user, also if that can reach its socket",
        .enabled(if: geteuid() == 0), arguments: [0, 65_534])
    func otherUser(_ user: Int) async throws {
        try await Cluster.run { cluster in
            var place = cluster.deploy.socket
            chmod(place, 0o666)
            while place.hasPrefix(cluster.folder.path("")), place.count > 1 {
                place = URL(filePath: place).deletingLastPathComponent().path
                chmod(place, 0o755)
            }
            let script = """
                import os, socket, sys
                os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
                s = socket.socket(socket.AF_UNIX); s.settimeout(10); s.connect(sys.argv[1])
                try: s.sendall(bytes.fromhex(sys.argv[3])); print(s.recv(5)[4:].hex())
                except ConnectionError: print()
                """
            let hello = RawFrame.hello().bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            let answer = try await Program(["python3", "-c", script, cluster.deploy.socket, "\(user)", hello]).output()
            #expect(answer.stdout == (user == 0 ? "02\n" : "\n"), "\(answer)")
        }
    }

    @Test("TLS-18: A program believes no agent of another user", .enabled(if: geteuid() == 0), arguments: [0, 65_534])
    func otherUsersAgent(_ user: Int) async throws {
        let folder = try TemporaryFolder()
        chmod(folder.path(""), 0o777)
        // WELCOME of the work x of the app demo, and whatever the question is: an ECHO_REPLY.
        let script = """
            import os, socket, sys
            os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
            s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(1); c = s.accept()[0]; c.recv(100)
            c.sendall(bytes.fromhex("000000250200000000000000" "0001" + 15 * "00" + "01" "0100" "00001388" + 4 * "00"
                + "0464656d6f" "0178" "00" "00"))
            print(c.recv(5)[4:].hex(), flush=True)
            """
        let agent = try Program(["python3", "-c", script, folder.path("a.sock"), "\(user)"])
        try await eventually("the socket") { FileManager.default.fileExists(atPath: folder.path("a.sock")) }
        try await Task.sleep(for: .milliseconds(300))
        let answer = try await Program([Program.ours("baton"), "ping", "--socket", folder.path("a.sock")]).output()
        try await eventually("what the program sends") { !agent.isRunning }
        #expect(answer.status != 0)
        // ECHO, or GOAWAY.
        #expect(agent.stdout == (user == 0 ? "14\n" : "08\n"), "\(agent.stderr)")
        #expect(answer.stderr.contains("another user") == (user != 0), "\(answer)")
    }

    @Test("An agent waits for a relay that starts later")
    func waitsForRelay() async throws {
        try await Cluster.run { cluster in
            try await cluster.relay.program.kill()
            let agent = try cluster.agent("third")
            try await agent.says("cannot reach the relay at \(cluster.relay.address)")
            #expect(agent.program.stdout.isEmpty && agent.program.isRunning)
            let relay = try await Relay(
                in: cluster.folder, certificates: cluster.certificates.relay, listen: cluster.relay.address)
            try await agent.ready(within: .seconds(15))
            withExtendedLifetime(relay) {}
        }
    }

    @Test(
        "An agent that waits for a relay ends when it is told to, and does not begin its command",
        arguments: [[], ["touch", "begun"]])
    func toldWhileItWaits(_ command: [String]) async throws {
        try await Cluster.run { cluster in
            try await cluster.relay.program.kill()
            let command = command.map { $0 == "begun" ? cluster.folder.path("demo-third/begun") : $0 }
            let agent = try cluster.agent("third", flags: ["--share", "outputs"], command: command)
            try await agent.says("cannot reach the relay")
            #expect(try await agent.end(within: .seconds(10)) == (command.isEmpty ? 0 : 75))
            #expect(!FileManager.default.fileExists(atPath: agent.root + "/begun"))
            #expect(!FileManager.default.fileExists(atPath: agent.socket))
        }
    }

    @Test("An agent gives up with 69 when the relay has not come within --connect-within")
    func connectWithin() async throws {
        try await Cluster.run { cluster in
            try await cluster.relay.program.kill()
            let agent = try cluster.agent("third", flags: ["--connect-within", "1"])
            let output = try await agent.program.output(within: .seconds(15))
            #expect(output.status == 69 && output.stderr.contains(cluster.relay.address), "\(output)")
            #expect(!FileManager.default.fileExists(atPath: agent.socket))
        }
    }

    @Test("A relay whose address is taken ends and names it")
    func addressTaken() async throws {
        try await Cluster.run { cluster in
            let second = try Program([
                Program.ours("baton-relay"), "--listen", cluster.relay.address, "--certs", cluster.certificates.relay,
                "--store", cluster.folder.path("store-2"),
            ])
            let output = try await second.output()
            #expect(output.status == 69 && output.stderr.contains(cluster.relay.address), "\(output)")
        }
    }

    // MARK: What may be shared

    @Test("A path that may be read but not written is shared with --serve-read-only alone")
    func readOnly() async throws {
        try await Cluster.run { cluster in
            let root = cluster.folder.path("third")
            try await shell("mkdir -p '\(root)/data'; echo 1 > '\(root)/data/file'; chmod 555 '\(root)/data'", in: "/")
            let refused = try cluster.agent(
                "third", root: root, flags: ["--share", "data"])
            let output = try await refused.program.output()
            #expect(output.status == 77 && output.stderr.contains("--serve-read-only"), "\(output)")
            let serving = try cluster.agent(
                "third", root: root, flags: ["--share", "data", "--serve-read-only"])
            try await serving.ready()
            let answer = try await cluster.deploy.baton("get", "lit://third@data", "copy")
            #expect(answer.status == 0, "\(answer)")
        }
    }

    @Test("An agent that runs as root says so in its log", .enabled(if: geteuid() == 0))
    func root() async throws {
        try await Cluster.run { cluster in
            #expect(cluster.trainer.log.contains("running as root"))
        }
    }
}

/// Where a service manager waits for word.
private final class DatagramSocket: Sendable {
    let path: String
    private let descriptor: CInt

    init(path: String) throws {
        self.path = path
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw Failure("\(path) is too long")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue), 0)
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0 else { throw Failure("cannot bind \(path): \(String(cString: strerror(errno)))") }
    }

    deinit { close(descriptor) }

    /// A datagram that has come.
    func receive() -> String? {
        var buffer = [UInt8](repeating: 0, count: 1024)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }
}
