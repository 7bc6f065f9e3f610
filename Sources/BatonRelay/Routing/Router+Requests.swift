import BatonFiles
import BatonProtocol
import BatonTransport
import NIOCore

// Requests on their way: one stream of the asker's, one of the owner's, and between them a route.
extension Router {
    /// Brings a request to the work that owns the path, or refuses it.
    func route(_ request: Request, from asker: Session, _ stream: StreamID) {
        guard let key = membership.key(of: asker) else { return }
        if takeForStore(request, from: asker, stream) { return }
        guard let origin = request.origin else {
            if request.operation == .echo { return asker.reply(.echo(by: nil), on: stream) }
            return refuse(
                asker, stream, request, .usage, "a request to the relay must name the work whose path it means")
        }
        if case .call(let order) = request.operation { return route(order, request, from: asker, stream, to: origin) }
        if request.operation == .wait { return bring(HeldRequest(request, asker), stream) }
        guard let owner = membership[key.sibling(origin)], !owner.isLeaving else {
            if answerFromStore(request, from: asker, stream) { return }
            return refuse(
                asker, stream, request, .unreachable,
                "work '\(origin)' is not connected to the relay, so \(request.reference) is out of reach; start its agent, or try again when it runs"
            )
        }
        guard hasRoom(for: request, from: asker, stream, to: owner.session) else { return }
        guard case .get(var options) = request.operation else {
            return forward(request, to: owner.session, from: asker, stream, transfer: nil)
        }
        guard let lane = membership[key]?.lane else {
            return refuse(
                asker, stream, request, .interrupted, "there is no lane to send \(request.reference) on; try again")
        }
        guard let window = budget.reserve(for: key) else {
            return refuse(
                asker, stream, request, .busy, "the relay has no room for another transfer now; try again later")
        }
        let transfer = Transfer(window: window, of: key, to: lane, as: stream)
        let routeKey = RouteKey(asker: ObjectIdentifier(asker), stream: stream)
        lane.open(
            stream, limit: options.credit,
            observer: OutflowObserver { bytes in
                transfer.passedOn(bytes)
            } ended: { error in
                self.onLoop { $0.ended(routeKey, error) }
            })
        var onward = request
        options.credit = window
        onward.operation = .get(options)
        forward(onward, to: owner.session, from: asker, stream, transfer: transfer, asked: request)
        guard routes[routeKey] != nil else { return }
        routes[routeKey]?.expiry = loop.scheduleTask(in: .milliseconds(Int64(request.deadline))) {
            self.assumeIsolated { $0.expire(routeKey, request) }
        }
    }

    /// The deadline of a GET is for the first frame of it (STR-37); then credit keeps it going.
    private func expire(_ routeKey: RouteKey, _ request: Request) {
        guard let route = routes[routeKey], let transfer = route.transfer, !transfer.hasBegun else { return }
        let message = "work '\(route.owner.peer.work)' has sent nothing of \(request.reference) within the deadline"
        transfer.giveUp(BatonError(.deadline, message, path: request.path, saidBy: .relay))
    }

    /// Refuses a request of one who has too many under way with the same owner.
    func hasRoom(for request: Request, from asker: Session, _ stream: StreamID, to owner: Session) -> Bool {
        let pair = RoutePair(asker: ObjectIdentifier(asker), owner: ObjectIdentifier(owner))
        if load[pair, default: 0] < Router.largestLoad { return true }
        refuse(
            asker, stream, request, .busy,
            "\(Router.largestLoad) requests to work '\(owner.peer.work)' are under way already; try again when some have ended"
        )
        return false
    }

    /// - Parameter asked: what the asker has said, if that is not `request` itself.
    func forward(
        _ request: Request, to owner: Session, from asker: Session, _ stream: StreamID, transfer: Transfer?,
        wait: HeldRequest? = nil, asked: Request? = nil
    ) {
        let routeKey = RouteKey(asker: ObjectIdentifier(asker), stream: stream)
        let reserved = owner.assumeIsolated { session in
            session.reserve(for: request) { event in
                // Ended on control: nothing of it comes on the lane any more, also if the asker has gone meanwhile.
                if case .reply = event { transfer?.forget() }
                self.assumeIsolated { $0.answer(event, to: asker, routeKey) }
            }
        }
        routes[routeKey] = Route(
            owner: owner, ownerStream: reserved ?? 0, asked: asked ?? request, transfer: transfer, wait: wait,
            caller: request.type == .call ? asker : nil)
        load[RoutePair(asker: routeKey.asker, owner: ObjectIdentifier(owner)), default: 0] += 1
        guard let ownerStream = reserved else {
            let message = "work '\(owner.peer.work)' has too many requests at once; try again"
            return fail(routeKey, asker, transfer, BatonError(.busy, message, path: request.path, saidBy: .relay))
        }
        if let transfer { expect(transfer, from: owner, on: ownerStream) }
        owner.assumeIsolated { $0.start(ownerStream, with: request) }
    }

    private func expect(_ transfer: Transfer, from owner: Session, on stream: StreamID) {
        if let lane = membership.member(of: owner)?.lane {
            transfer.attach(lane, stream: stream)
        } else {
            membership.update(owner) { $0.waiting[stream] = transfer }
        }
    }

    private func answer(_ event: StreamEvent, to asker: Session, _ routeKey: RouteKey) {
        guard let route = routes[routeKey] else { return }
        let request = route.asked
        if let wait = route.wait, event.tellsThatTheOwnerGoes {
            remove(routeKey)
            return bringAgain(wait, routeKey.stream, lost: route.owner)
        }
        switch event {
        case .progress: break
        case .report(let report): passOn(report, to: asker, routeKey)
        case .reply(.error(let error)) where error.isUncovered:
            answerInstead(of: error, to: asker, routeKey, route)
        case .reply(.error(let error)) where error.code == .cancelled && route.isOverdue:
            fail(routeKey, asker, route.transfer, route.overdueError)
        case .reply(.error(let error)): fail(routeKey, asker, route.transfer, error)
        case .reply(let reply):
            remove(routeKey)
            asker.reply(reply, on: routeKey.stream)
        case .lost(let error):
            let what = route.transfer == nil ? "before it had answered about" : "in the middle of the transfer of"
            let sentence =
                "work '\(route.owner.peer.work)' went away \(what) \(request.reference) (\(error.message))"
            let mayGoOn = route.transfer != nil || request.type == .call
            let code: ErrorCode = mayGoOn ? .interrupted : .unreachable
            fail(routeKey, asker, route.transfer, BatonError(code, sentence, path: request.path, saidBy: .relay))
        }
    }

    /// The deadline has passed. The owner can say best why; if it says nothing for so long, or no more than that it was told to
    /// stop, the asker is told all the same. (A GET that has begun is its asker's to end.)
    func answerSoon(_ routeKey: RouteKey, to asker: Session) {
        guard let route = routes[routeKey], route.transfer == nil else { return }
        routes[routeKey]?.isOverdue = true
        loop.scheduleTask(in: .seconds(3)) {
            self.assumeIsolated { router in
                guard let current = router.routes[routeKey], current.owner === route.owner else { return }
                router.fail(routeKey, asker, nil, route.overdueError)
            }
        }
    }

    /// At most one a second, whatever the owner sends: the asker need not take them as fast as they come.
    private func passOn(_ report: HopReport, to asker: Session, _ routeKey: RouteKey) {
        let now = NIODeadline.now()
        guard let route = routes[routeKey], now >= route.nextReport else { return }
        routes[routeKey]?.nextReport = now + .milliseconds(900)
        asker.send(report, on: routeKey.stream)
    }

    func fail(_ routeKey: RouteKey, _ asker: Session, _ transfer: Transfer?, _ error: BatonError) {
        guard let transfer else {
            remove(routeKey)
            return asker.reply(.error(error), on: routeKey.stream)
        }
        // The asker's lane ends the stream, in order with what it has been sent, and calls back.
        transfer.fail(error)
    }

    /// The asker's side of a transfer has ended, or is about to; so does the owner's, if it has not yet.
    private func ended(_ routeKey: RouteKey, _ error: BatonError?) {
        guard let route = routes[routeKey] else { return }
        if let error {
            route.transfer?.abandon()
            route.owner.cancel(route.ownerStream, because: error.code)
        }
        remove(routeKey)
    }

    func remove(_ routeKey: RouteKey) {
        guard let route = routes.removeValue(forKey: routeKey) else { return }
        route.expiry?.cancel()
        if let transfer = route.transfer {
            budget.release(transfer.window, of: transfer.holder)
            membership.update(route.owner) { $0.waiting[route.ownerStream] = nil }
        }
        let pair = RoutePair(asker: routeKey.asker, owner: ObjectIdentifier(route.owner))
        load[pair] = load[pair].flatMap { $0 > 1 ? $0 - 1 : nil }
    }

    func refuse(
        _ asker: Session, _ stream: StreamID, _ request: Request, _ code: ErrorCode, _ message: String
    ) {
        asker.reply(.error(BatonError(code, message, path: request.path, saidBy: .relay)), on: stream)
    }
}
