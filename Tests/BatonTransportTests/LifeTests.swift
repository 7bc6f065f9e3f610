import BatonProtocol
import NIOCore
import NIOEmbedded
import Testing

@testable import BatonTransport

@Suite("A connection is dead when nothing comes for three keepalive intervals")
struct LifeTests {
    /// Whether a lane lives after 20 seconds, with so many milliseconds between one read and the next.
    private func lives(readsEvery interval: Int64?) throws -> Bool {
        let handler = ConnectionHandler(greetedLane: Nobody(), keepalive: 5000)
        let channel = EmbeddedChannel(handler: handler)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        let loop = channel.embeddedEventLoop
        for _ in 0..<200 {
            loop.advanceTime(by: .milliseconds(100))
            // What TLS makes of a part of a record: no plaintext.
            if let interval, loop.now.uptimeNanoseconds / 1_000_000 % UInt64(interval) == 0 {
                channel.pipeline.fireChannelReadComplete()
            }
        }
        return channel.isActive
    }

    @Test("Bytes of a record or a frame that is not complete count")
    func parts() throws { #expect(try lives(readsEvery: 4000)) }

    @Test("Silence does not")
    func silence() throws { #expect(try !lives(readsEvery: nil)) }
}
