import Foundation

/// The programs of `baton-yardstick`, with the certificates of the stage.
struct Yardstick {
    let stage: Stage
    private let executable: URL

    init(on stage: Stage) throws {
        self.stage = stage
        executable = try stage.installation.program("baton-yardstick")
    }

    private func start(
        _ mode: String, as identity: String, _ operands: [String], input: Pipe? = nil, answers: Pipe? = nil
    ) throws -> Child {
        try stage.start(
            "yardstick-\(mode)", executable, [stage.certificates(of: identity), mode] + operands,
            input: input, answers: answers)
    }

    /// Relays a file once: how long it took, and the CPU seconds of the three processes.
    func transfer(_ source: URL, to destination: URL) async throws -> (duration: Duration, cpuSeconds: PerProcess) {
        let relay = try start("relay", as: stage.relay, ["0"])
        let address = try await hostAndPort(of: relay)
        let clock = ContinuousClock()
        let begin = clock.now
        let receiver = try start("receive", as: stage.receiver, address + [destination.path])
        let sender = try start("send", as: stage.origin, address + [source.path])
        let sinkCPU = try cpuSeconds(in: await receiver.finish(within: .seconds(600)))
        let duration = clock.now - begin
        return (
            duration,
            PerProcess(
                source: try cpuSeconds(in: await sender.finish(within: .seconds(20))),
                relay: try cpuSeconds(in: await relay.finish(within: .seconds(20))),
                sink: sinkCPU)
        )
    }

    /// Starts an echo relay with a server behind it, and a client that waits to be asked.
    func startEcho() async throws -> EchoClient {
        let relay = try start("echo-relay", as: stage.relay, ["0"])
        let address = try await hostAndPort(of: relay)
        _ = try start("echo-server", as: stage.origin, address)
        let input = Pipe()
        let answers = Pipe()
        let client = try start("echo-client", as: stage.receiver, address, input: input, answers: answers)
        return EchoClient(child: client, input: input.fileHandleForWriting, answers: answers.fileHandleForReading)
    }

    private func hostAndPort(of relay: Child) async throws -> [String] {
        try await relay.ready().split(separator: ":").map(String.init)
    }

    /// The sum in the line `cpu mode=MODE user=SECONDS sys=SECONDS`.
    private func cpuSeconds(in errors: String) throws -> Double {
        let line = errors.split(separator: "\n").last { $0.hasPrefix("cpu ") } ?? ""
        let times = line.split(separator: " ").dropFirst(2).compactMap { Double($0.drop { $0 != "=" }.dropFirst()) }
        guard times.count == 2 else { throw BenchError("the yardstick did not say its CPU time: \(errors)") }
        return times[0] + times[1]
    }
}

/// A connection through the echo relay, kept over many round trips.
struct EchoClient {
    let child: Child
    let input: FileHandle
    let answers: FileHandle

    /// Makes round trips one after the other and returns what each took, in microseconds.
    func roundTrips(_ count: Int, within limit: Duration = .seconds(30)) async throws -> [Double] {
        try input.write(contentsOf: Data("\(count)\n".utf8))
        var line = Data()
        while line.last != UInt8(ascii: "\n") {
            var waiting = pollfd(fd: answers.fileDescriptor, events: Int16(POLLIN), revents: 0)
            try await poll("\(child.name) to answer", within: limit) { Foundation.poll(&waiting, 1, 0) == 1 }
            let more = answers.availableData
            guard !more.isEmpty else { throw BenchError("\(child.name) has gone") }
            line += more
        }
        let samples = String(decoding: line, as: UTF8.self).split(whereSeparator: \.isWhitespace).compactMap {
            Double($0)
        }
        guard samples.count == count else { throw BenchError("\(child.name) answered oddly") }
        return samples
    }
}
