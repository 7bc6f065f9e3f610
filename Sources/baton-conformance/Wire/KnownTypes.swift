/// The types that verbs themselves send, await or count.
struct KnownTypes: Sendable {
    let hello, welcome, join, joined, ticket, ping, pong, goaway: UInt8
    let get, error, credit, cancel, entry, chunk, skipped, end, again, keep, source: UInt8
    /// What `expect` passes over unless it is expected.
    let passedOver: Set<UInt8>

    init(_ messages: [String: Layouts.Message]) throws {
        func type(_ name: String) throws -> UInt8 {
            guard let message = messages[name] else { throw CaseError("the layouts have no \(name)") }
            return message.type
        }
        hello = try type("HELLO")
        welcome = try type("WELCOME")
        join = try type("JOIN")
        joined = try type("JOINED")
        ticket = try type("TICKET")
        ping = try type("PING")
        pong = try type("PONG")
        goaway = try type("GOAWAY")
        get = try type("GET")
        error = try type("ERROR")
        credit = try type("CREDIT")
        cancel = try type("CANCEL")
        entry = try type("ENTRY")
        chunk = try type("CHUNK")
        skipped = try type("SKIPPED")
        end = try type("END")
        again = try type("AGAIN")
        keep = try type("KEEP")
        source = try type("SOURCE")
        passedOver = [ping, pong, ticket, credit, try type("REPORT"), try type("PROGRESS")]
    }
}
