import BatonTLS
import COpenSSL
import NIOCore
import NIOEmbedded
import NIOPosix
import Testing

@Suite(.timeLimit(.minutes(1))) struct CloseTests {
    let authority: Authority

    init() throws {
        authority = try Authority()
    }

    @Test func `a close is announced to the peer, which sees a clean end`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.shakeHands()
        pair.client.write("goodbye")
        pair.client.channel.close(promise: nil)
        try pair.exchange()
        #expect(pair.server.received == "goodbye")
        #expect(!pair.server.channel.isActive)
        #expect(pair.server.recorder.errors.isEmpty && pair.client.recorder.errors.isEmpty)
    }

    @Test func `an end without close_notify is an error before the channel becomes inactive`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.shakeHands()
        pair.server.channel.pipeline.fireChannelInactive()
        #expect(pair.server.recorder.failures.map(\.code) == [.truncated])
        #expect(pair.server.recorder.lateErrors == 0 && pair.server.recorder.wentInactive)
    }

    @Test func `an end in the middle of a record is an error and delivers nothing of it`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.shakeHands()
        pair.client.write("cut short")
        let ciphertext = try #require(try pair.client.takeCiphertext())
        let part = try #require(ciphertext.getSlice(at: ciphertext.readerIndex, length: ciphertext.readableBytes - 1))
        pair.server.channel.pipeline.fireChannelRead(part)
        pair.server.channel.pipeline.fireChannelInactive()
        #expect(pair.server.recorder.failures.map(\.code) == [.truncated])
        #expect(pair.server.received.isEmpty)
    }

    @Test func `an end during the handshake is an error`() throws {
        let side = try EmbeddedSide(.server, authority.relay())
        try side.activate()
        side.channel.pipeline.fireChannelInactive()
        #expect(side.recorder.failures.map(\.code) == [.truncated])
        #expect(side.recorder.failures.first?.message.contains("handshake") == true)
    }

    @Test func `a half-closed connection is a truncated one`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.shakeHands()
        pair.server.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(pair.server.recorder.failures.map(\.code) == [.truncated])
        #expect(!pair.server.channel.isActive)
    }

    @Test func `bytes in front of a close_notify in the same read are delivered`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.shakeHands()
        pair.client.write("last words")
        pair.client.channel.close(promise: nil)
        var all = ByteBuffer()
        while let piece = try pair.client.takeCiphertext() { all.writeImmutableBuffer(piece) }
        pair.server.channel.pipeline.fireChannelRead(all)
        #expect(pair.server.received == "last words")
        #expect(pair.server.recorder.errors.isEmpty && !pair.server.channel.isActive)
    }

    @Test func `bytes in front of a broken record in the same read are delivered before the error`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.shakeHands()
        pair.client.write("good")
        var ciphertext = try #require(try pair.client.takeCiphertext())
        ciphertext.writeBytes([23, 3, 3, 0, 32] + [UInt8](repeating: 0, count: 32))
        var errorsAtRead = -1
        let recorder = pair.server.recorder
        recorder.onRead = { [unowned recorder] _, _ in errorsAtRead = recorder.errors.count }
        pair.server.channel.pipeline.fireChannelRead(ciphertext)
        #expect(pair.server.received == "good")
        #expect(errorsAtRead == 0)
        #expect(pair.server.recorder.failures.map(\.code) == [.protocolFailure])
    }

    @Test func `a write that was not flushed before a close fails`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.shakeHands()
        let written = pair.client.channel.write(ByteBuffer(string: "never flushed"))
        pair.client.channel.close(promise: nil)
        let error = #expect(throws: TLSError.self) { try written.wait() }
        #expect(error?.code == .closed)
        try pair.exchange()
        #expect(pair.server.received.isEmpty)
    }

    @Test func `closing during the handshake closes at once`() throws {
        let side = try EmbeddedSide(.client, authority.work())
        try side.activate()
        try side.channel.close().wait()
        #expect(!side.channel.isActive)
        #expect(side.recorder.errors.isEmpty)
    }

    @Test func `closing one direction alone is not offered`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.shakeHands()
        #expect(throws: ChannelError.self) { try pair.client.channel.close(mode: .output).wait() }
        #expect(pair.client.channel.isActive)
    }

    @Test func `the last words arrive although the peer is still sending`() async throws {
        let pair = try await SocketPair(authority)
        try await pair.clientLog.handshake.get()
        try await pair.serverLog.handshake.get()
        // The server does not read what the client pours out, so its socket is full when it closes.
        try await pair.server.setOption(.autoRead, value: false).get()
        pair.client.writeAndFlush(ByteBuffer(repeating: 1, count: 32 << 20), promise: nil)
        try await Task.sleep(for: .milliseconds(100))
        pair.server.writeAndFlush(ByteBuffer(string: "the reason"), promise: nil)
        try await pair.server.close()
        let got = try await pair.clientLog.end.get()
        #expect(got.start == Array("the reason".utf8))
        #expect(got.errors.isEmpty)
        #expect(try await pair.serverLog.end.get().errors.isEmpty)
    }

    @Test func `a peer that neither reads nor closes delays a close by no more than the linger time`() async throws {
        let pair = try await SocketPair(authority)
        try await pair.clientLog.handshake.get()
        try await pair.client.setOption(.autoRead, value: false).get()
        pair.server.writeAndFlush(ByteBuffer(repeating: 1, count: 64 << 20), promise: nil)
        let start = ContinuousClock.now
        try await pair.server.close()
        let waited = start.duration(to: .now)
        #expect(waited > .seconds(1) && waited < .seconds(30), "\(waited)")
        try await pair.client.close()
    }

    @Test func `a second close waits for the first one`() async throws {
        let pair = try await SocketPair(authority)
        try await pair.serverLog.handshake.get()
        let (first, second) = try await pair.server.eventLoop.submit { (pair.server.close(), pair.server.close()) }
            .get()
        try await first.get()
        try await second.get()
        #expect(!pair.server.isActive)
    }

    @Test func `a client learns over a real socket that its certificate was refused, though it was already writing`()
        async throws
    {
        let other = try Authority("Another authority")
        let stranger = try other.work("stranger")
        let pair = try await SocketPair(
            authority,
            clientCredentials: TLSCredentials(
                authorities: authority.authorities, certificate: stranger.certificate, key: stranger.key))
        pair.client.writeAndFlush(ByteBuffer(repeating: 1, count: 1 << 20), promise: nil)
        let client = try await pair.clientLog.end.get()
        let server = try await pair.serverLog.end.get()
        #expect(server.codes == [.unknownAuthority])
        #expect(client.codes == [.refusedByPeer(alert: UInt8(SSL_AD_UNKNOWN_CA))])
        withExtendedLifetime(other) {}
    }

    @Test func `a raw end of the socket is a truncated connection`() async throws {
        let pair = try await SocketPair(authority)
        try await pair.clientLog.handshake.get()
        try await pair.serverLog.handshake.get()
        try await pair.client.eventLoop.submit {
            let handler = try pair.client.pipeline.syncOperations.handler(type: TLSHandler.self)
            pair.client.pipeline.syncOperations.removeHandler(handler, promise: nil)
        }.get()
        try await pair.client.close()
        #expect(try await pair.serverLog.end.get().codes == [.truncated])
    }
}
