import BatonProtocol
import BatonTransport
import Synchronization

/// Lets so many gets from one work be under way at once; the others wait for their turn, in the order in which they came. A relay takes 64
/// requests for each pair of works and refuses others (STR-30): gets must leave room for questions, and wait rather than fail.
final class Turns: Sendable {
    private struct Line {
        var underWay = 0
        var waiting: [Inbox<Turn>] = []
    }

    private let most: Int
    private let lines = Mutex<[WorkName: Line]>([:])

    init(most: Int = 32) { self.most = most }

    /// Waits for a turn at `origin`. It is over when the result goes.
    ///
    /// - Parameter onWait: called if there is no turn at once.
    /// - Throws: `cancelled` if the task is.
    func take(at origin: WorkName, onWait: () -> Void = {}) async throws(BatonError) -> Turn {
        let place = Inbox<Turn>()
        let isFirst = lines.withLock { lines in
            var line = lines[origin] ?? Line()
            defer { lines[origin] = line }
            guard line.underWay < most else {
                line.waiting.append(place)
                return false
            }
            line.underWay += 1
            return true
        }
        if isFirst { return Turn(origin, self) }
        onWait()
        do throws(BatonError) {
            if let turn = try await place.next()?.first { return turn }
        } catch {
            // If it got its turn meanwhile, that goes with the inbox it lies in.
            lines.withLock { $0[origin]?.waiting.removeAll { $0 === place } }
            throw error
        }
        throw BatonError(.internal, "a get has lost its place")
    }

    private func end(at origin: WorkName) {
        let next = lines.withLock { lines -> Inbox<Turn>? in
            guard var line = lines[origin] else { return nil }
            defer { lines[origin] = line.underWay == 0 ? nil : line }
            if !line.waiting.isEmpty { return line.waiting.removeFirst() }
            line.underWay -= 1
            return nil
        }
        next?.push([Turn(origin, self)])
    }

    final class Turn: Sendable {
        private let origin: WorkName
        private let turns: Turns

        fileprivate init(_ origin: WorkName, _ turns: Turns) {
            self.origin = origin
            self.turns = turns
        }

        deinit { turns.end(at: origin) }
    }
}
