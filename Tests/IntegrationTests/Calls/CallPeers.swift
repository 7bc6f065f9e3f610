import Testing

extension Cluster {
    /// A greeted control connection in the name of a work of the app `demo`.
    func greeted(_ work: String) async throws -> RawPeer {
        let peer = try await peer(work)
        _ = try await peer.greet()
        return peer
    }

    /// `third`, which calls, and `fourth`, which is called, each with a connection of its own to the relay.
    func callerAndOwner() async throws -> (caller: RawPeer, owner: RawPeer) {
        (try await greeted("third"), try await greeted("fourth"))
    }
}

extension Agent {
    /// A greeted connection to its socket, as a program on its machine has one.
    func program() async throws -> RawPeer {
        let peer = try await RawPeer.dial(socket: socket)
        _ = try await peer.greet()
        return peer
    }

    /// A program that takes the calls of its work.
    func host() async throws -> RawPeer {
        let host = try await program()
        host.send(.attach(stream: 1))
        _ = try await host.frame(RawFrame.attachReply)
        return host
    }
}

extension RawPeer {
    /// Takes a CALL.
    ///
    /// - Returns: what it says, and on which stream it came.
    func takeCall(within limit: Duration = .seconds(20)) async throws -> (call: RawFrame.Call, stream: UInt32) {
        let frame = try await frame(RawFrame.call, within: limit)
        return (frame.call, frame.stream)
    }

    /// Takes an ERROR, which must be the end of this stream.
    func refusal(of stream: UInt32, within limit: Duration = .seconds(20)) async throws -> RawFrame {
        let error = try await frame(RawFrame.error, within: limit)
        guard error.stream == stream else { throw Failure("an ERROR on stream \(error.stream): \(error.words)") }
        return error
    }

    /// Waits until the other side has taken, and dealt with, what was sent before; what it says meanwhile must be nothing.
    func settle(stream: UInt32) async throws {
        send(.echo(stream: stream))
        let frame = try await frame(RawFrame.echoReply)
        guard frame.stream == stream else { throw Failure("an echo of another stream: \(frame)") }
    }

    /// Nothing comes for a while.
    func expectSilence(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        try await Task.sleep(for: .milliseconds(300))
        #expect(!hasFrame, sourceLocation: sourceLocation)
    }
}

/// Codes of chapter 8.
enum Code {
    static let usage: UInt16 = 2
    static let unreachable: UInt16 = 5
    static let deadline: UInt16 = 6
    static let alreadyExists: UInt16 = 9
    static let cancelled: UInt16 = 12
    static let interrupted: UInt16 = 13
    static let busy: UInt16 = 14
    static let unsupported: UInt16 = 16
    static let tooLarge: UInt16 = 17
    static let lost: UInt16 = 18
    static let malformed: UInt16 = 256
    static let frameTooLarge: UInt16 = 258
    static let unexpectedFrame: UInt16 = 260
    static let wrongConnection: UInt16 = 261
    static let versionMismatch: UInt16 = 268
    static let replaced: UInt16 = 271
}
