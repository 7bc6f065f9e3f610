import Glibc
import Testing

extension Cluster {
    /// Sends a WAIT and lets `body` go on once the agent of `trainer` watches and has found nothing.
    func waiting(_ path: String, deadline: UInt32 = 60_000, _ body: (RawPeer) async throws -> Void) async throws {
        let asker = try await session().control
        asker.send(.wait(path, of: "trainer", deadline: deadline, stream: 1))
        try await trainer.says("waiting")
        try await body(asker)
    }
}

extension RawPeer {
    func expectYes(stream: UInt32 = 1, _ location: SourceLocation = #_sourceLocation) async throws {
        #expect(try await frame() == .existsReply(stream: stream), sourceLocation: location)
    }

    /// Whatever the relay was sent before on this connection, it has taken.
    func relayHasTaken(stream: UInt32) async throws {
        send(.echo(stream: stream))
        #expect(try await frame(RawFrame.echoReply).stream == stream)
    }
}

extension Agent {
    /// Directories that its process watches, by whatever descriptor.
    var watches: Int {
        get async throws {
            let lines = try await shell(
                "cat /proc/\(program.pid)/fdinfo/* 2>/dev/null | grep '^inotify' | sort -u || true", in: "/")
            return lines.split(separator: "\n").count
        }
    }
}
