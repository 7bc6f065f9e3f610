import BatonFiles
import BatonProtocol
import BatonTLS
import BatonTransfer
import BatonTransport
import Logging
import NIOCore

/// Knows which works are connected and brings each request to the work that owns the path. Everything here happens on the control
/// loop, one thing after the other; the content of files never comes by.
actor Router: LoopActor {
    nonisolated let loop: any EventLoop
    private nonisolated let loops: EventLoops
    nonisolated let store: any ArtifactStore
    /// What the store has been asked.
    nonisolated let jobs: JobList
    private nonisolated let software: String
    private nonisolated let logger: Logger

    var membership = Membership()
    var routes: [RouteKey: Route] = [:]
    var budget: WindowBudget
    /// How many routes there are from one session to another.
    var load: [RoutePair: Int] = [:]
    /// WAIT requests about which the store, or an owner by another request, is asked just now.
    var waitsInDoubt: [RouteKey: HeldRequest] = [:]
    /// WAIT requests for works that are away.
    var waitingRoom = WaitingRoom<HeldRequest>()
    /// CALL requests for works that are away.
    var callRoom = WaitingRoom<HeldRequest>(mostOfOne: 16, most: 256)
    private var lastEpoch: UInt64
    private var isDraining = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    /// - Parameter firstEpoch: higher than any that an earlier run of this relay gave out.
    init(
        loops: EventLoops, store: any ArtifactStore, jobs: JobList, windowMemory: UInt64, firstEpoch: UInt64,
        software: String, logger: Logger
    ) {
        self.store = store
        self.jobs = jobs
        loop = loops.control
        self.loops = loops
        self.software = software
        self.logger = logger
        budget = WindowBudget(total: windowMemory)
        lastEpoch = firstEpoch
    }

    /// A request that is under way: by whom, on which stream.
    struct RouteKey: Hashable {
        let asker: ObjectIdentifier
        let stream: StreamID
    }

    struct RoutePair: Hashable {
        let asker: ObjectIdentifier
        let owner: ObjectIdentifier
    }

    /// Requests that one asker may have under way with one owner: the owner has room for a few such askers.
    static let largestLoad = Int(Limits.defaultStreams) / 4

    /// Where a request was passed on to.
    struct Route {
        let owner: Session
        let ownerStream: StreamID
        /// As it came.
        let asked: Request
        let transfer: Transfer?
        /// What to go on with if the owner goes; only of a WAIT whose deadline has not passed.
        var wait: HeldRequest?
        /// Who waits for the answer; only of a CALL.
        var caller: Session?
        /// Ends a GET of which nothing has come.
        var expiry: Scheduled<Void>?
        /// When the owner's next REPORT may be passed on.
        var nextReport = NIODeadline.uptimeNanoseconds(0)
        /// The deadline has passed, and the owner was told to stop.
        var isOverdue = false

        /// For an owner that does not say why its answer is late.
        var overdueError: BatonError {
            let what =
                switch asked.operation {
                case .call: "has not answered the call in the time that it was given"
                case .wait:
                    "has not told of \(asked.reference) in the \(asked.deadlineText) in which it was waited for"
                default: "has not answered about \(asked.reference) within the deadline"
                }
            return BatonError(.deadline, "work '\(owner.peer.work)' \(what)", path: asked.path, saidBy: .relay)
        }
    }

    // MARK: Coming in

    private func admit(_ hello: Hello, _ greeting: Greeting) throws(ProtocolViolation) -> any ConnectionOwner {
        let key = try WorkKey(greeting.certificate)
        guard hello.version == Limits.version else {
            throw ProtocolViolation(
                .versionMismatch, "this relay speaks version \(Limits.version), you speak \(hello.version)")
        }
        guard !isDraining else { throw ProtocolViolation(.shutdown, "this relay is shutting down; try again") }
        guard store.fence(key.artifactOwner, epoch: lastEpoch + 1) else {
            let message = "what the older agent of '\(key.work)' leaves behind is being published; try again"
            throw ProtocolViolation(.shutdown, message)
        }
        lastEpoch += 1
        let peer = SessionPeer(
            app: key.app, work: key.work, epoch: lastEpoch,
            address: greeting.channel.remoteAddress?.description ?? "unknown", software: hello.software)
        let session = Session(
            channel: greeting.channel, role: .acceptor, side: .relay, peer: peer, allowedByPeer: hello.maxStreams,
            keepalive: hello.keepalive, delegate: self)
        let ticket = try newTicket()
        if let older = membership[key]?.session, !Flaw.breaks("SES-29") {
            logger.notice("a newer session replaces an older one", metadata: metadata(session))
            leave(older)
            older.close(
                .replaced, "another agent with the identity of '\(key.work)' has connected to the relay",
                reconnect: Limits.neverReconnect)
        }
        membership.enter(session, as: key, ticket: ticket)
        session.welcome(
            Welcome(session: lastEpoch, app: key.app, work: key.work, ticket: ticket, software: software),
            keepalive: session.keepalive)
        logger.info("a work has connected", metadata: metadata(session))
        // Once it is the owner of its connection.
        loop.execute {
            self.assumeIsolated { router in
                router.passOnWaits(for: key)
                router.passOnCalls(for: key)
            }
        }
        return session
    }

    private func admit(_ join: Join, _ greeting: Greeting) throws(ProtocolViolation) -> ConnectionMove {
        let key = try WorkKey(greeting.certificate)
        guard join.version == Limits.version else {
            throw ProtocolViolation(.versionMismatch, "this relay speaks version \(Limits.version)")
        }
        guard let member = membership[key], member.ticket == join.ticket || Flaw.breaks("SES-14") else {
            throw ProtocolViolation(.badTicket, "the ticket of this lane is wrong, used or late")
        }
        // The dialer may know sooner than we that its lane is dead.
        member.lane?.close(.replaced, "another lane has joined the session")
        let session = member.session
        let fresh = try newTicket()
        membership.update(session) { ($0.ticket, $0.lane) = (fresh, nil) }
        session.send(ticket: fresh)
        return ConnectionMove(to: loops.bulk(for: session.peer.epoch), keepalive: session.keepalive) { channel in
            Lane(channel: channel, session: session, peerName: "work '\(session.peer.work)'", side: .relay) {
                lane, error in
                self.onLoop { $0.lost(lane, of: session, error) }
            }
        } onDone: { result in
            self.onLoop { $0.joined(result, session) }
        }
    }

    private func newTicket() throws(ProtocolViolation) -> [UInt8] {
        do { return try randomBytes(Limits.ticket) } catch {
            throw ProtocolViolation(.internal, "the relay has no random numbers: \(error)")
        }
    }

    private func joined(_ result: Result<Lane, BatonError>, _ session: Session) {
        switch result {
        case .failure(let error):
            logger.warning("a lane was lost while it joined: \(error.message)", metadata: metadata(session))
        case .success(let lane):
            guard let waiting = membership.member(of: session)?.waiting else { return lane.close() }
            for (stream, transfer) in waiting { transfer.attach(lane, stream: stream) }
            membership.update(session) { ($0.lane, $0.waiting) = (lane, [:]) }
            lane.sayJoined()
            logger.debug("a lane has joined", metadata: metadata(session))
        }
    }

    // MARK: Going

    private func lost(_ lane: Lane, of session: Session, _ error: BatonError) {
        guard membership.member(of: session)?.lane === lane else { return }
        membership.update(session) { $0.lane = nil }
        logger.info("a lane has ended: \(error.message)", metadata: metadata(session))
    }

    /// Forgets a session and stops what it had asked for.
    private func leave(_ session: Session) {
        guard let member = membership.leave(session) else { return }
        member.lane?.close()
        waitsInDoubt = waitsInDoubt.filter { $0.key.asker != ObjectIdentifier(session) }
        waitingRoom.leave(allOf: ObjectIdentifier(session))
        callRoom.leave(allOf: ObjectIdentifier(session))
        for (routeKey, route) in routes where routeKey.asker == ObjectIdentifier(session) {
            route.transfer?.abandon()
            route.owner.cancel(route.ownerStream, because: .interrupted)
            remove(routeKey)
        }
    }

    /// Takes no new sessions and requests, and tells all works to come back later.
    func drain(within limit: TimeAmount) {
        isDraining = true
        endWaits()
        endCalls()
        for session in membership.sessions {
            session.assumeIsolated { $0.drain(within: limit, reconnect: 1000, "the relay is shutting down") }
        }
    }

    var isEmpty: Bool { membership.isEmpty }

    /// Closes what is still open, and waits until it is.
    func close() async {
        for channel in membership.channels { try? await channel.close() }
    }

    private nonisolated func metadata(_ session: Session) -> Logger.Metadata {
        [
            "app": "\(session.peer.app)", "work": "\(session.peer.work)", "session": "\(session.peer.epoch)",
            "peer": "\(session.peer.address)", "software": "\(session.peer.software)",
        ]
    }
}

extension Router: Doorkeeper {
    nonisolated func recognize(_ certificate: PeerCertificate) throws(ProtocolViolation) {
        _ = try WorkKey(certificate)
    }

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
            if router.jobs.cancel(stream, of: session, because: code) { return }
            let routeKey = RouteKey(asker: ObjectIdentifier(session), stream: stream)
            if router.cancelHeldCall(routeKey, because: code) { return }
            if code == .deadline { router.answerSoon(routeKey, to: session) }
            guard let route = router.routes[routeKey], route.wait == nil else {
                return router.cancelWait(routeKey, of: session, because: code)
            }
            route.transfer?.cancel()
            route.owner.cancel(route.ownerStream, because: code)
        }
    }

    nonisolated func session(_ session: Session, granted limit: UInt64, to stream: StreamID) {
        assumeIsolated { router in
            router.membership.member(of: session)?.lane?.grant(limit, to: stream)
        }
    }

    nonisolated func session(_ session: Session, received goAway: GoAway) {
        assumeIsolated { $0.membership.update(session) { $0.isLeaving = true } }
    }

    nonisolated func sessionEnded(_ session: Session, _ error: BatonError) {
        jobs.cancelAll(of: session)
        assumeIsolated { router in
            guard router.membership.key(of: session) != nil else { return }
            router.logger.info("a work has gone: \(error.message)", metadata: router.metadata(session))
            router.leave(session)
        }
    }
}
