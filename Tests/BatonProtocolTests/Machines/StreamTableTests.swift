import BatonProtocol
import NIOCore
import Testing

@Suite("Streams begin once, end once, and count until they have ended")
struct StreamTableTests {
    private func table(_ role: ConnectionRole = .acceptor, allowedToPeer: UInt16 = 4, allowedByPeer: UInt16 = 4)
        -> StreamTable
    {
        var table = StreamTable(role: role, allowedToPeer: allowedToPeer)
        table.allowedByPeer = allowedByPeer
        return table
    }

    private let answer = Reply.exists(true, source: .live)

    // MARK: Ours

    @Test(
        "A dialer opens odd ids, an acceptor even ones, rising",
        arguments: [(ConnectionRole.dialer, [1, 3, 5]), (.acceptor, [2, 4, 6])])
    func ids(_ role: ConnectionRole, _ ids: [StreamID]) {
        var table = table(role)
        #expect(ids.map { _ in table.open(.exists) } == ids)
    }

    @Test("No more streams are opened than the peer allows, until one has ended")
    func allowedByPeer() throws {
        var table = table(.dialer, allowedByPeer: 2)
        #expect(table.open(.exists) == 1 && table.open(.exists) == 3 && table.open(.exists) == nil)
        #expect(try table.receive(.yes(1)) == .replied(1, answer))
        #expect(table.open(.exists) == 5)
        #expect(table.open(.exists) == nil)
        table.settle(3)
        #expect(table.open(.exists) == 7)
    }

    @Test("A reply ends its stream; a second one is late")
    func replyOnce() throws {
        var table = table(.dialer)
        _ = table.open(.exists)
        #expect(try table.receive(.yes(1)) == .replied(1, answer))
        #expect(table.isIdle)
        #expect(try table.receive(.yes(1)) == .late)
    }

    @Test("A stream is cancelled once, and only while it is open")
    func cancelOnce() throws {
        var table = table(.dialer)
        _ = table.open(.exists)
        _ = table.open(.get)
        let cancels = [1, 1, 3, 5].map { table.cancel($0) }
        #expect(cancels == [true, false, true, false])
        #expect(try table.receive(.yes(1)) == .replied(1, answer))
        table.settle(3)
        let late = [1, 3].map { table.cancel($0) }
        #expect(late == [false, false])
    }

    @Test("An ERROR ends any stream")
    func error() throws {
        var table = table(.dialer)
        _ = table.open(.get)
        let error = Reply.error(BatonError(.notFound, "no", path: .root))
        #expect(try table.receive(Frame(.reply(error), stream: 1)) != .late)
        #expect(table.isIdle)
    }

    @Test("A reply that does not answer the request is unexpected")
    func wrongReply() {
        for request in [Request.get, .fetch, .persist, .artifacts] {
            var table = table(.dialer)
            _ = table.open(request)
            expectViolation(.unexpectedFrame) { try table.receive(.yes(1)) }
        }
    }

    private func list(_ names: [String], asked after: String, limit: UInt16) throws -> StreamTable.Event {
        var table = table(.dialer)
        _ = table.open(Request(.list(after: Array(after.utf8), limit: limit), deadline: 1000))
        let items = names.map {
            Listing.Item(
                kind: .file, mode: 0, size: 0, modified: Timestamp(seconds: 0, nanoseconds: 0), name: Array($0.utf8))
        }
        return try table.receive(Frame(.reply(.list(Listing(items: items, more: false))), stream: 1))
    }

    @Test("A listing brings as many names as were asked for, all behind the one that was named")
    func listing() throws {
        for (names, after) in [(["b", "c"], "a"), (["b"], ""), (["ab"], "a"), ([], "z"), ([""], "a")] {
            #expect(try list(names, asked: after, limit: 2) != .late)
        }
    }

    @Test("A listing with more entries than were asked for, or names that are not behind, is malformed")
    func listingBeyond() {
        expectViolation(.malformed) { try list(["b", "c", "d"], asked: "", limit: 2) }
        expectViolation(.malformed) { try list(["b"], asked: "b", limit: 2) }
        expectViolation(.malformed) { try list(["a", "c"], asked: "b", limit: 2) }
    }

    @Test("A reply to what was never asked is a bad stream", arguments: [1, 2, 3] as [StreamID])
    func neverAsked(_ stream: StreamID) {
        var table = table(.dialer)
        expectViolation(.badStream) { try table.receive(.yes(stream)) }
    }

    @Test("PROGRESS is for a FETCH or PERSIST that is open", arguments: [Request.fetch, .persist])
    func progress(_ request: Request) throws {
        let progress = Progress(bytesIn: 1, bytesOut: 1, entries: 1, waiting: .nothing)
        var table = table(.dialer)
        _ = table.open(request)
        _ = table.open(.exists)
        #expect(try table.receive(Frame(.progress(progress), stream: 1)) == .progress(1, progress))
        expectViolation(.unexpectedFrame) { try table.receive(Frame(.progress(progress), stream: 3)) }
    }

    @Test("PERSIST and ARTIFACTS are answered each by its own reply, and take no credit")
    func keeping() throws {
        let replies: [(Request, Reply)] = [
            (.persist, .persist([Receipt(outcome: .missing, path: .root)])),
            (.artifacts, .artifacts(ArtifactsListing(items: []))),
        ]
        for (request, reply) in replies {
            var table = table(.dialer)
            _ = table.open(request)
            #expect(try table.receive(Frame(.reply(reply), stream: 1)) == .replied(1, reply))
            #expect(table.isIdle)
            var served = self.table()
            _ = try served.receive(Frame(.request(request), stream: 1))
            expectViolation(.unexpectedFrame) { try served.receive(Frame(.credit(2 << 20), stream: 1)) }
        }
    }

    // MARK: The peer's

    @Test("A request opens a stream of the peer, which counts until it is finished")
    func opened() throws {
        var table = table()
        #expect(try table.receive(.exists(1)) == .opened(1, .exists))
        #expect(table.isServing(1) && !table.isIdle)
        #expect(table.finish(1) == true)
        #expect(!table.isServing(1) && table.isIdle)
        #expect(table.finish(1) == false)
    }

    @Test("Ids of the peer may have gaps but rise: one that is not above the last was used")
    func reused() throws {
        var table = table()
        _ = try table.receive(.exists(5))
        for stream in [5, 3, 1] as [StreamID] {
            expectViolation(.streamReused) { try table.receive(.exists(stream)) }
        }
        _ = try table.receive(.exists(99))
        #expect(table.lastPeerStream == 99)
    }

    @Test("A stream that has ended cannot be opened again")
    func reusedAfterEnd() throws {
        var table = table()
        _ = try table.receive(.exists(1))
        _ = table.finish(1)
        expectViolation(.streamReused) { try table.receive(.exists(1)) }
    }

    @Test(
        "The peer cannot open an id of our parity",
        arguments: [(ConnectionRole.acceptor, 2), (.dialer, 1)] as [(ConnectionRole, StreamID)])
    func parity(_ role: ConnectionRole, _ stream: StreamID) {
        var table = table(role)
        expectViolation(.badStream) { try table.receive(.exists(stream)) }
    }

    @Test("The highest id can be opened, and nothing after it")
    func highest() throws {
        var table = table()
        #expect(try table.receive(.exists(.max)) == .opened(.max, .exists))
        expectViolation(.streamReused) { try table.receive(.exists(.max)) }
    }

    @Test("One stream too many is refused and its id is used up; the others go on")
    func tooMany() throws {
        var table = table(allowedToPeer: 2)
        _ = try table.receive(.exists(1))
        _ = try table.receive(.exists(3))
        #expect(try table.receive(.exists(5)) == .refused(5))
        expectViolation(.streamReused) { try table.receive(.exists(5)) }
        #expect(table.finish(1) == true)
        #expect(try table.receive(.exists(7)) == .opened(7, .exists))
    }

    @Test("A cancelled stream counts until its work has stopped")
    func cancelledCounts() throws {
        var table = table(allowedToPeer: 1)
        _ = try table.receive(.exists(1))
        #expect(try table.receive(Frame(.cancel(.cancelled), stream: 1)) == .cancelled(1, .cancelled))
        #expect(try table.receive(.exists(3)) == .refused(3))
        _ = table.finish(1)
        #expect(try table.receive(.exists(5)) == .opened(5, .exists))
    }

    @Test("Nothing is opened while the table drains")
    func draining() throws {
        var table = table()
        _ = try table.receive(.exists(1))
        table.isDraining = true
        #expect(try table.receive(.exists(3)) == .refused(3))
        #expect(table.isServing(1))
    }

    // MARK: Late frames

    @Test("CANCEL, a second CANCEL and CREDIT after the end are late")
    func late() throws {
        var table = table()
        _ = try table.receive(.get(1))
        _ = try table.receive(Frame(.cancel(.cancelled), stream: 1))
        #expect(try table.receive(Frame(.cancel(.cancelled), stream: 1)) == .late)
        _ = table.finish(1)
        #expect(try table.receive(Frame(.cancel(.cancelled), stream: 1)) == .late)
        #expect(try table.receive(Frame(.credit(1 << 30), stream: 1)) == .late)
    }

    @Test("CANCEL and CREDIT of a stream that was never opened are a bad stream", arguments: [1, 2, 7] as [StreamID])
    func neverOpened(_ stream: StreamID) {
        for message in [Message.cancel(.cancelled), .credit(1 << 30)] {
            var table = table()
            expectViolation(.badStream) { try table.receive(Frame(message, stream: stream)) }
        }
    }

    @Test("CREDIT is for a GET")
    func credit() throws {
        var table = table()
        _ = try table.receive(.get(1))
        _ = try table.receive(.exists(3))
        #expect(try table.receive(Frame(.credit(2 << 20), stream: 1)) == .credit(1, 2 << 20))
        expectViolation(.unexpectedFrame) { try table.receive(Frame(.credit(2 << 20), stream: 3)) }
    }

    @Test("A ticket comes from an acceptor only")
    func ticket() throws {
        let ticket = [UInt8](repeating: 3, count: 32)
        var dialer = table(.dialer)
        #expect(try dialer.receive(Frame(.ticket(ticket))) == .ticket(ticket))
        var acceptor = table(.acceptor)
        expectViolation(.unexpectedFrame) { try acceptor.receive(Frame(.ticket(ticket))) }
    }

    @Test("Frames of lanes and of the connection do not belong here")
    func others() {
        for message in [Message.ping(1), .joined(0)] {
            var table = table()
            expectViolation(.unexpectedFrame) { try table.receive(Frame(message)) }
        }
    }

    // MARK: Budgets

    @Test("1,024 CANCEL in a second are taken, one more is a flood, and the next second begins anew")
    func cancelFlood() throws {
        var table = table()
        _ = try table.receive(.exists(1))
        for _ in 0..<1024 { _ = try table.receive(Frame(.cancel(.cancelled), stream: 1)) }
        var next = table
        next.tick()
        _ = try next.receive(Frame(.cancel(.cancelled), stream: 1))
        expectViolation(.flood) { try table.receive(Frame(.cancel(.cancelled), stream: 1)) }
    }

    @Test("16,384 requests in a second are taken, refused ones included; one more is a flood")
    func openFlood() throws {
        var table = table(allowedToPeer: 1)
        for turn in 0..<16_384 { _ = try table.receive(.exists(StreamID(2 * turn + 1))) }
        expectViolation(.flood) { try table.receive(.exists(1_000_001)) }
    }

    @Test("16,384 late frames in a second are taken; one more is a flood")
    func lateFlood() throws {
        var table = table(.dialer)
        _ = table.open(.exists)
        for _ in 0...16_384 { _ = try table.receive(.yes(1)) }
        expectViolation(.flood) { try table.receive(.yes(1)) }
    }
}
