import BatonTLS
import COpenSSL
import NIOCore
import NIOEmbedded
import Testing

@Suite struct ErrorQueueTests {
    let authority: Authority

    init() throws {
        authority = try Authority()
    }

    /// Leaves an entry in this thread's error queue, as code that ignores a failure does.
    private func leaveStaleError() {
        #expect(BIO_new_file("/nonexistent", "r") == nil)
        #expect(ERR_peek_error() != 0)
    }

    @Test func `a stale entry in the error queue harms neither handshake nor transfer nor close`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.server.activate()
        try pair.client.activate()
        pair.client.write("through")
        for _ in 0..<4 {
            for (from, to) in [(pair.client, pair.server), (pair.server, pair.client)] {
                while var ciphertext = try from.takeCiphertext() {
                    // Two pieces, so that OpenSSL has to ask for more in the middle of a record.
                    let half = ciphertext.readSlice(length: ciphertext.readableBytes / 2) ?? ByteBuffer()
                    for piece in [half, ciphertext] {
                        leaveStaleError()
                        to.channel.pipeline.fireChannelRead(piece)
                    }
                }
            }
        }
        #expect(pair.server.received == "through")
        leaveStaleError()
        pair.server.channel.close(promise: nil)
        leaveStaleError()
        try pair.exchange()
        #expect(pair.client.recorder.errors.isEmpty && pair.server.recorder.errors.isEmpty)
        ERR_clear_error()
    }

    @Test func `a failure leaves nothing in the error queue`() throws {
        ERR_clear_error()
        let side = try EmbeddedSide(.server, authority.relay())
        try side.activate()
        side.channel.pipeline.fireChannelRead(ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"))
        #expect(side.recorder.failures.count == 1)
        #expect(ERR_peek_error() == 0)
    }
}
