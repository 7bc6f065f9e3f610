import BatonTransport
import Testing

@Suite("An address of a relay is HOST:PORT")
struct RelayAddressTests {
    @Test(
        "Names, IPv4 and bracketed IPv6 are read and written the same",
        arguments: [
            ("relay.example.org:7450", "relay.example.org", 7450), ("127.0.0.1:0", "127.0.0.1", 0),
            ("[::1]:65535", "::1", 65_535), ("localhost:1", "localhost", 1),
        ])
    func reads(_ text: String, _ host: String, _ port: Int) throws {
        let address = try #require(RelayAddress(text))
        #expect(address.host == host && address.port == port)
        #expect(address.description == text)
    }

    @Test(
        "Anything else is none",
        arguments: [
            "", "host", ":1", "host:", "host:65536", "host:-1", "host:+1", "host:a", "ho st:1", "[]:1", "::1:1",
            "[::1:1", "host:1 ",
        ])
    func refuses(_ text: String) {
        #expect(RelayAddress(text) == nil)
    }
}
