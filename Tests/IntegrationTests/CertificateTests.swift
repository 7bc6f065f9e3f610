import Foundation
import Testing

@Suite("A certificate that will not do is refused, and both sides say why", .timeLimit(.patientMinutes(30)))
struct CertificateTests {
    /// An agent with these certificates must end with the status and the words; the relay must log its words and serve others.
    private func refuses(
        _ certificates: (Certificates) -> String, status: CInt, agent: [String], relay: [String] = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await Cluster.run { cluster in
            let refused = try cluster.agent("bad", certificates: certificates(cluster.certificates))
            let output = try await refused.program.output()
            #expect(output.status == status, "\(output)", sourceLocation: sourceLocation)
            for words in agent { #expect(output.stderr.contains(words), "\(output)", sourceLocation: sourceLocation) }
            for words in relay { try await cluster.relay.says(words) }
            try await cluster.expectHealthy()
        }
    }

    @Test("A work of an authority that the relay does not know: both name the authority")
    func otherAuthority() async throws {
        try await refuses(
            \.misplaced, status: 77, agent: ["unknown authority"],
            relay: ["refused a connection", "was not issued by an authority"])
    }

    @Test("A relay of an authority that the agent does not know: both name the authority")
    func unknownRelay() async throws {
        try await refuses(
            \.stranger, status: 77, agent: ["was not issued by an authority"],
            relay: ["refused a connection", "unknown authority"])
    }

    @Test("An agent whose own certificate has expired does not start")
    func ownExpired() async throws {
        try await refuses({ $0.bad("expired") }, status: 77, agent: ["expired", "cert.pem", "2020"])
    }

    @Test("An agent whose certificate names no work does not start", arguments: ["no-uri", "two-uris", "foreign-uri"])
    func ownIdentity(_ name: String) async throws {
        try await refuses({ $0.bad(name) }, status: 77, agent: ["URI"])
    }

    @Test(
        "A peer whose certificate names no work is told so in a GOAWAY, and the relay logs it",
        arguments: [("no-uri", "no URI"), ("two-uris", "2 URIs"), ("foreign-uri", "https://example.org")])
    func identityRefused(_ name: String, _ words: String) async throws {
        try await Cluster.run { cluster in
            let peer = try await RawPeer.dial(cluster.relay.address, certificates: cluster.certificates.bad(name))
            peer.send(.hello())
            let goAway = try await peer.frame(RawFrame.goAway)
            #expect(goAway.code == 269)
            #expect(goAway.sentence.contains(words), "\(goAway.sentence)")
            try await peer.closed()
            try await cluster.relay.says("identityRefused")
            try await cluster.expectHealthy()
        }
    }

    /// What another TLS implementation is told.
    private func sClient(_ cluster: Cluster, _ flags: String) async throws -> Program.Output {
        let certificates = cluster.certificates.work("third")
        let script = """
            sleep 2 | openssl s_client -connect \(cluster.relay.address) -CAfile '\(certificates)/ca.pem' \
                -ign_eof \(flags)
            """
        return try await Program(["/bin/sh", "-c", script]).output()
    }

    private func own(_ directory: String) -> String { "-cert '\(directory)/cert.pem' -key '\(directory)/key.pem'" }

    @Test("A peer with an expired certificate gets an alert that says so, and the relay logs it")
    func expiredAlert() async throws {
        try await Cluster.run { cluster in
            let output = try await sClient(cluster, "-alpn baton/1 \(own(cluster.certificates.bad("expired")))")
            #expect((output.stdout + output.stderr).contains("alert certificate expired"), "\(output)")
            try await cluster.relay.says("has expired")
            try await cluster.expectHealthy()
        }
    }

    @Test("A peer without a certificate gets an alert that says so, and the relay logs it")
    func noCertificate() async throws {
        try await Cluster.run { cluster in
            let output = try await sClient(cluster, "-alpn baton/1")
            #expect((output.stdout + output.stderr).contains("alert certificate required"), "\(output)")
            try await cluster.relay.says("the peer sent no certificate")
            try await cluster.expectHealthy()
        }
    }

    @Test("A peer that offers another protocol, or none, gets an alert that says so", arguments: ["-alpn h2", ""])
    func applicationProtocol(_ offer: String) async throws {
        try await Cluster.run { cluster in
            let output = try await sClient(cluster, "\(offer) \(own(cluster.certificates.work("third")))")
            #expect((output.stdout + output.stderr).contains("alert no application protocol"), "\(output)")
            try await cluster.relay.says("does not speak our application protocol")
            try await cluster.expectHealthy()
        }
    }

    @Test("A peer that speaks TLS 1.2 at most is refused")
    func oldVersion() async throws {
        try await Cluster.run { cluster in
            let output = try await sClient(cluster, "-tls1_2 -alpn baton/1 \(own(cluster.certificates.work("third")))")
            #expect((output.stdout + output.stderr).contains("alert protocol version"), "\(output)")
            try await cluster.relay.says("refused a connection")
            try await cluster.expectHealthy()
        }
    }

    @Test("A peer that does everything right is welcomed: what the others are refused for is the only difference")
    func control() async throws {
        try await Cluster.run { cluster in
            let output = try await sClient(cluster, "-alpn baton/1 \(own(cluster.certificates.work("third")))")
            #expect(output.stdout.contains("ALPN protocol: baton/1"), "\(output)")
            #expect(!(output.stdout + output.stderr).contains("alert"), "\(output)")
        }
    }

    @Test("A relay whose certificate does not name the dialled host is refused, and the sentence has both names")
    func wrongHost() async throws {
        try await Cluster.run { cluster in
            let folder = try TemporaryFolder()
            let relay = try await Relay(in: folder, certificates: cluster.certificates.elsewhere)
            let agent = try cluster.agent("third", relay: relay.address)
            let output = try await agent.program.output()
            #expect(output.status == 77, "\(output)")
            #expect(output.stderr.contains("127.0.0.1") && output.stderr.contains("elsewhere.example"), "\(output)")
            try await relay.says("refused our certificate")
        }
    }

    @Test(
        "A key that others can read is refused by name, and the sentence says how to mend it",
        arguments: [0o640, 0o604, 0o620])
    func openKey(_ mode: Int) async throws {
        try await Cluster.run { cluster in
            let certificates = cluster.folder.path("open")
            let octal = String(mode, radix: 8)
            try await shell(
                "cp -r '\(cluster.certificates.work("third"))' open; chmod \(octal) open/key.pem",
                in: cluster.folder.path)
            for program in ["baton-agent", "baton-relay"] {
                let output = try await Program(
                    [
                        Program.ours(program), "--certs", certificates,
                    ]
                        + (program == "baton-agent"
                            ? ["--relay", cluster.relay.address, "--root", cluster.folder.path("root")]
                            : ["--listen", "127.0.0.1:0", "--store", cluster.folder.path("store-2")])
                ).output()
                #expect(output.status == 77, "\(output)")
                #expect(output.stderr.contains("chmod 600 \(certificates)/key.pem"), "\(output)")
            }
        }
    }

    @Test("Certificates that are missing are named")
    func missing() async throws {
        try await refuses({ _ in "/nonexistent" }, status: 77, agent: ["/nonexistent/ca.pem"])
    }
}
