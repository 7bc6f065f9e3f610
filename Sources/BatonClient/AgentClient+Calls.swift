public import BatonProtocol
import BatonTransport
import NIOCore

/// Calling works, and being called (chapter 13).
extension AgentClient {
    /// The work's root directory, as its agent has it.
    ///
    /// - Parameter takingCalls: this program is to be the host: from now on what the work is called for comes to the `calls` of
    ///   ``connect(socket:software:calls:)``.
    /// - Throws: ``BatonError`` `alreadyExists` if another program is the host.
    public func attach(takingCalls: Bool, within limit: Duration) async throws(BatonError) -> PathName {
        let reply = try await ask(.attach(takesCalls: takingCalls), Reference(path: .root), limit)
        guard case .attach(let root) = reply else { throw oddAnswer }
        return root
    }

    /// Has a work run something.
    ///
    /// - Parameter limit: how long it may take until the work's host has it; ``CallOrder/runSeconds`` comes on top.
    /// - Throws: ``BatonError``: `unreachable` and `busy` if it has not begun, `interrupted` if it is not known what became of it,
    ///   `lost`, `versionMismatch`, `unsupported`, `tooLarge`, or why it could not be run.
    public func call(_ work: WorkName, _ order: CallOrder, within limit: Duration) async throws(BatonError)
        -> CallResult
    {
        guard order.fits(calling: work) else {
            throw BatonError(
                .tooLarge,
                "the values of a call to work '\(work)' do not fit \(Limits.controlPayload) bytes; write what is large to a file, and hand over its path"
            )
        }
        let reply = try await ask(.call(order), Reference(origin: work, path: .root), limit)
        guard case .call(let result) = reply else { throw oddAnswer }
        return result
    }
}

/// A call that has come to this program.
public struct IncomingCall: Sendable {
    public let order: CallOrder
    private let session: Session
    private let stream: StreamID

    init(_ order: CallOrder, session: Session, stream: StreamID) {
        self.order = order
        self.session = session
        self.stream = stream
    }

    /// Tells two sendings of the same call apart.
    public var sending: UInt32 { stream }

    /// The caller waits as long as the call may run, from now on.
    public func accept() { session.allow(.seconds(Int64(order.runSeconds)), for: stream) }

    /// Must be called once; without effect afterwards.
    public func reply(_ result: Result<CallResult, BatonError>) {
        switch result {
        case .success(let value) where value.fits: session.reply(.call(value), on: stream)
        case .success:
            let message =
                "the answer of the call does not fit \(Limits.controlPayload) bytes; write what is large to a file, and return its path"
            session.reply(.error(BatonError(.tooLarge, message, saidBy: .owner)), on: stream)
        case .failure(let error): session.reply(.error(error), on: stream)
        }
    }
}

/// What comes to a host.
public enum CallEvent: Sendable {
    case call(IncomingCall)
    /// Whoever sent it on this stream does not want the answer any more; with `interrupted`, for now.
    case cancel(sending: UInt32, because: ErrorCode)
}

/// Takes the calls that the agent hands to this program, and refuses everything else.
final class CallTaker: SessionDelegate {
    private let calls: Inbox<CallEvent>?

    init(_ calls: Inbox<CallEvent>?) { self.calls = calls }

    func session(_ session: Session, received request: Request, on stream: StreamID) {
        guard let calls, case .call(let order) = request.operation else {
            let error = BatonError(.unsupported, "this program answers no requests", saidBy: .owner)
            return session.reply(.error(error), on: stream)
        }
        calls.push([.call(IncomingCall(order, session: session, stream: stream))])
    }

    func session(_ session: Session, cancelled stream: StreamID, because code: ErrorCode) {
        calls?.push([.cancel(sending: stream, because: code)])
    }

    func sessionEnded(_ session: Session, _ error: BatonError) {
        calls?.finish(error)
    }
}
