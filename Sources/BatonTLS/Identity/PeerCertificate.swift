internal import COpenSSL
internal import Glibc

/// What Baton reads from a certificate: its alternative names, and what a person needs to find it again.
///
/// There is no common name in it: Baton takes no identity from the subject.
public struct PeerCertificate: Sendable, Equatable {
    /// The URI names among the subject alternative names.
    public var uriNames: [String]
    /// The DNS names among the subject alternative names.
    public var dnsNames: [String]
    /// The IP addresses among the subject alternative names, as text.
    public var ipAddresses: [String]
    /// What is wrong with the alternative names, if something is: then none of them may be trusted.
    ///
    /// That is: the extension occurs twice or cannot be parsed, a name holds NUL, a space, a control character or a byte
    /// outside ASCII, or an address has an impossible length.
    public var malformation: String?
    /// The serial number in upper-case hexadecimal digits, two for each byte, as `openssl x509 -serial` prints it.
    public var serial: String
    /// The subject (RFC 2253, control characters escaped): for people, never for decisions.
    public var subject: String
    /// The end of its validity in UTC, for example `2030-01-31T12:00:00Z`.
    public var notAfter: String

    /// Names every part, for example in a test of code that judges certificates.
    public init(
        uriNames: [String], dnsNames: [String], ipAddresses: [String], malformation: String?, serial: String,
        subject: String, notAfter: String
    ) {
        self.uriNames = uriNames
        self.dnsNames = dnsNames
        self.ipAddresses = ipAddresses
        self.malformation = malformation
        self.serial = serial
        self.subject = subject
        self.notAfter = notAfter
    }

    /// One line that lets a person find the certificate: its URI or else its subject, and its serial number.
    public var summary: String {
        let name = uriNames.first?.printable ?? (subject.isEmpty ? "no subject" : "subject \(subject)")
        return "\(name), serial \(serial)"
    }
}

extension PeerCertificate {
    /// Reads an `X509`, which stays the caller's.
    init(_ certificate: OpaquePointer) {
        let names = AlternativeNames(certificate)
        self.init(
            uriNames: names.uris,
            dnsNames: names.hosts,
            ipAddresses: names.addresses,
            malformation: names.malformation,
            serial: Self.serial(of: certificate),
            subject: Self.subject(of: certificate),
            notAfter: X509_get0_notAfter(certificate).flatMap(Self.text(of:)) ?? "an unreadable date")
        // Malformed fields leave entries that nobody is interested in.
        ERR_clear_error()
    }

    private static func serial(of certificate: OpaquePointer) -> String {
        guard let number = X509_get0_serialNumber(certificate) else { return "" }
        let sign = ASN1_STRING_type(number) == V_ASN1_NEG_INTEGER ? "-" : ""
        return sign + bytes(of: number).map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
    }

    private static func subject(of certificate: OpaquePointer) -> String {
        guard let name = X509_get_subject_name(certificate), let output = BIO_new(BIO_s_mem()) else { return "" }
        defer { BIO_free(output) }
        guard X509_NAME_print_ex(output, name, 0, shim_XN_FLAG_RFC2253) >= 0 else { return "" }
        let limit = 512
        return String(
            decoding: [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
                count = max(0, Int(BIO_read(output, buffer.baseAddress, CInt(limit))))
            },
            as: UTF8.self
        ).printable
    }

    static func text(of time: UnsafePointer<ASN1_TIME>) -> String? {
        var parts = tm()
        guard ASN1_TIME_to_tm(time, &parts) == 1 else { return nil }
        func padded(_ number: CInt, _ width: Int = 2) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let day = "\(padded(parts.tm_year + 1900, 4))-\(padded(parts.tm_mon + 1))-\(padded(parts.tm_mday))"
        return "\(day)T\(padded(parts.tm_hour)):\(padded(parts.tm_min)):\(padded(parts.tm_sec))Z"
    }

    static func bytes(of string: UnsafePointer<ASN1_STRING>) -> [UInt8] {
        guard let start = ASN1_STRING_get0_data(string) else { return [] }
        return Array(UnsafeBufferPointer(start: start, count: max(0, Int(ASN1_STRING_length(string)))))
    }
}

extension String {
    /// This text as it may stand in a message: at most 256 bytes of it, control and non-ASCII characters as `\u{…}`.
    var printable: String {
        unicodeScalars.prefix(256).map { $0.value >= 0x20 && $0.value < 0x7F ? String($0) : $0.escaped(asASCII: true) }
            .joined()
    }
}
