import BatonProtocol
import BatonTransport
import NIOCore

/// Hands the calls that come by way of the relay to the program that takes them, the host, and holds them while there is none
/// (chapter 13).
actor CallDesk: LoopActor {
    nonisolated let loop: any EventLoop
    private nonisolated let work: WorkName

    private var host: Session?
    /// Calls that wait for a host, in the order in which they came.
    private var held: [(key: Key, call: Call)] = []
    /// Calls that the host has.
    private var handedOver: [Key: HandedOver] = [:]
    /// The agent shuts down: no host will come any more.
    private var isEnding = false

    /// Calls that are held at once: each may bring values of 64 KiB.
    private static let room = 256

    private struct Key: Hashable {
        let session: ObjectIdentifier
        let stream: StreamID
    }

    private struct Call {
        let request: Request
        let caller: Session
        let until: NIODeadline
    }

    private struct HandedOver {
        let caller: Session
        let host: Session
        let stream: StreamID
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    init(work: WorkName, loop: any EventLoop) {
        self.work = work
        self.loop = loop
    }

    // MARK: The host

    /// Whether the program can be the host: `alreadyExists` if another one is.
    func mayAttach(_ session: Session) -> Result<Void, BatonError> {
        guard host == nil || host === session else {
            return .failure(
                BatonError(.alreadyExists, "another program takes the calls of work '\(work)' already; end it first"))
        }
        return .success(())
    }

    func attach(_ session: Session) {
        host = session
        let waiting = held
        held = []
        for (key, call) in waiting { handOver(call, key, to: session) }
    }

    /// A local session has ended. What the host had is answered as its streams end.
    func leave(_ session: Session) {
        if host === session { host = nil }
    }

    // MARK: Calls

    func take(_ request: Request, from relay: Session, on stream: StreamID) {
        let key = Key(session: ObjectIdentifier(relay), stream: stream)
        let until = NIODeadline.now() + .milliseconds(Int64(request.deadline))
        let call = Call(request: request, caller: relay, until: until)
        if let host { return handOver(call, key, to: host) }
        if isEnding { return refuseAtTheEnd(call, key) }
        guard held.count < CallDesk.room else {
            return refuse(call, key, .busy, "too many calls wait for a program of work '\(work)'; try again later")
        }
        held.append((key, call))
    }

    private func handOver(_ call: Call, _ key: Key, to host: Session) {
        guard case .call(let order) = call.request.operation else { return }
        var request = call.request
        request.deadline = UInt32(clamping: (call.until - .now()).nanoseconds / 1_000_000)
        let opened = host.assumeIsolated { host in
            host.open(request) { event in self.assumeIsolated { $0.passBack(event, key) } }
        }
        guard let opened else {
            return refuse(call, key, .busy, "too many calls of work '\(work)' are under way; try again later")
        }
        call.caller.prolong(key.stream, by: .seconds(Int64(order.runSeconds)))
        handedOver[key] = HandedOver(caller: call.caller, host: host, stream: opened)
    }

    private func passBack(_ event: StreamEvent, _ key: Key) {
        guard let call = handedOver[key] else { return }
        switch event {
        case .progress, .report: return
        case .reply(.error(let error)): call.caller.reply(.error(error.said(by: .owner)), on: key.stream)
        case .reply(let reply): call.caller.reply(reply, on: key.stream)
        case .lost:
            let message = "the program of work '\(work)' ended in the middle of the call"
            call.caller.reply(.error(BatonError(.lost, message, saidBy: .owner)), on: key.stream)
        }
        handedOver[key] = nil
    }

    /// The agent shuts down: calls that wait for a host must not hold that up, and can be held elsewhere until the work is back.
    func endHeld() {
        isEnding = true
        let waiting = held
        held = []
        for (key, call) in waiting { refuseAtTheEnd(call, key) }
    }

    private func refuseAtTheEnd(_ call: Call, _ key: Key) {
        refuse(call, key, .unreachable, "the agent of work '\(work)' is shutting down; call anew when it is back")
    }

    private func refuse(_ call: Call, _ key: Key, _ code: ErrorCode, _ message: String) {
        call.caller.reply(.error(BatonError(code, message, saidBy: .owner)), on: key.stream)
    }

    /// - Returns: false if there is no such call.
    func cancel(_ stream: StreamID, of relay: Session, because code: ErrorCode) -> Bool {
        let key = Key(session: ObjectIdentifier(relay), stream: stream)
        if let call = handedOver[key] {
            call.host.cancel(call.stream, because: code)
            // Whether the host obeys or not: the time is up for the caller.
            if code == .deadline {
                handedOver[key] = nil
                let message = "work '\(work)' has not answered the call in the time that it was given"
                call.caller.reply(.error(BatonError(.deadline, message, saidBy: .owner)), on: key.stream)
            }
            return true
        }
        guard let index = held.firstIndex(where: { $0.key == key }) else { return false }
        let call = held.remove(at: index).call
        if code == .deadline {
            refuse(
                call, key, .unreachable,
                "work '\(work)' is connected, but no program has come within \(call.request.deadlineText) to take its calls"
            )
        } else {
            refuse(call, key, code, "nobody waits for the answer any more")
        }
        return true
    }

    /// The session with the relay is gone: whoever calls may come back by another way (CAL-10).
    func lost(_ relay: Session) {
        held.removeAll { $0.key.session == ObjectIdentifier(relay) }
        for (key, call) in handedOver where key.session == ObjectIdentifier(relay) {
            handedOver[key] = nil
            call.host.cancel(call.stream, because: .interrupted)
        }
    }
}
