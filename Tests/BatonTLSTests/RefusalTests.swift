import BatonTLS
import COpenSSL
import NIOCore
import NIOEmbedded
import Testing

@Suite struct RefusalTests {
    let authority: Authority
    let otherAuthority: Authority

    init() throws {
        authority = try Authority()
        otherAuthority = try Authority("Another authority")
    }

    /// What both sides fail with, each once, after a handshake that cannot succeed.
    private func failures(client: EmbeddedSide, server: EmbeddedSide) throws -> (client: TLSError, server: TLSError) {
        let pair = EmbeddedPair(client: client, server: server)
        try pair.shakeHands()
        #expect(server.recorder.handshakes == 0)
        #expect(!client.channel.isActive && !server.channel.isActive)
        #expect(client.recorder.errors.count == 1 && server.recorder.errors.count == 1)
        #expect(client.recorder.lateErrors == 0 && server.recorder.lateErrors == 0)
        return try (#require(client.recorder.failures.first), #require(server.recorder.failures.first))
    }

    /// What a server fails with, and the alert that a foreign client gets.
    private func refusal(of options: ForeignPeer.Options) throws -> (error: TLSError, alert: CInt?) {
        let server = try EmbeddedSide(.server, authority.relay())
        let client = try ForeignPeer(.client, options)
        try server.activate()
        try client.exchange(with: server)
        #expect(server.recorder.handshakes == 0)
        #expect(server.recorder.errors.count == 1)
        #expect(!server.channel.isActive)
        return try (#require(server.recorder.failures.first), client.alert)
    }

    // MARK: Certificates of clients

    @Test func `a server refuses a client of another authority, names its certificate, and the client learns why`()
        throws
    {
        let stranger = try otherAuthority.work("stranger")
        let credentials = TLSCredentials(
            authorities: authority.authorities, certificate: stranger.certificate, key: stranger.key)
        let (client, server) = try failures(
            client: EmbeddedSide(.client, credentials), server: EmbeddedSide(.server, authority.relay()))

        #expect(server.code == .unknownAuthority)
        let refused = try #require(server.refusedCertificate)
        #expect(refused.uriNames == ["spiffe://test.example/app/demo/work/stranger"])
        #expect(server.message.contains("spiffe://test.example/app/demo/work/stranger"))
        #expect(server.message.contains(refused.serial) && refused.serial.count == 16)

        #expect(client.code == .refusedByPeer(alert: UInt8(SSL_AD_UNKNOWN_CA)))
        #expect(client.message.contains("the peer refused our certificate: unknown authority"))
        #expect(client.refusedCertificate == nil)
    }

    @Test func `a server refuses a client whose certificate has expired`() throws {
        let expired = try authority.issue(
            "old", names: "URI:spiffe://test.example/app/demo/work/old",
            validity: ("20200101000000Z", "20210203040506Z"))
        let (error, alert) = try refusal(of: .init(credentials: expired))
        #expect(error.code == .certificateExpired)
        #expect(error.message.contains("2021-02-03T04:05:06Z"))
        #expect(alert == SSL_AD_CERTIFICATE_EXPIRED)
    }

    @Test func `a server refuses a client whose certificate is not valid yet`() throws {
        let early = try authority.issue("early", names: nil, validity: ("20900101000000Z", "20910101000000Z"))
        let (error, alert) = try refusal(of: .init(credentials: early))
        #expect(error.code == .certificateNotYetValid)
        #expect(alert == SSL_AD_BAD_CERTIFICATE)
    }

    @Test func `a server refuses a client without a certificate`() throws {
        let (error, alert) = try refusal(of: .init())
        #expect(error.code == .noCertificate)
        #expect(alert == SSL_AD_CERTIFICATE_REQUIRED)
    }

    @Test func `a server refuses a certificate that was issued for servers alone`() throws {
        let wrong = try authority.issue("wrong", names: nil, usage: "serverAuth")
        let (error, alert) = try refusal(of: .init(credentials: wrong))
        #expect(error.code == .certificateUnfit)
        #expect(alert == SSL_AD_UNSUPPORTED_CERTIFICATE)
    }

    // MARK: Certificates of servers

    @Test func `a client refuses a server of another authority`() throws {
        let other = try otherAuthority.relay()
        let (client, server) = try failures(
            client: EmbeddedSide(.client, authority.work()),
            server: EmbeddedSide(
                .server,
                TLSCredentials(authorities: authority.authorities, certificate: other.certificate, key: other.key)))
        #expect(client.code == .unknownAuthority)
        #expect(server.code == .refusedByPeer(alert: UInt8(SSL_AD_UNKNOWN_CA)))
    }

    @Test(arguments: ["example.com", "127.0.0.2", "::2", "localhost.example.com", "host"])
    func `a client refuses a server whose certificate does not name what it dialled`(dialled: String) throws {
        let (client, server) = try failures(
            client: EmbeddedSide(.client, authority.work(), dialled: dialled),
            server: EmbeddedSide(.server, authority.relay()))
        #expect(client.code == .wrongHost)
        #expect(client.message.contains(dialled) && client.message.contains("localhost, 127.0.0.1, ::1"))
        #expect(server.code == .refusedByPeer(alert: UInt8(SSL_AD_BAD_CERTIFICATE)))
    }

    @Test func `a common name is no host name`() throws {
        let credentials = try authority.issue("localhost", names: nil)
        let (client, _) = try failures(
            client: EmbeddedSide(.client, authority.work(), dialled: "localhost"),
            server: EmbeddedSide(.server, credentials))
        #expect(client.code == .wrongHost)
    }

    @Test func `a wildcard for part of a label names nothing`() throws {
        let credentials = try authority.relay(names: "DNS:local*.example.com")
        let (client, _) = try failures(
            client: EmbeddedSide(.client, authority.work(), dialled: "localhost.example.com"),
            server: EmbeddedSide(.server, credentials))
        #expect(client.code == .wrongHost)
    }

    @Test func `a client refuses a certificate that was issued for clients alone`() throws {
        let credentials = try authority.issue("clientonly", names: "DNS:localhost", usage: "clientAuth")
        let (client, server) = try failures(
            client: EmbeddedSide(.client, authority.work()), server: EmbeddedSide(.server, credentials))
        #expect(client.code == .certificateUnfit)
        #expect(server.code == .refusedByPeer(alert: UInt8(SSL_AD_UNSUPPORTED_CERTIFICATE)))
    }

    // MARK: Protocols

    @Test func `sides without a common application protocol refuse each other`() throws {
        let (client, server) = try failures(
            client: EmbeddedSide(.client, authority.work(), applicationProtocol: "baton/2"),
            server: EmbeddedSide(.server, authority.relay()))
        #expect(client.code == .noApplicationProtocol)
        #expect(server.code == .noApplicationProtocol)
    }

    @Test func `a server refuses a client that offers no application protocol`() throws {
        let (error, alert) = try refusal(of: .init(credentials: authority.work(), applicationProtocol: nil))
        #expect(error.code == .noApplicationProtocol)
        #expect(alert == SSL_AD_NO_APPLICATION_PROTOCOL)
    }

    @Test func `a client refuses a server that picks no application protocol`() throws {
        let client = try EmbeddedSide(.client, authority.work())
        let server = try ForeignPeer(.server, .init(credentials: authority.relay(), applicationProtocol: nil))
        client.write("must not be sent")
        try client.activate()
        try server.exchange(with: client)
        #expect(client.recorder.failures.map(\.code) == [.noApplicationProtocol])
        #expect(client.recorder.handshakes == 0)
        #expect(!client.channel.isActive)
        #expect(server.received.isEmpty)
        #expect(server.sawCloseNotify)
    }

    @Test func `a server refuses a client that speaks only TLS 1.2`() throws {
        let (error, alert) = try refusal(of: .init(credentials: authority.work(), newestVersion: TLS1_2_VERSION))
        #expect(error.code == .noCommonVersion)
        #expect(alert == SSL_AD_PROTOCOL_VERSION)
    }

    @Test func `a client refuses a server that speaks only TLS 1.2`() throws {
        let client = try EmbeddedSide(.client, authority.work())
        let server = try ForeignPeer(.server, .init(credentials: authority.relay(), newestVersion: TLS1_2_VERSION))
        try client.activate()
        try server.exchange(with: client)
        #expect(client.recorder.failures.map(\.code) == [.noCommonVersion])
    }

    @Test(arguments: [
        Array("GET / HTTP/1.1\r\nHost: relay\r\n\r\n".utf8), Array("SSH-2.0-OpenSSH_9.2\r\n".utf8),
        [0, 0, 0, 20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 19, 136, 0, 0, 0, 0],
    ])
    func `a peer that does not speak TLS is told apart`(bytes: [UInt8]) throws {
        for side in try [EmbeddedSide(.server, authority.relay()), EmbeddedSide(.client, authority.work())] {
            try side.activate()
            side.channel.pipeline.fireChannelRead(ByteBuffer(bytes: bytes))
            #expect(side.recorder.failures.map(\.code) == [.notTLS])
            #expect(!side.channel.isActive)
        }
    }

    @Test func `writes that a failed handshake leaves behind fail with its reason`() throws {
        let side = try EmbeddedSide(.client, authority.work())
        let written = side.channel.writeAndFlush(ByteBuffer(string: "never"))
        try side.activate()
        side.channel.pipeline.fireChannelRead(ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n\r\n"))
        let error = #expect(throws: TLSError.self) { try written.wait() }
        #expect(error?.code == .notTLS)
        let later = #expect(throws: TLSError.self) { try side.channel.writeAndFlush(ByteBuffer(string: "x")).wait() }
        #expect(later?.code == .closed)
    }

    @Test func `a record that was changed on its way ends the connection`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.shakeHands()
        pair.client.write("before ")
        try pair.exchange()
        pair.client.write("changed")
        var ciphertext = try #require(try pair.client.takeCiphertext())
        let last = ciphertext.writerIndex - 1
        let byte = try #require(ciphertext.getInteger(at: last, as: UInt8.self))
        ciphertext.setInteger(byte ^ 1, at: last)
        pair.server.channel.pipeline.fireChannelRead(ciphertext)
        try pair.exchange()
        #expect(pair.server.received == "before ")
        #expect(pair.server.recorder.failures.map(\.code) == [.protocolFailure])
        #expect(pair.client.recorder.failures.map(\.code) == [.refusedByPeer(alert: UInt8(SSL_AD_BAD_RECORD_MAC))])
    }
}
