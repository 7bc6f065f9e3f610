import BatonFiles
import BatonProtocol
import BatonTransfer
import BatonTransport
import Glibc
import Logging
import NIOCore

/// Takes what programs on this machine ask by way of the Unix socket: passes on to the relay what concerns other works, and hands
/// the rest to the agent's tasks.
actor LocalDesk: LoopActor {
    nonisolated let loop: any EventLoop
    private nonisolated let app: WorkName
    private nonisolated let work: WorkName
    private nonisolated let folder: WorkFolder
    private nonisolated let link: RelayLink
    private nonisolated let jobs: JobList
    private nonisolated let calls: CallDesk
    private nonisolated let software: String

    /// Requests that were passed on, by the local stream.
    private var passedOn: [Key: Onward] = [:]
    private var sessions: [ObjectIdentifier: Session] = [:]
    private var lastSession: UInt64 = 0

    private struct Onward {
        let asker: Session
        let request: Request
        let session: Session
        let stream: StreamID
    }

    private struct Key: Hashable {
        let session: ObjectIdentifier
        let stream: StreamID
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    init(
        app: WorkName, work: WorkName, folder: WorkFolder, link: RelayLink, jobs: JobList, calls: CallDesk,
        software: String
    ) {
        loop = link.loop
        self.app = app
        self.work = work
        self.folder = folder
        self.link = link
        self.jobs = jobs
        self.calls = calls
        self.software = software
    }

    private func admit(_ hello: Hello, _ channel: any Channel) throws(ProtocolViolation) -> Session {
        guard hello.version == Limits.version else {
            throw ProtocolViolation(
                .versionMismatch, "this agent speaks version \(Limits.version), you speak \(hello.version)")
        }
        lastSession += 1
        let peer = SessionPeer(app: app, work: work, epoch: lastSession, address: "local", software: hello.software)
        let session = Session(
            channel: channel, role: .acceptor, side: .local, peer: peer, allowedByPeer: hello.maxStreams,
            delegate: self)
        sessions[ObjectIdentifier(session)] = session
        let welcome = Welcome(session: lastSession, app: app, work: work, software: software)
        session.welcome(welcome, keepalive: hello.keepalive)
        return session
    }

    private func take(_ request: Request, _ session: Session, _ stream: StreamID) {
        switch request.operation {
        case .share, .fetch, .persist: jobs.add(request, session: session, stream: stream)
        case .attach(let takesCalls): attach(session, stream, takesCalls: takesCalls)
        case .call(let order):
            session.prolong(stream, by: .seconds(Int64(order.runSeconds)))
            passOn(request, session, stream)
        case .echo where request.origin == nil: passOn(request, session, stream)
        case .artifacts:
            var request = request
            // Only here is it known where the root lies: a path of the file system becomes the one that was declared.
            if request.origin ?? work == work { request.path = folder.ownName(request.path) }
            passOn(request, session, stream)
        case .wait where request.origin == nil || request.origin == work:
            jobs.addWait(request, session: session, stream: stream)
        default:
            if request.origin == nil || request.origin == work {
                jobs.add(request, session: session, stream: stream)
            } else {
                passOn(request, session, stream)
            }
        }
    }

    private func attach(_ session: Session, _ stream: StreamID, takesCalls: Bool) {
        do throws(BatonError) {
            let root: PathName
            do { root = try PathName(resolving: folder.root.bytes) } catch {
                throw BatonError(.internal, "the root directory of the work cannot be named: \(error)")
            }
            // Answered first: the calls that waited for a host come after it.
            if takesCalls { try calls.assumeIsolated { $0.mayAttach(session) }.get() }
            session.reply(.attach(root: root), on: stream)
            if takesCalls { calls.assumeIsolated { $0.attach(session) } }
        } catch {
            session.reply(.error(error), on: stream)
        }
    }

    /// The answer comes straight back from the relay's connection: no task, no hop.
    private func passOn(_ request: Request, _ session: Session, _ stream: StreamID) {
        let key = Key(session: ObjectIdentifier(session), stream: stream)
        do throws(BatonError) {
            let relay = try link.assumeIsolated { link in
                Result { () throws(BatonError) in try link.current() }
            }.get()
            let opened = relay.assumeIsolated { relay in
                relay.open(request) { event in
                    self.assumeIsolated { $0.passBack(event, key, session) }
                }
            }
            guard let opened else {
                // Its end is known here a moment before the link has heard of it.
                if relay.assumeIsolated({ $0.isOver }) {
                    throw BatonError(.unreachable, "the relay was lost a moment ago; try again", path: request.path)
                }
                throw BatonError(.busy, "too many requests are under way; try again", path: request.path)
            }
            passedOn[key] = Onward(asker: session, request: request, session: relay, stream: opened)
        } catch {
            session.reply(.error(error), on: stream)
        }
    }

    private func passBack(_ event: StreamEvent, _ key: Key, _ session: Session) {
        guard passedOn[key] != nil else { return }
        switch event {
        case .progress, .report: return
        case .reply(let reply): session.reply(reply, on: key.stream)
        case .lost(let error):
            let message = "the relay was lost before it had answered: \(error.message)"
            let code: ErrorCode = passedOn[key]?.request.type == .call ? .interrupted : .unreachable
            session.reply(.error(BatonError(code, message)), on: key.stream)
        }
        passedOn[key] = nil
    }

    private func cancel(_ stream: StreamID, _ session: Session, _ code: ErrorCode) {
        if jobs.cancel(stream, of: session, because: code) { return }
        let key = Key(session: ObjectIdentifier(session), stream: stream)
        guard let onward = passedOn[key] else { return }
        onward.session.cancel(onward.stream, because: code)
        guard code == .deadline else { return }
        // Who answers one of these too late tells why.
        let grace: TimeAmount =
            onward.request.operation == .wait || onward.request.type == .call ? .seconds(3) : .zero
        loop.scheduleTask(in: grace) { self.assumeIsolated { $0.giveUp(key) } }
    }

    /// The deadline has passed, and the relay has not said so (STR-28).
    private func giveUp(_ key: Key) {
        guard let onward = passedOn.removeValue(forKey: key) else { return }
        let request = onward.request
        let what =
            request.type == .call
            ? "the call of \(request.ownerText)"
            : request.operation == .echo ? request.ownerText : "\(request.reference)"
        onward.asker.reply(
            .error(BatonError(.deadline, "no answer about \(what) came within the deadline", path: request.path)),
            on: key.stream)
    }

    private func end(_ session: Session) {
        sessions[ObjectIdentifier(session)] = nil
        jobs.cancelAll(of: session)
        calls.assumeIsolated { $0.leave(session) }
        for (key, onward) in passedOn where key.session == ObjectIdentifier(session) {
            onward.session.cancel(onward.stream, because: .interrupted)
            passedOn[key] = nil
        }
    }

    /// Tells those who wait for paths of other works, and those whose calls wait for a host, that there is no use: a wait must not hold
    /// up the agent's end.
    func endWaits(_ error: BatonError) {
        calls.assumeIsolated { $0.endHeld() }
        for (key, onward) in passedOn where onward.request.operation == .wait {
            passedOn[key] = nil
            onward.session.cancel(onward.stream, because: .cancelled)
            onward.asker.reply(.error(error), on: key.stream)
        }
    }

    /// Ends all local connections.
    func close() {
        for session in sessions.values { session.close(.shutdown, "the agent is shutting down") }
    }
}

extension LocalDesk: Doorkeeper {
    nonisolated func admit(_ greeting: Greeting) throws(ProtocolViolation) -> Admission {
        guard case .hello(let hello) = greeting.message else {
            throw ProtocolViolation(.helloExpected, "no HELLO came")
        }
        let result = assumeIsolated { desk in
            Result { () throws(ProtocolViolation) in try desk.admit(hello, greeting.channel) }
        }
        return .owned(try result.get())
    }
}

extension LocalDesk: SessionDelegate {
    nonisolated func session(_ session: Session, received request: Request, on stream: StreamID) {
        assumeIsolated { $0.take(request, session, stream) }
    }

    nonisolated func session(_ session: Session, cancelled stream: StreamID, because code: ErrorCode) {
        assumeIsolated { $0.cancel(stream, session, code) }
    }

    nonisolated func sessionEnded(_ session: Session, _ error: BatonError) {
        assumeIsolated { $0.end(session) }
    }
}
