import BatonProtocol
import Testing

@testable import BatonRelay

/// Whoever waits for works that are away, and how many may.
@Suite struct WaitingRoomTests {
    private final class Asker {}

    private let asker = Asker()
    private let other = Asker()
    private var room = WaitingRoom<Int>()

    private func key(_ stream: UInt32, of asker: Asker) -> Router.RouteKey {
        Router.RouteKey(asker: ObjectIdentifier(asker), stream: stream)
    }

    private func work(_ name: String) throws -> WorkKey {
        try WorkKey(trustDomain: "example.org", app: WorkName("demo"), work: WorkName(name))
    }

    @Test mutating func `those who wait for a work leave in the order in which they came, and others stay`() throws {
        for stream in stride(from: UInt32(9), through: 1, by: -2) {
            #expect(try room.enter(Int(stream), as: key(stream, of: asker), for: work("late")))
        }
        #expect(try room.enter(100, as: key(1, of: other), for: work("later")))
        #expect(try room.leave(allFor: work("late")).map(\.guest) == [9, 7, 5, 3, 1])
        #expect(try room.leave(allFor: work("late")).isEmpty)
        #expect(room.leave(key(1, of: other)) == 100)
        #expect(room.isEmpty)
    }

    @Test mutating func `one asker can hold so many and leaves room for others`() throws {
        for stream in 0..<UInt32(room.mostOfOne) {
            #expect(try room.enter(0, as: key(stream, of: asker), for: work("late")))
        }
        #expect(try room.enter(0, as: key(9999, of: asker), for: work("later")) == false)
        #expect(try room.enter(0, as: key(9999, of: other), for: work("late")))
        #expect(room.leave(key(0, of: asker)) == 0)
        #expect(try room.enter(0, as: key(9999, of: asker), for: work("later")))
    }

    @Test mutating func `all askers together can hold so many`() throws {
        let askers = (0...room.most / room.mostOfOne).map { _ in Asker() }
        var entered = 0
        for asker in askers {
            for stream in 0..<UInt32(room.mostOfOne) {
                if try room.enter(0, as: key(stream, of: asker), for: work("late")) { entered += 1 }
            }
        }
        #expect(entered == room.most)
    }

    @Test mutating func `an asker that goes takes all its waits along`() throws {
        #expect(try room.enter(1, as: key(1, of: asker), for: work("late")))
        #expect(try room.enter(2, as: key(3, of: asker), for: work("later")))
        #expect(try room.enter(3, as: key(1, of: other), for: work("late")))
        room.leave(allOf: ObjectIdentifier(asker))
        #expect(try room.leave(allFor: work("later")).isEmpty)
        #expect(try room.leave(allFor: work("late")).map(\.guest) == [3])
        #expect(room.isEmpty)
    }
}
