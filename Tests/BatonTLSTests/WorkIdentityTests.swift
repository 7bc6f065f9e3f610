import BatonTLS
import Foundation
import Testing

/// `identities` in `names.json`; without a work the certificate names none.
private struct IdentityVectors: Decodable {
    struct Vector: Decodable {
        let uris: [String]
        let trust_domain: String?
        let app: String?
        let work: String?
    }

    let identities: [Vector]
}

@Suite struct WorkIdentityTests {
    private func certificate(_ uris: [String], malformation: String? = nil) -> PeerCertificate {
        PeerCertificate(
            uriNames: uris, dnsNames: ["a.example"], ipAddresses: [], malformation: malformation, serial: "01",
            subject: "",
            notAfter: "2030-01-01T00:00:00Z")
    }

    @Test func `the one URI of a certificate names trust domain, app and work`() throws {
        let identity = try WorkIdentity(certificate(["spiffe://test.example/app/Demo_1/work/trainer-0.a"]))
        #expect(identity.trustDomain == "test.example")
        #expect(identity.app == "Demo_1")
        #expect(identity.work == "trainer-0.a")
        #expect(identity.description == "spiffe://test.example/app/Demo_1/work/trainer-0.a")
        #expect(try identity == WorkIdentity(uri: identity.description))
    }

    @Test func `certificates name works as the vectors of Protocol say`() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Protocol/vectors/names.json").standardizedFileURL
        let vectors = try JSONDecoder().decode(IdentityVectors.self, from: Data(contentsOf: file)).identities
        #expect(vectors.count > 30)
        for vector in vectors {
            let identity = try? WorkIdentity(certificate(vector.uris))
            #expect(identity?.trustDomain == vector.trust_domain, "\(vector.uris)")
            #expect(identity?.app == vector.app && identity?.work == vector.work, "\(vector.uris)")
        }
    }

    @Test func `a certificate needs exactly one URI that can be trusted`() {
        let good = "spiffe://a/app/b/work/c"
        #expect(throws: IdentityError.noURI) { try WorkIdentity(certificate([])) }
        #expect(throws: IdentityError.severalURIs(2)) { try WorkIdentity(certificate([good, good])) }
        #expect(throws: IdentityError.severalURIs(2)) { try WorkIdentity(certificate([good, "https://a.example"])) }
        #expect(throws: IdentityError.malformedNames("why")) {
            try WorkIdentity(certificate([good], malformation: "why"))
        }
    }

    @Test(arguments: [
        String(repeating: "a", count: 255) + "/app/b/work/c", "a/app/" + String(repeating: "b", count: 128) + "/work/c",
        "0-._a/app/.../work/..c", "a/app/app/work/work",
    ])
    func `well-formed names are taken`(rest: String) {
        #expect(throws: Never.self) { try WorkIdentity(uri: "spiffe://" + rest) }
    }

    @Test(arguments: [
        "", "https://a/app/b/work/c", "SPIFFE://a/app/b/work/c", "spiffe:/a/app/b/work/c", " spiffe://a/app/b/work/c",
    ])
    func `another scheme is refused`(uri: String) {
        #expect(throws: IdentityError.notSPIFFE(uri)) { try WorkIdentity(uri: uri) }
    }

    @Test(arguments: [
        "spiffe://", "spiffe://a", "spiffe://a/app/b", "spiffe://a/app/b/work/c/", "spiffe://a/app/b/work/c/d",
        "spiffe://a/App/b/work/c", "spiffe://a/work/b/app/c", "spiffe://a//app/b/work/c", "spiffe://a/ns/b/sa/c",
    ])
    func `another path is refused`(uri: String) {
        #expect(throws: IdentityError.wrongPath(uri)) { try WorkIdentity(uri: uri) }
    }

    @Test(arguments: [
        ("spiffe:///app/b/work/c", "trust domain"), ("spiffe://A/app/b/work/c", "trust domain"),
        ("spiffe://a:1/app/b/work/c", "trust domain"), ("spiffe://u@a/app/b/work/c", "trust domain"),
        ("spiffe://a/app//work/c", "app"), ("spiffe://a/app/./work/c", "app"), ("spiffe://a/app/b%2F/work/c", "app"),
        ("spiffe://a/app/b/work/", "work"), ("spiffe://a/app/b/work/..", "work"), ("spiffe://a/app/b/work/c?d", "work"),
        ("spiffe://a/app/b/work/c#d", "work"), ("spiffe://a/app/b/work/c d", "work"),
    ])
    func `a bad name is refused and said to be bad`(uri: String, part: String) {
        #expect(throws: IdentityError.badName(uri, of: part)) { try WorkIdentity(uri: uri) }
    }

    @Test func `a name that is too long is refused`() {
        let long = String(repeating: "a", count: 129)
        #expect(throws: IdentityError.self) { try WorkIdentity(uri: "spiffe://a/app/\(long)/work/c") }
        #expect(throws: IdentityError.self) { try WorkIdentity(uri: "spiffe://a/app/b/work/\(long)") }
        #expect(throws: IdentityError.self) {
            try WorkIdentity(uri: "spiffe://\(String(repeating: "a", count: 256))/app/b/work/c")
        }
    }

    @Test func `one's own identity is read from the first certificate of a file`() throws {
        let authority = try Authority()
        let credentials = try authority.work("reader")
        let identity = try WorkIdentity(certificateFile: credentials.certificate)
        #expect(identity.description == "spiffe://test.example/app/demo/work/reader")
        #expect(throws: IdentityError.noURI) { try WorkIdentity(certificateFile: authority.relay().certificate) }
        let error = #expect(throws: TLSError.self) { try WorkIdentity(certificateFile: authority.path("missing.pem")) }
        #expect(error?.code == .credentialsUnreadable)
    }
}
