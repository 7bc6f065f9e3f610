/// Frames of `vectors/` as cases: what must be refused, arriving where it would arrive, and requests that must not end a session.
struct VectorCases {
    let tested: Case.Tested
    let layouts: Layouts

    func read(_ directory: String) throws -> [Case] {
        var cases: [Case] = []
        for (file, vectors) in try Vector.read(directory) {
            for vector in vectors {
                guard let steps = try steps(vector) else { continue }
                let name = "vector of \(vector.connection): \(vector.name)"
                cases.append(
                    try Case(
                        name: name, rules: vector.rules ?? [], tested: tested, file: file, steps: steps, layouts))
            }
        }
        return cases
    }

    /// Nil for what does not travel towards what is tested.
    private func steps(_ vector: Vector) throws -> [JSON]? {
        let bytes = try vector.bytes()
        let message = layouts.message(bytes[4])
        guard tested == .agent || vector.connection != "local" else { return nil }
        guard let error = vector.error else {
            guard let message, message.isRequest, vector.opening != true, vector.connection != "lane" else {
                return nil
            }
            return session(vector.connection) + [
                send("a", bytes, stream: ours(bytes, vector.connection)), step(["alive": "a"]),
            ]
        }
        let refused = step(["closed": .string("a"), "goaway": .string(error)])
        if vector.opening == true { return beginning(vector.connection, bytes).map { $0 + [refused] } }
        if isOfHeader(bytes, vector.connection) {
            guard vector.connection == "lane" else { return session(vector.connection) + [send("a", bytes), refused] }
            let lane = step(["closed": .string("a1"), "goaway": .string(error)])
            return lanes + [send("a1", bytes), lane, step(["alive": "a"])]
        }
        guard let message, vector.connection != "lane" else { return nil }
        return try payload(message, bytes, vector.connection).map { $0 + [refused] }
    }

    // MARK: Where it arrives

    /// As the first frame.
    private func beginning(_ connection: String, _ bytes: [UInt8]) -> [JSON]? {
        switch (tested, connection) {
        case (.relay, _): return [step(["open": "a", "work": "alpha"]), send("a", bytes)]
        case (.agent, "local"): return [step(["open": "a", "local": true]), send("a", bytes)]
        case (.agent, "control"):
            return [step(["open": "a"]), step(["expect": "a", "type": "HELLO"]), send("a", bytes)]
        default: return nil
        }
    }

    private func session(_ connection: String) -> [JSON] {
        switch (tested, connection) {
        case (.relay, _): [step(["session": "a", "work": "alpha"])]
        case (.agent, "local"): [step(["local": "a"])]
        case (.agent, _): [step(["session": "a"])]
        }
    }

    /// A session with a lane; an agent joins one when it is asked for a file.
    private var lanes: [JSON] {
        switch tested {
        case .relay: return session("control") + [step(["lane": "a1", "of": "a"])]
        case .agent:
            let get: [String: JSON] = ["path": "outputs/f", "origin": "alpha"]
            return [step(["file": "outputs/f", "text": "hello"])] + session("control") + [
                step(["lane": "a1", "of": "a"]), request("a", "GET", 2, get),
                step(["take": "a1", "control": "a", "stream": 2, "tree": .object(["": .object(["text": "hello"])])]),
            ]
        }
    }

    /// What must have happened for this payload to come; nil if it never comes to what is tested.
    private func payload(_ message: Layouts.Message, _ bytes: [UInt8], _ connection: String) throws -> [JSON]? {
        let stream = ours(bytes, connection)
        switch (message.name, tested, connection) {
        case ("HELLO", .relay, _), ("JOIN", .relay, _), ("HELLO", .agent, "local"), ("WELCOME", .agent, "control"):
            return beginning(connection, bytes)
        case ("HELLO", _, _), ("JOIN", _, _), ("WELCOME", _, _), ("JOINED", _, _): return nil
        case ("TICKET", .relay, _): return nil
        case ("TICKET", _, _), ("PING", _, _), ("PONG", _, _), ("GOAWAY", _, _):
            return session(connection) + [send("a", bytes)]
        case _ where message.isRequest: return session(connection) + [send("a", bytes, stream: stream)]
        case ("CANCEL", .relay, _):
            return session(connection) + [
                request("a", "WAIT", stream, ["origin": "nobody", "path": "x"]), send("a", bytes, stream: stream),
            ]
        case ("CANCEL", .agent, "control"):
            return session(connection) + [
                request("a", "WAIT", stream, ["origin": "alpha", "path": "outputs/never"]),
                send("a", bytes, stream: stream),
            ]
        case ("CREDIT", .relay, _):
            return lanes + [
                step(["session": "b", "work": "beta"]), request("a", "GET", stream, ["origin": "beta", "path": "x"]),
                step(["expect": "b", "type": "GET"]), send("a", bytes, stream: stream),
            ]
        case ("CREDIT", .agent, _):
            return [step(["file": "outputs/big", "size": 4_194_304])] + session(connection) + [
                request("a", "GET", stream, ["origin": "alpha", "path": "outputs/big", "credit": 1_048_576]),
                send("a", bytes, stream: stream),
            ]
        default: return connection == "control" ? answer(message, bytes) : nil
        }
    }

    /// What the owner of a path sends: somebody has to ask for it first.
    private func answer(_ message: Layouts.Message, _ bytes: [UInt8]) -> [JSON]? {
        let asked: String
        switch message.name {
        case "ERROR": asked = "EXISTS"
        case "REPORT": asked = "GET"
        case "PROGRESS" where tested == .agent: asked = "PERSIST"
        default:
            guard message.name.hasSuffix("_REPLY") else { return nil }
            asked = String(message.name.dropLast("_REPLY".count))
        }
        guard let question = layouts.messages[asked], question.connections.contains("control") else { return nil }
        let expect = step(["expect": "a", "type": .string(asked), "bind": .object(["s": "stream"])])
        let send = step(["send": "a", "hex": .string(Hex.text(bytes, atMost: .max)), "stream": "$s"])
        let origin: JSON = ["PERSIST", "ARTIFACTS"].contains(asked) ? "" : .string(tested == .relay ? "alpha" : "beta")
        var fields: [String: JSON] = ["origin": origin]
        if question.field("path") != nil { fields["path"] = "outputs" }
        if asked == "LIST" { fields["limit"] = 65_535 }
        if asked == "CALL" { fields["method"] = "m" }
        if asked == "ARTIFACTS" { fields["action"] = "list" }
        switch tested {
        case .relay:
            // What a relay answers itself it asks nobody.
            guard !["PERSIST", "ARTIFACTS"].contains(asked) else { return nil }
            let asking = [step(["session": "b", "work": "beta"])]
            let lane = asked == "GET" ? [step(["lane": "b1", "of": "b"])] : []
            return session("control") + asking + lane + [request("b", asked, 1, fields), expect, send]
        case .agent:
            if asked == "GET" {
                fields = ["origin": "beta", "path": "x", "stall_ms": 10_000]
                return session("control") + [step(["local": "l"]), step(["lane": "a1", "of": "a"])]
                    + [request("l", "FETCH", 1, fields), expect, send]
            }
            // What is to be kept is got by lane, for which an agent may see first.
            let lane = asked == "PERSIST" ? [step(["lane": "a1", "of": "a"])] : []
            return session("control") + [step(["local": "l"])] + lane + [request("l", asked, 1, fields), expect, send]
        }
    }

    // MARK: Steps

    private func step(_ members: [String: JSON]) -> JSON { .object(members) }

    /// - Parameter stream: takes the place of the vector's own.
    private func send(_ name: String, _ bytes: [UInt8], stream: UInt32? = nil) -> JSON {
        var bytes = bytes
        if let stream {
            bytes.replaceSubrange(
                8..<12, with: (0..<4).map { UInt8(truncatingIfNeeded: stream >> UInt32(24 - 8 * $0)) })
        }
        return step(["send": .string(name), "hex": .string(Hex.text(bytes, atMost: .max))])
    }

    private func request(_ name: String, _ type: String, _ stream: UInt32, _ fields: [String: JSON]) -> JSON {
        let frame: [String: JSON] = [
            "type": .string(type), "stream": .number(Int128(stream)), "fields": .object(fields),
        ]
        return step(["send": .string(name), "frame": .object(frame)])
    }

    /// The vector's stream, or the next one that the runner's side may open.
    private func ours(_ bytes: [UInt8], _ connection: String) -> UInt32 {
        let stream = UInt32(BigEndian.read(bytes[8..<12]))
        let isOdd = tested == .relay || connection == "local"
        guard stream != 0, stream % 2 != (isOdd ? 1 : 0) else { return stream }
        return stream == .max ? stream - 1 : stream + 1
    }

    /// Whether the header alone is refused: then it does not matter what was said before.
    private func isOfHeader(_ bytes: [UInt8], _ connection: String) -> Bool {
        let length = Int(BigEndian.read(bytes[0..<4]))
        guard let message = layouts.message(bytes[4]), length == bytes.count - Frame.headerSize else { return true }
        let stream = BigEndian.read(bytes[8..<12])
        return bytes[5] & ~message.flags != 0 || bytes[6] != 0 || bytes[7] != 0
            || !message.connections.contains(connection) || (stream == 0) != (message.type < 0x10)
            || (connection == "lane" && message.countsForCredit && length < message.leastLength)
    }
}

extension Layouts.Message {
    /// FRM-19 is about these.
    var countsForCredit: Bool { isOfLanes || name == "ERROR" }

    /// What its fields need at least, but for data and paths that must not be empty.
    var leastLength: Int {
        fields.reduce(0) { sum, field in
            guard case .always = field.condition else { return sum }
            switch field.kind {
            case .number(let width, _, _), .bytes(let width, _): return sum + width
            case .bool: return sum + 1
            case .list: return sum + 2
            case .rest: return sum
            }
        }
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    init(stringLiteral value: String) { self = .string(value) }
    init(integerLiteral value: Int) { self = .number(Int128(value)) }
    init(booleanLiteral value: Bool) { self = .bool(value) }
}
