import BatonTLS
import COpenSSL

@testable import BatonTLS

extension FuzzTarget {
    /// The names in a certificate, whatever DER it is made of: none that could be taken for another.
    static let certificate = FuzzTarget(
        name: "certificate",
        code: [
            "BatonTLS/Identity/PeerCertificate.swift: extension PeerCertificate",
            "BatonTLS/Identity/PeerCertificate.swift: extension String", "BatonTLS/Identity/AlternativeNames.swift",
        ],
        seeds: { [] },
        check: { input in
            let parsed = input.withUnsafeBufferPointer { bytes in
                var start = bytes.baseAddress
                return d2i_X509(nil, &start, bytes.count)
            }
            ERR_clear_error()
            guard let parsed else { return }
            defer { X509_free(parsed) }
            let certificate = PeerCertificate(parsed)
            let names = certificate.uriNames + certificate.dnsNames + certificate.ipAddresses
            let arePlain = names.allSatisfy { $0.utf8.allSatisfy { (0x21...0x7E).contains($0) } }
            try expect(arePlain, "a name among \(names) is not plain")
            let texts = [certificate.subject, certificate.serial, certificate.notAfter, certificate.summary]
            for text in texts + [certificate.malformation ?? ""] { try judge(escaped: text) }
            if let identity = try? WorkIdentity(certificate) {
                let isAlone = certificate.malformation == nil && certificate.uriNames == [identity.description]
                try expect(isAlone, "\(identity) of a certificate with the names \(names)")
            }
            try expect(ERR_peek_error() == 0, "OpenSSL's queue of errors is not empty")
        })

    /// The URI that names a work says what the identity says, and no other URI does.
    static let identity = FuzzTarget(
        name: "identity",
        code: [
            "BatonTLS/Identity/WorkIdentity.swift: public struct WorkIdentity > public init(uri",
            "BatonTLS/Identity/WorkIdentity.swift: public struct WorkIdentity > private static func",
            "BatonTLS/Identity/WorkIdentity.swift: public struct WorkIdentity > public var description",
        ],
        longest: 700,
        seeds: { Vectors.identities.flatMap(\.uris).map { Array($0.utf8) } },
        check: { input in
            let uri = String(decoding: input, as: UTF8.self)
            do {
                let identity = try WorkIdentity(uri: uri)
                try expect(identity.description == uri, "'\(uri)' is read as \(identity)")
                let names = [identity.trustDomain, identity.app, identity.work]
                let arePlain = names.allSatisfy { name in
                    !name.isEmpty && name.utf8.allSatisfy { (0x2D...0x7A).contains($0) && $0 != 0x2F && $0 != 0x3A }
                }
                try expect(arePlain && ![".", ".."].contains(identity.app), "'\(uri)' is taken for an identity")
            } catch let error as IdentityError {
                try judge(escaped: "\(error)")
            }
        })
}
