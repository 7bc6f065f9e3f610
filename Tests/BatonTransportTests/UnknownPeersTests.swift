import Synchronization
import Testing

@testable import BatonTransport

@Suite("Connections that are not greeted yet")
struct UnknownPeersTests {
    private final class Displaced: Sendable {
        private let names = Mutex<[String]>([])

        var all: [String] { names.withLock { $0 } }

        func note(_ name: String) { names.withLock { $0.append(name) } }
    }

    private let peers = UnknownPeers(limit: 2)
    private let displaced = Displaced()

    private func enter(_ name: String) -> UnknownPeers.Place? {
        peers.enter { [displaced] in displaced.note(name) }
    }

    @Test("One too many takes the place of the one whose handshake has taken longest")
    func oldest() throws {
        let places = try ["a", "b", "c", "d"].map { try #require(enter($0)) }
        #expect(displaced.all == ["a", "b"])
        #expect(places.map { $0.keep() } == [false, false, true, true])
    }

    @Test("Whose handshake is over keeps its place")
    func certified() throws {
        #expect(try #require(enter("a")).keep())
        _ = try #require(enter("b"))
        _ = try #require(enter("c"))
        #expect(displaced.all == ["b"])
    }

    @Test("No one enters while all places are of those whose handshake is over")
    func full() throws {
        let first = try #require(enter("a"))
        #expect(first.keep())
        #expect(try #require(enter("b")).keep())
        #expect(enter("c") == nil)
        first.leave()
        #expect(enter("d") != nil)
        #expect(displaced.all == [])
    }

    @Test("A place that was left is free once, though it is left twice")
    func twice() throws {
        let first = try #require(enter("a"))
        #expect(try #require(enter("b")).keep())
        first.leave()
        first.leave()
        let third = try #require(enter("c"))
        #expect(displaced.all == [])
        first.leave()
        #expect(third.keep())
        #expect(enter("d") == nil)
    }
}
