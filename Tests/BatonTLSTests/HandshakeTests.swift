import BatonTLS
import Foundation
import NIOCore
import NIOEmbedded
import Testing

@Suite struct HandshakeTests {
    let authority: Authority

    init() throws {
        authority = try Authority()
    }

    @Test func `both sides learn the peer's certificate and then exchange bytes`() throws {
        let pair = try EmbeddedPair(authority)
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

    @Test func `what is written before the handshake ends is sent after it, in order`() throws {
        let pair = try EmbeddedPair(authority)
        pair.client.write("one ")
        try pair.server.activate()
        try pair.client.activate()
        pair.client.write("two ")
        pair.server.write("early")
        try pair.exchange()
        pair.client.write("three")
        try pair.exchange()
        #expect(pair.server.received == "one two three")
        #expect(pair.client.received == "early")
    }

    @Test func `a write that was not flushed before the handshake ended waits for its flush`() throws {
        let pair = try EmbeddedPair(authority)
        pair.client.channel.write(ByteBuffer(string: "later"), promise: nil)
        try pair.shakeHands()
        #expect(pair.server.received.isEmpty)
        pair.client.channel.flush()
        try pair.exchange()
        #expect(pair.server.received == "later")
    }

    @Test func `a handshake in single bytes succeeds and is announced once`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.server.activate()
        try pair.client.activate()
        for _ in 0..<4 {
            for (from, to) in [(pair.client, pair.server), (pair.server, pair.client)] {
                while var ciphertext = try from.takeCiphertext() {
                    while let byte = ciphertext.readSlice(length: 1) {
                        to.channel.pipeline.fireChannelRead(byte)
                    }
                }
            }
        }
        #expect(pair.server.recorder.handshakes == 1)
        #expect(pair.client.recorder.handshakes == 1)
    }

    @Test(arguments: ["127.0.0.1", "::1", "[::1]", "localhost", "LOCALHOST", "localhost."])
    func `a client accepts a certificate that names the host or the address it dialled`(dialled: String) throws {
        let pair = try EmbeddedPair(
            client: EmbeddedSide(.client, authority.work(), dialled: dialled),
            server: EmbeddedSide(.server, authority.relay()))
        try pair.shakeHands()
        #expect(pair.client.recorder.handshakes == 1)
        #expect(pair.client.recorder.errors.isEmpty)
    }

    @Test func `a wildcard stands for one label`() throws {
        let credentials = try authority.relay(names: "DNS:*.example.com")
        for (dialled, isNamed) in [("a.example.com", true), ("a.b.example.com", false), ("example.com", false)] {
            let pair = try EmbeddedPair(
                client: EmbeddedSide(.client, authority.work(), dialled: dialled),
                server: EmbeddedSide(.server, credentials))
            try pair.shakeHands()
            #expect((pair.client.recorder.handshakes == 1) == isNamed, "\(dialled)")
        }
    }

    @Test func `a chain through an intermediate authority is sent and verified`() throws {
        try authority.write("[v]\nbasicConstraints = critical, CA:TRUE\n", to: "intermediate.extensions")
        try authority.openssl(
            "req", "-new", "-subj", "/CN=Middle", "-keyout", "middle.key", "-out", "middle.req", newKey: true)
        try authority.openssl([
            "x509", "-req", "-in", "middle.req", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "9",
            "-extfile", "intermediate.extensions", "-extensions", "v", "-out", "middle.pem",
        ])
        try authority.write("subjectAltName = DNS:localhost\n", to: "leaf.extensions")
        try authority.openssl(
            "req", "-new", "-subj", "/CN=leaf", "-keyout", "leaf.key", "-out", "leaf.req", newKey: true)
        try authority.openssl([
            "x509", "-req", "-in", "leaf.req", "-CA", "middle.pem", "-CAkey", "middle.key", "-CAcreateserial", "-days",
            "9",
            "-extfile", "leaf.extensions", "-out", "leaf.pem",
        ])
        let chain = try ["leaf.pem", "middle.pem"].map {
            try String(contentsOfFile: authority.path($0), encoding: .utf8)
        }
        try authority.write(chain.joined(), to: "chain.pem")
        let credentials = TLSCredentials(
            authorities: authority.authorities, certificate: authority.path("chain.pem"),
            key: authority.path("leaf.key"))
        let pair = try EmbeddedPair(
            client: EmbeddedSide(.client, authority.work()), server: EmbeddedSide(.server, credentials))
        try pair.shakeHands()
        #expect(pair.client.recorder.errors.isEmpty)
        #expect(pair.client.recorder.peer?.subject == "CN=leaf")
    }

    @Test func `a peer that changes its keys is answered`() throws {
        let server = try EmbeddedSide(.server, authority.relay())
        let client = try ForeignPeer(.client, .init(credentials: authority.work()))
        try server.activate()
        try client.exchange(with: server)
        for round in 1...3 {
            client.updateKeys()
            client.write("\(round)")
            try client.exchange(with: server)
            server.write("\(round)")
            try client.exchange(with: server)
        }
        #expect(server.received == "123")
        #expect(client.received == "123")
        #expect(server.recorder.errors.isEmpty)
    }

    @Test func `no session ticket is ever sent`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.server.activate()
        try pair.client.activate()
        var flights = 0
        // The client's hello, the server's flight, the client's: and then nothing.
        for (from, to) in [(pair.client, pair.server), (pair.server, pair.client), (pair.client, pair.server)] {
            while let ciphertext = try from.takeCiphertext() {
                flights += 1
                to.channel.pipeline.fireChannelRead(ciphertext)
            }
        }
        #expect(flights == 3)
        #expect(pair.server.recorder.handshakes == 1)
        #expect(try pair.server.takeCiphertext() == nil)
    }

    @Test func `a client has to say whom it dials`() throws {
        let context = try TLSContext(role: .client, credentials: authority.work(), applicationProtocol: testProtocol)
        #expect(throws: TLSError.self) { try context.makeConnection(peerName: nil) }
        for name in ["", "a b", "a\u{0}b", "*.example.com", ".", String(repeating: "a", count: 254), "exämple.com"] {
            #expect(throws: TLSError.self, "\(name)") { try context.makeConnection(peerName: name) }
        }
    }
}
