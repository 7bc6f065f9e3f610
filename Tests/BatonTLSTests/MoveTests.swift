import BatonTLS
import Foundation
import NIOCore
import NIOEmbedded
import NIOPosix
import Testing

@Suite(.timeLimit(.minutes(1))) struct MoveTests {
    let authority: Authority

    init() throws {
        authority = try Authority()
    }

    @Test func `a detached connection goes on in another handler without a handshake`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.shakeHands()
        pair.client.write("before ")
        try pair.exchange()

        let connection = try pair.server.handler.detach()
        #expect(connection.peer == pair.server.recorder.peer)
        let moved = try EmbeddedSide(connection)
        try moved.activate()
        let after = EmbeddedPair(client: pair.client, server: moved)
        for round in 1...3 {
            pair.client.write("\(round)")
            moved.write("\(round)")
            try after.exchange()
        }
        #expect(moved.received == "123")
        #expect(pair.client.received == "123")
        #expect(moved.recorder.handshakes == 0)

        // The old channel says nothing any more: no close_notify when it closes, no error.
        pair.server.channel.close(promise: nil)
        #expect(try pair.server.takeCiphertext() == nil)
        #expect(pair.server.recorder.errors.isEmpty)

        moved.channel.close(promise: nil)
        try after.exchange()
        #expect(pair.client.recorder.errors.isEmpty && !pair.client.channel.isActive)
    }

    @Test func `the handler that a connection was taken from refuses writes and passes no bytes`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.shakeHands()
        let connection = try pair.server.handler.detach()
        #expect(throws: TLSError.self) {
            try pair.server.channel.writeAndFlush(ByteBuffer(string: "x")).wait()
        }
        pair.server.channel.pipeline.fireChannelRead(ByteBuffer(string: "ciphertext"))
        #expect(pair.server.received.isEmpty)
        #expect(throws: TLSError.self) { _ = try pair.server.handler.detach() }
        withExtendedLifetime(connection) {}
    }

    @Test func `a connection cannot be moved before the handshake is done`() throws {
        let side = try EmbeddedSide(.server, authority.relay())
        try side.activate()
        let error = #expect(throws: TLSError.self) { _ = try side.handler.detach() }
        #expect(error?.code == .notDetachable)
    }

    @Test func `a connection cannot be moved while plaintext waits to be flushed`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.shakeHands()
        pair.server.channel.write(ByteBuffer(string: "waiting"), promise: nil)
        #expect(throws: TLSError.self) { _ = try pair.server.handler.detach() }
        pair.server.channel.flush()
        #expect(throws: Never.self) { _ = try pair.server.handler.detach() }
    }

    @Test func `a connection cannot be moved after a close`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.shakeHands()
        pair.server.channel.close(promise: nil)
        #expect(throws: TLSError.self) { _ = try pair.server.handler.detach() }
    }

    @Test func `a connection can be moved from within the delivery of its first bytes`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.shakeHands()
        var taken: TLSConnection?
        pair.server.recorder.onRead = { [handler = pair.server.handler] _, _ in
            taken = try? handler.detach()
        }
        pair.client.write("join")
        try pair.exchange()
        let moved = try EmbeddedSide(#require(taken))
        try moved.activate()
        pair.client.write("data")
        try EmbeddedPair(client: pair.client, server: moved).exchange()
        #expect(moved.received == "data")
    }

    @Test func `what came with the end of the handshake goes along`() throws {
        let pair = try EmbeddedPair(authority)
        let (client, server) = (pair.client, pair.server)
        var taken: TLSConnection?
        server.recorder.onHandshake = { taken = try? server.handler.detach() }
        client.recorder.onHandshake = { client.write("hello") }
        try server.activate()
        try client.activate()
        try server.receive(client.takeAllCiphertext())
        try client.receive(server.takeAllCiphertext())
        try server.receive(client.takeAllCiphertext())
        (server.recorder.onHandshake, client.recorder.onHandshake) = (nil, nil)
        #expect(server.received == "")

        let moved = try EmbeddedSide(#require(taken))
        try moved.activate()
        #expect(moved.received == "hello")
    }

    @Test func `a connection moves to another event loop with a duplicate of its socket, under traffic`() async throws {
        let pair = try await SocketPair(authority, clientClosesAt: 10_000_000)
        try await pair.serverLog.handshake.get()
        let target = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
        let movedLog = SocketLog(target)

        let (descriptor, box) = try await pair.server.eventLoop.submit {
            let operations = pair.server.pipeline.syncOperations
            let connection = try operations.handler(type: TLSHandler.self).detach()
            let descriptor = try operations.withUnsafeTransportIfAvailable(of: CInt.self) { dup($0) }
            return (descriptor, NIOLoopBoundBox.makeBoxSendingValue(connection, eventLoop: target))
        }.get()
        try await pair.server.close()
        let moved = try await ClientBootstrap(group: target)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        TLSHandler(connection: box.value), SocketRecorder(movedLog),
                    ])
                }
            }
            .withConnectedSocket(#require(descriptor)).get()

        var digest = SHA256()
        for _ in 0..<100 {
            let buffer = try randomBuffer(100_000)
            digest.update(buffer.readableBytesView)
            pair.client.writeAndFlush(buffer, promise: nil)
            moved.writeAndFlush(buffer, promise: nil)
        }
        let sent = digest.finalize()
        // The client closes when it has everything.
        let up = try await movedLog.end.get()
        let down = try await pair.clientLog.end.get()
        #expect(up.digest == sent && up.errors.isEmpty)
        #expect(down.digest == sent && down.errors.isEmpty)
    }
}
