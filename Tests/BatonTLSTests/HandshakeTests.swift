import BatonTLS
import NIOCore
import Testing

@Suite struct HandshakeTests {
    @Test func bothSidesLearnThePeersCertificateAndThenExchangeBytes() throws {
        let pair = try EmbeddedPair(Authority())
        try pair.shakeHands()

        #expect(pair.client.recorder.peer?.dnsNames == ["localhost"])
        #expect(pair.client.recorder.peer?.ipAddresses == ["127.0.0.1", "::1"])
        #expect(pair.server.recorder.peer?.uriNames == ["spiffe://test.example/app/demo/work/trainer"])

        pair.client.write("from the client")
        pair.server.write("from the server")
        try pair.exchange()
        #expect(pair.server.received == "from the client")
        #expect(pair.client.received == "from the server")
        #expect(pair.client.recorder.errors.isEmpty && pair.server.recorder.errors.isEmpty)
    }
}
