import BatonTLS
import Foundation
import Testing

@Suite struct LocalAuthorityTests {
    /// The `openssl` command is the judge here; its authority is a foreign one.
    let foreign: Authority
    let authority: LocalAuthority

    init() throws {
        foreign = try Authority()
        authority = try LocalAuthority()
    }

    private func relay(of authority: LocalAuthority, hosts: [String] = LocalAuthority.loopback) throws -> TLSCredentials
    {
        try authority.issueRelay(hosts: hosts, into: foreign.path("relay-\(UUID())"))
    }

    private func trainer(of authority: LocalAuthority) throws -> TLSCredentials {
        try authority.issueWork(
            WorkIdentity(app: "demo", work: "trainer"), into: foreign.path("trainer-\(UUID())"))
    }

    private func mode(of path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return try #require(attributes[.posixPermissions] as? Int)
    }

    private func text(of certificate: String, _ options: String...) throws -> String {
        try foreign.openssl(["x509", "-in", certificate, "-noout"] + options)
    }

    // MARK: What the certificates are good for

    @Test(arguments: ["localhost", "127.0.0.1", "::1"])
    func `a work and a relay of one authority shake hands and know each other`(dialled: String) throws {
        let pair = try EmbeddedPair(
            client: EmbeddedSide(.client, trainer(of: authority), dialled: dialled),
            server: EmbeddedSide(.server, relay(of: authority)))
        try pair.shakeHands()
        #expect(pair.client.recorder.errors.isEmpty && pair.server.recorder.errors.isEmpty)
        #expect(pair.client.recorder.peer?.dnsNames == ["localhost"])
        #expect(pair.client.recorder.peer?.ipAddresses == ["127.0.0.1", "::1"])
        let peer = try #require(pair.server.recorder.peer)
        #expect(try WorkIdentity(peer) == WorkIdentity(trustDomain: "baton", app: "demo", work: "trainer"))
    }

    @Test func `a work of another authority is refused`() throws {
        var stranger = try trainer(of: LocalAuthority())
        let relay = try relay(of: authority)
        stranger.authorities = relay.authorities
        let pair = try EmbeddedPair(client: EmbeddedSide(.client, stranger), server: EmbeddedSide(.server, relay))
        try pair.shakeHands()
        #expect(pair.server.recorder.handshakes == 0)
        #expect(pair.server.recorder.failures.map(\.code) == [.unknownAuthority])
    }

    @Test func `a relay of another authority is refused`() throws {
        let pair = try EmbeddedPair(
            client: EmbeddedSide(.client, trainer(of: authority)),
            server: EmbeddedSide(.server, relay(of: LocalAuthority())))
        try pair.shakeHands()
        #expect(pair.client.recorder.handshakes == 0)
        #expect(pair.client.recorder.failures.map(\.code) == [.unknownAuthority])
    }

    @Test func `a work's certificate is no relay's, and a relay's is no work's`() throws {
        let relay = try relay(of: authority)
        let trainer = try trainer(of: authority)
        let reversed = try EmbeddedPair(client: EmbeddedSide(.client, relay), server: EmbeddedSide(.server, trainer))
        try reversed.shakeHands()
        #expect(reversed.client.recorder.handshakes == 0 && reversed.server.recorder.handshakes == 0)
        #expect(throws: IdentityError.noURI) { try WorkIdentity(certificateFile: relay.certificate) }
    }

    @Test func `a relay's certificate names the hosts that were asked for`() throws {
        let credentials = try relay(of: authority, hosts: ["relay.example", "10.1.2.3", "[fe80::1]"])
        #expect(
            try text(of: credentials.certificate, "-ext", "subjectAltName")
                .contains("DNS:relay.example, IP Address:10.1.2.3, IP Address:FE80:0:0:0:0:0:0:1\n"))
    }

    // MARK: What the openssl command says of them

    @Test func `openssl verifies each for its purpose, strictly`() throws {
        for (credentials, purpose) in try [(trainer(of: authority), "sslclient"), (relay(of: authority), "sslserver")] {
            let verdict = try foreign.openssl([
                "verify", "-x509_strict", "-check_ss_sig", "-purpose", purpose, "-CAfile", credentials.authorities,
                credentials.certificate,
            ])
            #expect(verdict == "\(credentials.certificate): OK\n")
        }
    }

    @Test func `an authority's certificate says what the script's says`() throws {
        let authorities = try trainer(of: authority).authorities
        let text = try text(of: authorities, "-text")
        for line in [
            "Version: 3 (0x2)", "Signature Algorithm: ecdsa-with-SHA256", "ASN1 OID: prime256v1",
            "X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0\n",
            "X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign\n",
            "X509v3 Subject Key Identifier: \n",
        ] {
            #expect(text.contains(line))
        }
        // The script names an authority after its key.
        let key = try foreign.openssl(["x509", "-in", authorities, "-noout", "-pubkey", "-out", "public.pem"])
        #expect(key.isEmpty)
        try foreign.openssl(["pkey", "-pubin", "-in", "public.pem", "-pubout", "-outform", "DER", "-out", "public.der"])
        let digest = try foreign.openssl(["dgst", "-sha256", "-r", "public.der"]).prefix(8)
        #expect(text.contains("Issuer: O = Baton, CN = Baton authority \(digest)\n"))
        #expect(text.contains("Subject: O = Baton, CN = Baton authority \(digest)\n"))
    }

    @Test func `a work's certificate says what the script's says`() throws {
        let credentials = try trainer(of: authority)
        let text = try text(of: credentials.certificate, "-text")
        for line in [
            "Version: 3 (0x2)", "Signature Algorithm: ecdsa-with-SHA256", "ASN1 OID: prime256v1",
            "Subject: O = Baton\n",
            "X509v3 Basic Constraints: critical\n                CA:FALSE\n",
            "X509v3 Key Usage: critical\n                Digital Signature\n",
            "X509v3 Extended Key Usage: \n                TLS Web Client Authentication\n",
            "X509v3 Subject Alternative Name: \n                URI:spiffe://baton/app/demo/work/trainer\n",
        ] {
            #expect(text.contains(line))
        }
        func identifier(_ file: String, _ name: String) throws -> Substring? {
            try self.text(of: file, "-ext", name).split(separator: "\n").last
        }
        #expect(
            try identifier(credentials.certificate, "authorityKeyIdentifier")
                == identifier(credentials.authorities, "subjectKeyIdentifier"))
        #expect(try self.text(of: credentials.certificate, "-ext", "subjectAltName").split(separator: "\n").count == 2)
    }

    @Test func `every key and every serial number is another one`() throws {
        let issued = try [trainer(of: authority), trainer(of: authority), relay(of: authority)]
        let serials = try issued.map { try text(of: $0.certificate, "-serial") }
        let keys = try issued.map { try text(of: $0.certificate, "-pubkey") }
        #expect(Set(serials).count == 3 && Set(keys).count == 3)
        // 15 bytes, of which the first bit is set.
        #expect(serials.allSatisfy { $0.count == "serial=\n".count + 30 })
    }

    @Test func `certificates are valid as long as their authority, a day unless told otherwise`() throws {
        for (authority, rest) in try [(authority, 86_400), (LocalAuthority(lifetime: .seconds(600)), 600)] {
            let credentials = try trainer(of: authority)
            #expect(try text(of: credentials.certificate, "-enddate") == text(of: credentials.authorities, "-enddate"))
            #expect(throws: Never.self) {
                try text(of: credentials.certificate, "-checkend", "\(rest - 120)")
            }
            #expect(throws: OpenSSLCommandFailed.self) {
                try text(of: credentials.certificate, "-checkend", "\(rest + 1)")
            }
        }
    }

    @Test func `a certificate of the next century can be read`() throws {
        let credentials = try trainer(of: LocalAuthority(lifetime: .seconds(36_500 * 86_400)))
        #expect(throws: Never.self) {
            try TLSContext(role: .client, credentials: credentials, applicationProtocol: testProtocol)
        }
    }

    // MARK: Files

    @Test func `the key can be read by its owner alone, and so can the directory`() throws {
        let credentials = try trainer(of: authority)
        #expect(try mode(of: credentials.key) == 0o600)
        #expect(try mode(of: credentials.certificate) == 0o644)
        #expect(try mode(of: credentials.authorities) == 0o644)
        let directory = URL(fileURLWithPath: credentials.key).deletingLastPathComponent().path
        #expect(try mode(of: directory) == 0o700)
        let names = try FileManager.default.contentsOfDirectory(atPath: directory)
        #expect(names.sorted() == ["ca.pem", "cert.pem", "key.pem"])
    }

    @Test func `what is in the directory is replaced, also what a killed run has left there`() throws {
        let directory = foreign.path("again")
        let identity = try WorkIdentity(app: "demo", work: "trainer")
        let first = try LocalAuthority().issueWork(identity, into: directory)
        let before = try text(of: first.certificate, "-serial")
        try foreign.write("half a key", to: "again/.new.key.pem")
        let second = try authority.issueWork(identity, into: directory + "/")
        #expect(TLSCredentials(directory: directory) == second)
        #expect(try text(of: second.certificate, "-serial") != before)
        #expect(throws: Never.self) {
            try TLSContext(role: .client, credentials: second, applicationProtocol: testProtocol)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory).count == 3)
    }

    @Test func `a directory that others can enter receives no key`() throws {
        let directory = foreign.path("open")
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        try FileManager.default.setAttributes([.posixPermissions: 0o750], ofItemAtPath: directory)
        let error = #expect(throws: TLSError.self) { try authority.issueRelay(into: directory) }
        #expect(error?.code == .keyPermissions)
        #expect(error?.message.contains("chmod 700 \(directory)") == true)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
    }

    @Test func `a directory that cannot be made is named`() throws {
        try foreign.write("", to: "file")
        try FileManager.default.createSymbolicLink(
            atPath: foreign.path("link"), withDestinationPath: foreign.directory.path)
        for directory in [foreign.path("missing/below"), foreign.path("file"), foreign.path("link")] {
            let error = #expect(throws: TLSError.self) { try authority.issueRelay(into: directory) }
            #expect(error?.code == .credentialsUnwritable)
            #expect(error?.message.contains(directory) == true)
        }
        for directory in ["", "a\0b"] {
            let error = #expect(throws: TLSError.self) { try authority.issueRelay(into: directory) }
            #expect(error?.code == .credentialsUnwritable)
        }
    }

    // MARK: Requests that make no sense

    @Test(arguments: [[], [""], ["localhost", "a,URI:spiffe://baton/app/a/work/b"], ["a b"], ["*"], [".example"]])
    func `what is no host is not put into a certificate`(hosts: [String]) throws {
        let error = #expect(throws: TLSError.self) { try authority.issueRelay(hosts: hosts, into: foreign.path("no")) }
        #expect(error?.code == .credentialsInvalid)
        #expect(!FileManager.default.fileExists(atPath: foreign.path("no")))
    }

    @Test(arguments: [Duration.zero, .milliseconds(999), .seconds(-1), .seconds(36_500 * 86_400 + 1)])
    func `an impossible lifetime is refused`(lifetime: Duration) throws {
        let error = #expect(throws: TLSError.self) { try LocalAuthority(lifetime: lifetime) }
        #expect(error?.code == .credentialsInvalid)
    }

    @Test func `names that would bend the URI make no identity`() {
        for (app, work) in [("", "a"), ("a", ""), ("a/work/b", "c"), ("a", "b/c"), ("a", "b,DNS:c"), ("..", "a")] {
            #expect(throws: IdentityError.self) { try WorkIdentity(app: app, work: work) }
        }
    }
}
