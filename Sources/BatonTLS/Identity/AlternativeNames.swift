internal import COpenSSL
internal import Glibc

/// The subject alternative names of a certificate (RFC 5280, section 4.2.1.6), as far as Baton uses them.
struct AlternativeNames {
    private(set) var uris: [String] = []
    private(set) var hosts: [String] = []
    private(set) var addresses: [String] = []
    /// The first thing found wrong with them.
    private(set) var malformation: String?

    /// Reads an `X509`, which stays the caller's.
    init(_ certificate: OpaquePointer) {
        var critical: CInt = 0
        guard let extensionValue = X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, nil) else {
            // -1 says that there is none, -2 that there are several; otherwise there is one and it cannot be parsed.
            switch critical {
            case -1: break
            case -2: malformation = "the subject alternative name extension occurs more than once"
            default: malformation = "the subject alternative name extension cannot be parsed"
            }
            return
        }
        let names = OpaquePointer(extensionValue)
        defer { GENERAL_NAMES_free(names) }
        for index in 0..<max(0, shim_sk_GENERAL_NAME_num(names)) {
            guard let name = shim_sk_GENERAL_NAME_value(names, index) else { continue }
            add(name)
        }
    }

    private mutating func add(_ name: UnsafeMutablePointer<GENERAL_NAME>) {
        var kind: CInt = 0
        guard let value = GENERAL_NAME_get0_value(name, &kind),
            kind == GEN_URI || kind == GEN_DNS || kind == GEN_IPADD
        else { return }
        let bytes = PeerCertificate.bytes(of: value.assumingMemoryBound(to: ASN1_STRING.self))
        switch kind {
        case GEN_URI: text(bytes, "URI").map { uris.append($0) }
        case GEN_DNS: text(bytes, "DNS name").map { hosts.append($0) }
        default: address(bytes).map { addresses.append($0) }
        }
    }

    private mutating func text(_ bytes: [UInt8], _ kind: String) -> String? {
        guard bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            let found = bytes.contains(0) ? "NUL" : "a character that may not stand in it"
            malformation = malformation ?? "a \(kind) among the subject alternative names holds \(found)"
            return nil
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private mutating func address(_ bytes: [UInt8]) -> String? {
        let family: CInt
        switch bytes.count {
        case 4: family = AF_INET
        case 16: family = AF_INET6
        default:
            malformation = malformation ?? "an IP address among the subject alternative names has \(bytes.count) bytes"
            return nil
        }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { buffer in
            inet_ntop(family, bytes, buffer.baseAddress, socklen_t(buffer.count)).map { String(cString: $0) }
        }
    }
}
