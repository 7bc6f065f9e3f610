import BatonTLS
import Foundation
import NIOCore
import Testing

@Suite struct PeerCertificateTests {
    let authority: Authority

    init() throws {
        authority = try Authority()
    }

    /// What a server reads from a client's certificate after a handshake.
    private func certificate(names: String?, _ name: String = "subject") throws -> PeerCertificate {
        let pair = try EmbeddedPair(
            client: EmbeddedSide(.client, authority.issue(name, names: names)),
            server: EmbeddedSide(.server, authority.relay()))
        try pair.shakeHands()
        return try #require(pair.server.recorder.peer)
    }

    @Test func `names, serial number, subject and end are read as openssl prints them`() throws {
        let certificate = try certificate(
            names: "URI:spiffe://a/app/b/work/c, DNS:x.example, IP:10.1.2.3, IP:fe80::1, email:a@b.example")
        #expect(certificate.uriNames == ["spiffe://a/app/b/work/c"])
        #expect(certificate.dnsNames == ["x.example"])
        #expect(certificate.ipAddresses == ["10.1.2.3", "fe80::1"])
        #expect(certificate.malformation == nil)
        #expect(certificate.subject == "CN=subject")
        let printed = try authority.openssl([
            "x509", "-in", "subject.pem", "-noout", "-serial", "-enddate", "-dateopt", "iso_8601",
        ])
        #expect(printed.contains("serial=\(certificate.serial)\n"))
        #expect(printed.contains("notAfter=\(certificate.notAfter.replacing("T", with: " "))\n"))
    }

    @Test func `a certificate without alternative names has none, and that is not malformed`() throws {
        let certificate = try certificate(names: nil)
        #expect(certificate.uriNames.isEmpty && certificate.dnsNames.isEmpty && certificate.ipAddresses.isEmpty)
        #expect(certificate.malformation == nil)
    }

    @Test(arguments: [
        ("DER:30:05:86:03:61:00:62", "NUL"), ("DER:30:05:82:03:61:00:62", "NUL"),
        ("DER:30:05:86:03:61:20:62", "character"),
        ("DER:30:05:86:03:61:E9:62", "character"), ("DER:30:05:87:03:0A:00:01", "3 bytes"),
    ])
    func `a name that may not be trusted is not given out`(names: String, why: String) throws {
        let certificate = try certificate(names: names)
        #expect(certificate.malformation?.contains(why) == true)
        #expect(certificate.uriNames.isEmpty && certificate.dnsNames.isEmpty && certificate.ipAddresses.isEmpty)
        #expect(throws: IdentityError.self) { try WorkIdentity(certificate) }
    }

    @Test func `two extensions with alternative names are malformed`() throws {
        // No tool makes such a certificate, so a second extension with another identifier (2.5.29.99) gets that of the first.
        let name = "URI:spiffe://a/app/b/work/c"
        try authority.openssl(
            "req", "-x509", "-days", "9", "-subj", "/CN=x", "-keyout", "double.key", "-out", "double.der", "-outform",
            "DER",
            "-addext", "subjectAltName = \(name)", "-addext", "2.5.29.99 = DER:30:03:86:01:61", newKey: true)
        var bytes = try Array(Data(contentsOf: URL(fileURLWithPath: authority.path("double.der"))))
        let other: [UInt8] = [6, 3, 0x55, 0x1D, 99]
        let place = try #require(bytes.indices.first { bytes[$0...].starts(with: other) })
        bytes[place + 4] = 17
        try Data(bytes).write(to: URL(fileURLWithPath: authority.path("double.der")))
        try authority.openssl(["x509", "-inform", "DER", "-in", "double.der", "-out", "double.pem"])
        let error = #expect(throws: IdentityError.self) {
            try WorkIdentity(certificateFile: authority.path("double.pem"))
        }
        #expect(error == .malformedNames("the subject alternative name extension occurs more than once"))
    }

    @Test func `control characters of a subject do not reach a message`() throws {
        try authority.openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9", "-subj",
            "/CN=a\u{1B}[31mb", "-keyout", "odd.key", "-out", "odd.pem",
        ])
        let server = try EmbeddedSide(.server, authority.relay())
        let client = try ForeignPeer(
            .client,
            .init(
                credentials: TLSCredentials(
                    authorities: authority.authorities, certificate: authority.path("odd.pem"),
                    key: authority.path("odd.key"))))
        try server.activate()
        try client.exchange(with: server)
        let error = try #require(server.recorder.failures.first)
        #expect(error.code == .unknownAuthority)
        #expect(!error.message.unicodeScalars.contains { $0.value < 0x20 })
        #expect(error.message.contains("[31mb"))
    }
}
