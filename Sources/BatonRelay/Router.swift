import BatonProtocol
import BatonTLS
import BatonTransport
import Logging
import NIOCore

/// Knows which works are connected and brings each request to the work that owns the path. Everything here happens on the control
/// loop, one thing after the other; the content of files never comes by.
actor Router: LoopActor {
    nonisolated let loop: any EventLoop
    private nonisolated let loops: EventLoops
    private nonisolated let software: String
    private nonisolated let logger: Logger

    private var members: [WorkKey: Member] = [:]
    private var keys: [ObjectIdentifier: WorkKey] = [:]
    private var tickets: [[UInt8]: WorkKey] = [:]
    private var routes: [RouteKey: Route] = [:]
    private var budget: WindowBudget
    private var lastEpoch: UInt64
    private var isDraining = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    /// - Parameter firstEpoch: higher than any that an earlier run of this relay gave out.
    init(loops: EventLoops, windowMemory: UInt64, firstEpoch: UInt64, software: String, logger: Logger) {
        loop = loops.control
        self.loops = loops
        self.software = software
        self.logger = logger
        budget = WindowBudget(total: windowMemory)
        lastEpoch = firstEpoch
    }

    /// A connected work.
    private struct Member {
        let session: Session
        let ticket: [UInt8]
        var lane: Lane?
        /// Transfers that this work was asked for before it had a lane.
        var waiting: [StreamID: Transfer] = [:]
    }

    /// A request that is under way: by whom, on which stream.
    private struct RouteKey: Hashable {
        let asker: ObjectIdentifier
        let stream: StreamID
    }

    private struct Route {
        let owner: Session
        var ownerStream: StreamID
        let transfer: Transfer?
    }

    // MARK: Coming in

    private func admit(_ hello: Hello, _ greeting: Greeting) throws(ProtocolViolation) -> any ConnectionOwner {
        let key = try WorkKey(greeting.certificate)
        guard hello.version == Limits.version else {
            throw ProtocolViolation(
                .versionMismatch, "this relay speaks version \(Limits.version), you speak \(hello.version)")
        }
        guard !isDraining else { throw ProtocolViolation(.shutdown, "this relay is shutting down; try again") }
        lastEpoch += 1
        let peer = SessionPeer(
            app: key.app, work: key.work, epoch: lastEpoch,
            address: greeting.channel.remoteAddress?.description ?? "unknown", software: hello.software)
        let session = Session(
            channel: greeting.channel, role: .acceptor, peer: peer, allowedByPeer: hello.maxStreams, delegate: self)
        let ticket = try newTicket(for: key)
        if let older = members[key] {
            logger.notice("a newer session replaces an older one", metadata: metadata(session))
            leave(older.session, key)
            older.session.close(
                .replaced, "another agent with the identity of '\(key.work)' has connected to the relay",
                reconnect: Limits.neverReconnect)
        }
        members[key] = Member(session: session, ticket: ticket)
        keys[ObjectIdentifier(session)] = key
        session.welcome(
            Welcome(session: lastEpoch, app: key.app, work: key.work, ticket: ticket, software: software),
            keepalive: hello.keepalive)
        logger.info("a work has connected", metadata: metadata(session))
        return session
    }

    private func admit(_ join: Join, _ greeting: Greeting) throws(ProtocolViolation) -> ConnectionMove {
        let key = try WorkKey(greeting.certificate)
        guard join.version == Limits.version else {
            throw ProtocolViolation(.versionMismatch, "this relay speaks version \(Limits.version)")
        }
        guard tickets[join.ticket] == key, let member = members[key], member.ticket == join.ticket else {
            throw ProtocolViolation(.badTicket, "the ticket of this lane is wrong, used or late")
        }
        // The dialer may know sooner than we that its lane is dead.
        member.lane?.close(.replaced, "another lane has joined the session")
        tickets[join.ticket] = nil
        let session = member.session
        let fresh = try newTicket(for: key)
        members[key] = Member(session: session, ticket: fresh, lane: nil, waiting: member.waiting)
        session.send(ticket: fresh)
        return ConnectionMove(to: loops.bulk(for: session.peer.epoch)) { channel in
            Lane(channel: channel, session: session) { lane, error in
                self.onLoop { $0.lost(lane, of: session, error) }
            }
        } onDone: { result in
            self.onLoop { $0.joined(result, session) }
        }
    }

    private func newTicket(for key: WorkKey) throws(ProtocolViolation) -> [UInt8] {
        do {
            let ticket = try randomBytes(Limits.ticket)
            tickets[ticket] = key
            return ticket
        } catch {
            throw ProtocolViolation(.internal, "the relay has no random numbers: \(error)")
        }
    }

    private func joined(_ result: Result<Lane, BatonError>, _ session: Session) {
        switch result {
        case .failure(let error):
            logger.warning("a lane was lost while it joined: \(error.message)", metadata: metadata(session))
        case .success(let lane):
            guard let key = keys[ObjectIdentifier(session)] else { return lane.close() }
            members[key]?.lane = lane
            for (stream, transfer) in members[key]?.waiting ?? [:] { transfer.attach(lane, stream: stream) }
            members[key]?.waiting = [:]
            lane.sayJoined()
            logger.debug("a lane has joined", metadata: metadata(session))
        }
    }

    // MARK: Going

    private func lost(_ lane: Lane, of session: Session, _ error: BatonError) {
        guard let key = keys[ObjectIdentifier(session)], members[key]?.lane === lane else { return }
        members[key]?.lane = nil
        logger.info("a lane has ended: \(error.message)", metadata: metadata(session))
    }

    /// Forgets a session and stops what it had asked for.
    private func leave(_ session: Session, _ key: WorkKey) {
        guard keys.removeValue(forKey: ObjectIdentifier(session)) != nil else { return }
        guard let member = members[key], member.session === session else { return }
        members[key] = nil
        tickets[member.ticket] = nil
        member.lane?.close()
        for (routeKey, route) in routes where routeKey.asker == ObjectIdentifier(session) {
            route.transfer?.abandon()
            route.owner.cancel(route.ownerStream, because: .cancelled)
            remove(routeKey)
        }
    }

    /// Takes no new sessions and requests, and tells all works to come back later.
    func drain(within limit: TimeAmount) {
        isDraining = true
        for member in members.values {
            member.session.assumeIsolated {
                $0.drain(within: limit, reconnect: 1000, "the relay is shutting down")
            }
        }
    }

    var isEmpty: Bool { members.isEmpty }

    // MARK: Requests

    private func route(_ request: Request, from asker: Session, _ stream: StreamID) {
        guard let key = keys[ObjectIdentifier(asker)], let member = members[key] else { return }
        guard let origin = request.origin else {
            if request.operation == .echo { return asker.reply(.echo(by: nil), on: stream) }
            return refuse(
                asker, stream, request, .usage, "a request to the relay must name the work whose path it means")
        }
        guard let owner = members[key.sibling(origin)] else {
            return refuse(
                asker, stream, request, .unreachable,
                "work '\(origin)' is not connected to the relay, so \(request.reference) is out of reach; start its agent, or try again when it runs"
            )
        }
        guard case .get(let credit) = request.operation else {
            return forward(request, to: owner.session, from: asker, stream, transfer: nil)
        }
        guard let lane = member.lane else {
            return refuse(
                asker, stream, request, .interrupted, "there is no lane to send \(request.reference) on; try again")
        }
        guard let window = budget.reserve() else {
            return refuse(
                asker, stream, request, .busy, "the relay has no room for another transfer now; try again later")
        }
        let transfer = Transfer(window: window, to: lane, as: stream)
        let routeKey = RouteKey(asker: ObjectIdentifier(asker), stream: stream)
        lane.open(
            stream, limit: credit,
            observer: OutflowObserver { bytes in
                transfer.passedOn(bytes)
            } ended: { error in
                self.onLoop { $0.ended(routeKey, error) }
            })
        var onward = request
        onward.operation = .get(credit: window)
        forward(onward, to: owner.session, from: asker, stream, transfer: transfer)
    }

    private func forward(
        _ request: Request, to owner: Session, from asker: Session, _ stream: StreamID, transfer: Transfer?
    ) {
        let routeKey = RouteKey(asker: ObjectIdentifier(asker), stream: stream)
        let reserved = owner.assumeIsolated { session in
            session.reserve(for: request) { event in
                self.assumeIsolated { $0.answer(event, to: asker, routeKey, request) }
            }
        }
        routes[routeKey] = Route(owner: owner, ownerStream: reserved ?? 0, transfer: transfer)
        guard let ownerStream = reserved else {
            let message = "work '\(owner.peer.work)' has too many requests at once; try again"
            return fail(routeKey, asker, transfer, BatonError(.busy, message, path: request.path, saidBy: .relay))
        }
        if let transfer { expect(transfer, from: owner, on: ownerStream) }
        owner.assumeIsolated { $0.start(ownerStream, with: request) }
    }

    private func expect(_ transfer: Transfer, from owner: Session, on stream: StreamID) {
        guard let key = keys[ObjectIdentifier(owner)] else { return }
        if let lane = members[key]?.lane {
            transfer.attach(lane, stream: stream)
        } else {
            members[key]?.waiting[stream] = transfer
        }
    }

    private func answer(_ event: StreamEvent, to asker: Session, _ routeKey: RouteKey, _ request: Request) {
        guard let route = routes[routeKey] else { return }
        switch event {
        case .progress: break
        case .reply(.error(let error)): fail(routeKey, asker, route.transfer, error)
        case .reply(let reply):
            remove(routeKey)
            asker.reply(reply, on: routeKey.stream)
        case .lost(let error):
            let sentence =
                "work '\(route.owner.peer.work)' went away before it had answered about \(request.reference) (\(error.message))"
            let code: ErrorCode = route.transfer == nil ? .unreachable : .interrupted
            fail(routeKey, asker, route.transfer, BatonError(code, sentence, path: request.path, saidBy: .relay))
        }
    }

    private func fail(_ routeKey: RouteKey, _ asker: Session, _ transfer: Transfer?, _ error: BatonError) {
        guard let transfer else {
            remove(routeKey)
            return asker.reply(.error(error), on: routeKey.stream)
        }
        // The asker's lane ends the stream, in order with what it has been sent, and calls back.
        transfer.fail(error)
    }

    /// The asker's side of a transfer has ended; so does the owner's, if it has not yet.
    private func ended(_ routeKey: RouteKey, _ error: BatonError?) {
        guard let route = routes[routeKey] else { return }
        if error != nil {
            route.transfer?.abandon()
            route.owner.cancel(route.ownerStream, because: .cancelled)
        }
        remove(routeKey)
    }

    private func remove(_ routeKey: RouteKey) {
        guard let route = routes.removeValue(forKey: routeKey) else { return }
        if let window = route.transfer?.window { budget.release(window) }
        if let key = keys[ObjectIdentifier(route.owner)] { members[key]?.waiting[route.ownerStream] = nil }
    }

    private func refuse(
        _ asker: Session, _ stream: StreamID, _ request: Request, _ code: ErrorCode, _ message: String
    ) {
        asker.reply(.error(BatonError(code, message, path: request.path, saidBy: .relay)), on: stream)
    }

    private nonisolated func metadata(_ session: Session) -> Logger.Metadata {
        [
            "app": "\(session.peer.app)", "work": "\(session.peer.work)", "session": "\(session.peer.epoch)",
            "peer": "\(session.peer.address)", "software": "\(session.peer.software)",
        ]
    }
}

extension Router: Doorkeeper {
    nonisolated func admit(_ greeting: Greeting) throws(ProtocolViolation) -> Admission {
        let result = assumeIsolated { router in
            Result { () throws(ProtocolViolation) in
                switch greeting.message {
                case .hello(let hello): Admission.owned(try router.admit(hello, greeting))
                case .join(let join): Admission.moved(try router.admit(join, greeting))
                default: throw ProtocolViolation(.helloExpected, "neither HELLO nor JOIN")
                }
            }
        }
        return try result.get()
    }
}

extension Router: SessionDelegate {
    nonisolated func session(_ session: Session, received request: Request, on stream: StreamID) {
        assumeIsolated { $0.route(request, from: session, stream) }
    }

    nonisolated func session(_ session: Session, cancelled stream: StreamID, because code: ErrorCode) {
        assumeIsolated { router in
            guard let route = router.routes[RouteKey(asker: ObjectIdentifier(session), stream: stream)] else { return }
            route.transfer?.cancel()
            route.owner.cancel(route.ownerStream, because: code)
        }
    }

    nonisolated func session(_ session: Session, granted limit: UInt64, to stream: StreamID) {
        assumeIsolated { router in
            guard let key = router.keys[ObjectIdentifier(session)] else { return }
            router.members[key]?.lane?.grant(limit, to: stream)
        }
    }

    nonisolated func sessionEnded(_ session: Session, _ error: BatonError) {
        assumeIsolated { router in
            guard let key = router.keys[ObjectIdentifier(session)] else { return }
            router.logger.info("a work has gone: \(error.message)", metadata: router.metadata(session))
            router.leave(session, key)
        }
    }
}
