public import BatonProtocol
import BatonTransport
import NIOCore

extension AgentClient {
    /// Copies what the path leads to onto this machine, as ``get(_:to:within:onProgress:)`` does, and tells how far it is to whoever
    /// iterates.
    ///
    /// - Parameter destination: where to, and how.
    public func transfer(
        _ reference: Reference, to destination: Request.Destination = Request.Destination(), within limit: Duration
    ) -> Transfer {
        Transfer(session: session, gate: transferGate, request: Request(.fetch(destination), reference, within: limit))
    }
}

/// A get that is driven by an iteration: it begins with the first step, and is cancelled when the iterator goes, or the task that waits in it
/// is cancelled. Each iteration is a get of its own.
public struct Transfer: AsyncSequence, Sendable {
    public enum Event: Sendable {
        /// About once a second.
        case progress(Progress)
        /// The copy is in place: the last event.
        case done(Fetched)
    }

    public typealias Element = Event
    public typealias Failure = BatonError

    fileprivate let session: Session
    fileprivate let gate: TransferGate
    fileprivate let request: Request

    public func makeAsyncIterator() -> Iterator { Iterator(state: .notBegun(self)) }

    public struct Iterator: AsyncIteratorProtocol {
        fileprivate enum State {
            case notBegun(Transfer)
            case running(RunningTransfer)
            case over
        }

        fileprivate var state: State
        private var events: ArraySlice<StreamEvent> = []

        fileprivate init(state: State) { self.state = state }

        public mutating func next(isolation: isolated (any Actor)? = #isolation) async throws(BatonError) -> Event? {
            do throws(BatonError) {
                let event = try await step()
                if case .progress = event { return event }
                state = .over
                return event
            } catch {
                // Goes, and so cancels what is under way.
                state = .over
                throw error
            }
        }

        private mutating func step(isolation: isolated (any Actor)? = #isolation) async throws(BatonError) -> Event? {
            let running: RunningTransfer
            switch state {
            case .over: return nil
            case .running(let transfer): running = transfer
            case .notBegun(let transfer):
                running = try await RunningTransfer(transfer)
                state = .running(running)
            }
            while true {
                while let event = events.popFirst() {
                    switch event {
                    case .progress(let progress): return .progress(progress)
                    case .report: continue
                    case .reply(.fetch(let fetched)): return .done(fetched)
                    case .reply(.error(let error)), .lost(let error): throw error
                    case .reply:
                        throw BatonError(.internal, "the agent answered something else than was asked")
                    }
                }
                guard let batch = try await running.inbox.next() else { return nil }
                events = batch[...]
            }
        }
    }
}

/// A FETCH under way. Cancelled when this goes, which has no effect if it has ended.
private final class RunningTransfer: Sendable {
    let inbox = Inbox<StreamEvent>()
    private let session: Session
    private let stream: StreamID
    private let pass: TransferGate.Pass

    init(_ transfer: Transfer) async throws(BatonError) {
        let inbox = inbox
        var request = transfer.request
        session = transfer.session
        guard !Task.isCancelled else { throw BatonError(.cancelled, "the get was cancelled", path: request.path) }
        let deadline = NIODeadline.now() + .milliseconds(Int64(request.deadline))
        pass = try await transfer.gate.enter(before: deadline, on: session.loop)
        request.deadline = UInt32(clamping: max(1, (deadline - .now()).nanoseconds / 1_000_000))
        guard let stream = await session.open(request, onEvent: { inbox.push([$0]) }) else {
            throw BatonError(.busy, "too many requests at once on this connection; try again", path: request.path)
        }
        self.stream = stream
        // The agent tells why it is late, and looks at the time once a second.
        await session.expire(stream, after: .milliseconds(Int64(request.deadline) + 3000)) {
            inbox.finish(
                BatonError(.deadline, "no answer about \(transfer.request.reference) within the deadline"))
        }
    }

    deinit { session.cancel(stream, because: .cancelled) }
}
