import BatonTLS
import Foundation
import Testing

@Suite struct CredentialsTests {
    let authority: Authority

    init() throws {
        authority = try Authority()
    }

    private func refusal(_ credentials: TLSCredentials, _ role: TLSRole = .client) throws -> TLSError {
        try #require(
            #expect(throws: TLSError.self) {
                try TLSContext(role: role, credentials: credentials, applicationProtocol: testProtocol)
            })
    }

    private func changed(_ change: (inout TLSCredentials) throws -> Void) throws -> TLSCredentials {
        var credentials = try authority.work()
        try change(&credentials)
        return credentials
    }

    @Test func `a directory stands for three files`() {
        let credentials = TLSCredentials(directory: "/etc/baton")
        #expect(credentials == TLSCredentials(directory: "/etc/baton/"))
        #expect(credentials.authorities == "/etc/baton/ca.pem")
        #expect(credentials.certificate == "/etc/baton/cert.pem")
        #expect(credentials.key == "/etc/baton/key.pem")
    }

    @Test(arguments: [0o640, 0o604, 0o620, 0o644, 0o777])
    func `a key file that is open to others is refused with the command that helps`(mode: Int) throws {
        let credentials = try authority.work()
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: credentials.key)
        let error = try refusal(credentials)
        #expect(error.code == .keyPermissions)
        #expect(error.message.contains("chmod 600 \(credentials.key)"))
    }

    @Test(arguments: [0o600, 0o400])
    func `a key file that its owner alone can read is taken`(mode: Int) throws {
        let credentials = try authority.work()
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: credentials.key)
        #expect(throws: Never.self) {
            try TLSContext(role: .server, credentials: credentials, applicationProtocol: testProtocol)
        }
    }

    @Test func `a missing file is named`() throws {
        let missing = authority.path("missing.pem")
        for credentials in try [
            changed { $0.authorities = missing }, changed { $0.certificate = missing }, changed { $0.key = missing },
        ] {
            let error = try refusal(credentials)
            #expect(error.code == .credentialsUnreadable)
            #expect(error.message.contains(missing) && error.message.contains("No such file"))
        }
    }

    @Test func `a directory in the place of a file is named`() throws {
        let error = try refusal(changed { $0.authorities = authority.directory.path })
        #expect(error.code == .credentialsUnreadable)
        #expect(error.message.contains(authority.directory.path))
    }

    @Test(arguments: ["", "not PEM at all\n", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
    func `a garbled file is named`(content: String) throws {
        try authority.write(content, to: "garbled.pem")
        let garbled = authority.path("garbled.pem")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: garbled)
        for credentials in try [
            changed { $0.authorities = garbled }, changed { $0.certificate = garbled }, changed { $0.key = garbled },
        ] {
            let error = try refusal(credentials)
            #expect(error.code == .credentialsInvalid)
            #expect(error.message.contains(garbled))
        }
    }

    @Test func `a garbled certificate after a good one is not passed over`() throws {
        let good = try String(contentsOfFile: authority.authorities, encoding: .utf8)
        try authority.write(good + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", to: "bundle.pem")
        let error = try refusal(changed { $0.authorities = authority.path("bundle.pem") })
        #expect(error.code == .credentialsInvalid)
    }

    @Test func `a key of another certificate is refused and both files are named`() throws {
        let other = try authority.relay()
        let credentials = try changed { $0.key = other.key }
        let error = try refusal(credentials)
        #expect(error.code == .credentialsInvalid)
        #expect(error.message.contains(credentials.key) && error.message.contains(credentials.certificate))
    }

    @Test func `a key with a passphrase is refused instead of asking on the terminal`() throws {
        let credentials = try authority.work()
        try authority.openssl([
            "pkey", "-in", "trainer.key", "-aes256", "-passout", "pass:secret", "-out", "locked.key",
        ])
        var locked = credentials
        locked.key = authority.path("locked.key")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: locked.key)
        let error = try refusal(locked)
        #expect(error.code == .credentialsInvalid)
        #expect(error.message.contains("passphrase") && error.message.contains(locked.key))
    }

    @Test func `our own expired certificate is refused, with its file and date`() throws {
        let credentials = try authority.issue("old", names: nil, validity: ("20200101000000Z", "20210203040506Z"))
        let error = try refusal(credentials, .server)
        #expect(error.code == .certificateExpired)
        #expect(error.message.contains(credentials.certificate) && error.message.contains("2021-02-03T04:05:06Z"))
    }

    @Test func `our own certificate that is not valid yet is refused, with its file and date`() throws {
        let credentials = try authority.issue("early", names: nil, validity: ("20900101000000Z", "20910101000000Z"))
        let error = try refusal(credentials)
        #expect(error.code == .certificateNotYetValid)
        #expect(error.message.contains(credentials.certificate) && error.message.contains("2090-01-01T00:00:00Z"))
    }

    @Test(arguments: ["", String(repeating: "x", count: 256)])
    func `an impossible application protocol is refused`(name: String) throws {
        #expect(throws: TLSError.self) {
            try TLSContext(role: .client, credentials: authority.work(), applicationProtocol: name)
        }
    }
}
