import BatonProtocol
import Testing

@Suite("A greeting says what there is")
struct GreetingTests {
    @Test("WELCOME grants a window only with a ticket: elsewhere there are no lanes")
    func window() throws {
        let name = try WorkName("work")
        #expect(Welcome(session: 1, app: name, work: name).window == 0)
        let ticket = [UInt8](repeating: 1, count: Limits.ticket)
        #expect(Welcome(session: 1, app: name, work: name, ticket: ticket).window == UInt32(Limits.defaultWindow))
    }
}
