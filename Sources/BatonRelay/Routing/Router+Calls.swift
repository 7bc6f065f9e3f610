import BatonProtocol
import BatonTransport
import NIOCore

// CALL requests (chapter 13): held while their work is away, and passed on once and never again, since a call is run at most once.
extension Router {
    func route(
        _ order: CallOrder, _ request: Request, from asker: Session, _ stream: StreamID, to work: WorkName
    ) {
        guard let key = membership.key(of: asker) else { return }
        let callee = key.sibling(work)
        let call = HeldRequest(request, asker)
        if let member = membership[callee], !member.isLeaving { return passOnCall(call, stream, to: member.session) }
        let routeKey = RouteKey(asker: ObjectIdentifier(asker), stream: stream)
        guard callRoom.enter(call, as: routeKey, for: callee) else {
            return refuse(
                asker, stream, request, .busy,
                "work '\(work)' is not connected, and too many calls wait for works that are away; try again later")
        }
    }

    private func passOnCall(_ call: HeldRequest, _ stream: StreamID, to owner: Session) {
        guard case .call(let order) = call.request.operation else { return }
        let left = call.left
        guard left > 0 else { return miss(call, stream) }
        guard hasRoom(for: call.request, from: call.asker, stream, to: owner) else { return }
        var request = call.request
        request.deadline = left
        call.asker.prolong(stream, by: .seconds(Int64(order.runSeconds)))
        forward(request, to: owner, from: call.asker, stream, transfer: nil)
    }

    /// The work has connected.
    func passOnCalls(for work: WorkKey) {
        guard let owner = membership[work]?.session else { return }
        for (routeKey, call) in callRoom.leave(allFor: work) { passOnCall(call, routeKey.stream, to: owner) }
    }

    /// - Returns: false if the call is not held.
    func cancelHeldCall(_ routeKey: RouteKey, because code: ErrorCode) -> Bool {
        guard let call = callRoom.leave(routeKey) else { return false }
        if code == .deadline {
            miss(call, routeKey.stream)
        } else {
            refuse(call.asker, routeKey.stream, call.request, code, "nobody waits for the answer any more")
        }
        return true
    }

    private func miss(_ call: HeldRequest, _ stream: StreamID) {
        refuse(
            call.asker, stream, call.request, .unreachable,
            "\(call.request.ownerText) did not connect to the relay within the \(call.request.deadlineText) in which it was to be called; start it, or wait longer"
        )
    }

    /// The relay shuts down: calls must not hold that up. Those that were passed on may go on, once their callers ask again.
    func endCalls() {
        for (routeKey, call) in callRoom.leaveAll() {
            refuse(call.asker, routeKey.stream, call.request, .unreachable, "the relay is shutting down; call anew")
        }
        for (routeKey, route) in routes {
            guard let asker = route.caller else { continue }
            // Its answer is not waited for: it may take as long as it likes.
            route.owner.cancel(route.ownerStream, because: .interrupted)
            route.owner.settle(route.ownerStream)
            remove(routeKey)
            asker.reply(
                .error(BatonError(.interrupted, "the relay is shutting down", saidBy: .relay)), on: routeKey.stream)
        }
    }
}
