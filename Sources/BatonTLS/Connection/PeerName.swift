internal import Glibc

/// What a client dials: a host name, or an IP address.
enum PeerName: Equatable {
    case name(String)
    case address(String)

    /// Reads a name or an address. The address may stand in brackets and have a zone; the name may end with the root's dot.
    ///
    /// Nil if it is neither. An empty name in particular is nil: OpenSSL would take it for "do not check".
    init?(_ text: String) {
        var address = Substring(text)
        if address.hasPrefix("["), address.hasSuffix("]") {
            address = address.dropFirst().dropLast()
        }
        if address.contains(":"), let zone = address.firstIndex(of: "%") {
            address = address[..<zone]
        }
        if Self.isAddress(String(address)) {
            self = .address(String(address))
            return
        }
        let name = text.hasSuffix(".") ? text.dropLast() : Substring(text)
        guard (1...253).contains(name.utf8.count), !name.hasPrefix("."), name.utf8.allSatisfy(Self.isAllowedInNames)
        else {
            return nil
        }
        self = .name(String(name))
    }

    private static func isAddress(_ text: String) -> Bool {
        guard !text.utf8.contains(0) else { return false }
        // Room for the larger of the two address structures.
        return withUnsafeTemporaryAllocation(byteCount: 16, alignment: 4) { address in
            inet_pton(AF_INET, text, address.baseAddress) == 1 || inet_pton(AF_INET6, text, address.baseAddress) == 1
        }
    }

    private static func isAllowedInNames(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
