import BatonFiles
import BatonProtocol
import BatonTransfer
import BatonTransport
import Logging
import NIOCore

/// The agent's connection to the relay: dials, dials again when it is lost, and opens a lane when data is to move.
actor RelayLink: LoopActor {
    nonisolated let loop: any EventLoop
    private nonisolated let loops: EventLoops
    private nonisolated let dialer: RelayDialer
    private nonisolated let files: SharedFiles
    private nonisolated let jobs: JobList
    private nonisolated let calls: CallDesk
    private nonisolated let logger: Logger
    private nonisolated let endings = Inbox<Ending>()

    private var session: Session?
    private var ticket: [UInt8]?
    private var lane: Lane?
    private var sessionWaiters: [Inbox<Session>] = []
    private var laneWaiters: [Inbox<Lane>] = []
    private var isDialingLane = false
    private var isDraining = false
    /// Why there is no session.
    private var absence = BatonError(.unreachable, "the agent is not connected to the relay yet")

    private struct Ending: Sendable {
        let session: Session
        let error: BatonError
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    init(
        dialer: RelayDialer, loops: EventLoops, files: SharedFiles, jobs: JobList, calls: CallDesk, logger: Logger
    ) {
        loop = loops.control
        self.loops = loops
        self.dialer = dialer
        self.files = files
        self.jobs = jobs
        self.calls = calls
        self.logger = logger
    }

    // MARK: The session

    /// Keeps a session open until the task is cancelled.
    ///
    /// - Parameters:
    ///   - firstWithin: how long the first connection may take.
    ///   - onConnected: told of each new session.
    /// - Throws: why the relay cannot be used at all, before there was a first session; why it told this agent not to come back, such
    ///   as `replaced` when another agent of the same identity has taken over.
    func run(firstWithin limit: Duration, onConnected: @Sendable (SessionPeer) async -> Void) async throws(BatonError) {
        var backoff = Backoff()
        let deadline = ContinuousClock.now + limit
        var hasConnected = false
        while !Task.isCancelled {
            var hint: UInt32?
            do throws(BatonError) {
                let session = try await dialer.openSession(on: loop, delegate: self)
                hasConnected = true
                sessionWaiters.forEach { $0.push([session]) }
                sessionWaiters = []
                backoff.reset()
                logger.info(
                    "connected to the relay",
                    metadata: ["relay": "\(dialer.address)", "session": "\(session.peer.epoch)"])
                await onConnected(session.peer)
                absence = try await ending(of: session)
                hint = reconnectHint
                forgetSession()
                if isDraining { return }
                logger.warning("lost the relay: \(absence.message)", metadata: ["code": "\(absence.code.name)"])
            } catch {
                absence = error
                if error.code == .cancelled { return }
                let isFinal = RelayLink.finalCodes.contains(error.code) || ContinuousClock.now > deadline
                if !hasConnected, isFinal { throw error }
                logger.warning("\(error.message)", metadata: ["code": "\(error.code.name)"])
            }
            if isDraining { return }
            if hint == Limits.neverReconnect { throw absence }
            try? await Task.sleep(for: backoff.delay(hint: hint))
        }
    }

    /// What no retry mends.
    private static let finalCodes: Set<ErrorCode> = [.identityRefused, .versionMismatch]

    private var reconnectHint: UInt32?

    private func ending(of session: Session) async throws(BatonError) -> BatonError {
        while let batch = try await endings.next() {
            for ending in batch where ending.session === session { return ending.error }
        }
        return BatonError(.interrupted, "the connection ended")
    }

    private func forgetSession() {
        session = nil
        ticket = nil
        reconnectHint = nil
        lane?.close()
        lane = nil
    }

    /// The open session.
    ///
    /// - Throws: `unreachable`, and why.
    func current() throws(BatonError) -> Session {
        guard let session else {
            throw BatonError(.unreachable, "the relay at \(dialer.address) is out of reach: \(absence.message)")
        }
        // After its GOAWAY the relay takes no new requests.
        guard reconnectHint == nil else {
            throw BatonError(.unreachable, "the relay at \(dialer.address) is shutting down; try again when it is back")
        }
        return session
    }

    /// The open session, or the next one; whoever waits decides for how long, by cancelling the task.
    func nextSession() async throws(BatonError) -> Session {
        if let session = try? current() { return session }
        let connected = Inbox<Session>()
        sessionWaiters.append(connected)
        defer { sessionWaiters.removeAll { $0 === connected } }
        guard let session = try await connected.next()?.first else { return try current() }
        return session
    }

    /// Tells the relay that this agent ends, and lets what runs end. ``run(firstWithin:onConnected:)`` returns after that.
    ///
    /// - Returns: false if there is nothing to wait for.
    func drain(within limit: TimeAmount) -> Bool {
        isDraining = true
        guard let session else { return false }
        session.assumeIsolated { $0.drain(within: limit, reconnect: 0, "the agent is shutting down") }
        return true
    }

    /// Closes what is still open, and waits until it is.
    func close() async {
        for channel in [session?.channel, lane?.channel] { try? await channel?.close() }
    }

    // MARK: The lane

    /// The session's lane; opened when it is first needed.
    ///
    /// - Throws: `unreachable` and what else keeps a lane from opening.
    func openLane() async throws(BatonError) -> Lane {
        if let lane { return lane }
        let session = try current()
        if isDialingLane {
            // Noted in the same breath as the look: at any `await`, also of a method of this actor, others may run first.
            let opened = Inbox<Lane>()
            laneWaiters.append(opened)
            guard let lane = try await opened.next()?.first else {
                throw BatonError(.interrupted, "no lane was opened")
            }
            return lane
        }
        guard let ticket else {
            throw BatonError(.interrupted, "the relay has given no ticket for a lane yet; try again")
        }
        self.ticket = nil
        isDialingLane = true
        defer { isDialingLane = false }
        do throws(BatonError) {
            let opened = try await dialer.openLane(of: session, ticket: ticket, on: loops.bulk(for: session.peer.epoch))
            {
                lane, error in
                self.onLoop { $0.lost(lane, error) }
            }
            // If it, or its session, was lost since, those who tell of it have been here already.
            guard opened.channel.isActive, self.session === session else {
                opened.close()
                throw BatonError(.interrupted, "the lane was lost as soon as it was open")
            }
            lane = opened
            settle { $0.push([opened]) }
            return opened
        } catch {
            // Unless JOIN was accepted all the same it is good for another try; if it was, a newer one has come or will.
            if self.session === session, self.ticket == nil { self.ticket = ticket }
            settle { $0.finish(error) }
            throw error
        }
    }

    private func settle(_ tell: (Inbox<Lane>) -> Void) {
        let waiters = laneWaiters
        laneWaiters = []
        waiters.forEach(tell)
    }

    private func lost(_ lane: Lane, _ error: BatonError) {
        guard self.lane === lane else { return }
        self.lane = nil
        if session != nil { logger.warning("lost a lane: \(error.message)") }
    }
}

extension RelayLink: SessionDelegate {
    nonisolated func session(_ session: Session, beganWith ticket: [UInt8]) {
        assumeIsolated { ($0.session, $0.ticket) = (session, ticket) }
    }

    nonisolated func session(_ session: Session, received request: Request, on stream: StreamID) {
        guard request.origin == nil || request.origin == session.peer.work else {
            let message = "work '\(session.peer.work)' was asked for what is \(request.ownerText)'s"
            let error = BatonError(.unreachable, message, path: request.path, saidBy: .owner)
            return session.reply(.error(error), on: stream)
        }
        if request.operation == .echo { return session.reply(.echo(by: session.peer.work), on: stream) }
        if request.type == .call {
            return calls.assumeIsolated { $0.take(request, from: session, on: stream) }
        }
        // What is in memory is answered here and now; the rest may wait for a disk.
        if request.operation == .exists, let exists = files.existsInMemory(request.path) {
            return session.reply(.exists(exists, source: .live), on: stream)
        }
        if request.operation == .wait, files.existsInMemory(request.path) == true {
            return session.reply(.exists(true, source: .live), on: stream)
        }
        if request.operation == .wait { return jobs.addWait(request, session: session, stream: stream) }
        jobs.add(request, session: session, stream: stream, isFromRelay: true)
    }

    nonisolated func session(_ session: Session, cancelled stream: StreamID, because code: ErrorCode) {
        if calls.assumeIsolated({ $0.cancel(stream, of: session, because: code) }) { return }
        _ = jobs.cancel(stream, of: session, because: code)
    }

    nonisolated func session(_ session: Session, granted limit: UInt64, to stream: StreamID) {
        assumeIsolated { link in
            if link.session === session { link.lane?.grant(limit, to: stream) }
        }
    }

    nonisolated func session(_ session: Session, received ticket: [UInt8]) {
        assumeIsolated { $0.ticket = ticket }
    }

    nonisolated func session(_ session: Session, received goAway: GoAway) {
        assumeIsolated { link in
            link.reconnectHint = goAway.reconnect
            link.logger.notice(
                "the relay says goodbye: \(Escaping.printable(goAway.message))",
                metadata: ["code": "\(goAway.code.name)"])
        }
    }

    nonisolated func sessionEnded(_ session: Session, _ error: BatonError) {
        jobs.cancelAll(of: session)
        calls.assumeIsolated { $0.lost(session) }
        endings.push([Ending(session: session, error: error)])
    }
}
