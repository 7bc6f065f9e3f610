import BatonProtocol
import BatonTransport
import NIOCore
import Synchronization

/// Lets so many transfers of one program run at once, the others wait their turn: a relay answers no more than 64 requests of one work to another
/// at once, and questions are to have room beside the transfers.
final class TransferGate: Sendable {
    /// The right to transfer, until this goes.
    final class Pass: Sendable {
        private let gate: TransferGate

        fileprivate init(_ gate: TransferGate) { self.gate = gate }

        deinit { gate.leave() }
    }

    private struct State {
        var free: Int
        var waiting: [Inbox<Pass>] = []
    }

    private let state: Mutex<State>

    init(passes: Int) { state = Mutex(State(free: passes)) }

    /// - Throws: `deadline` if it did not become free in time, `cancelled` if the task is.
    func enter(before deadline: NIODeadline, on loop: any EventLoop) async throws(BatonError) -> Pass {
        let turn = Inbox<Pass>()
        let isFree = state.withLock { state in
            if state.free > 0 {
                state.free -= 1
                return true
            }
            state.waiting.append(turn)
            return false
        }
        if isFree { return Pass(self) }
        let timer = loop.scheduleTask(deadline: deadline) {
            turn.finish(BatonError(.deadline, "too many transfers were under way for this one to begin in time"))
        }
        defer { timer.cancel() }
        do throws(BatonError) {
            if let pass = try await turn.next()?.first { return pass }
            throw BatonError(.internal, "a turn ended without its pass")
        } catch {
            // A pass that came in this very moment stays in the inbox, and goes with it.
            state.withLock { state in state.waiting.removeAll { $0 === turn } }
            throw error
        }
    }

    private func leave() {
        let next = state.withLock { state -> Inbox<Pass>? in
            if state.waiting.isEmpty {
                state.free += 1
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.push([Pass(self)])
    }
}
