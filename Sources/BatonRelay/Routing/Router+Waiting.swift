import BatonFiles
import BatonProtocol
import BatonTransport
import NIOCore

/// A WAIT for a work that is away or may go away, or a CALL of one that is away.
struct HeldRequest {
    let asker: Session
    /// As it came.
    let request: Request
    let until: NIODeadline
    /// The newest session that it has been passed on to and that has gone, by its epoch: it is for later ones only.
    var lostEpoch: UInt64 = 0
    /// The store has nothing at the path: asked once, and again when an owner has gone.
    var isNotStored = false

    init(_ request: Request, _ asker: Session) {
        self.asker = asker
        self.request = request
        until = .now() + .milliseconds(Int64(request.deadline))
    }

    /// What is left of its deadline now, in milliseconds; one that has begun counts.
    var left: UInt32 { UInt32(clamping: ((until - .now()).nanoseconds + 999_999) / 1_000_000) }
}

// WAIT requests outlast their owners: while the work is away they are held here, and passed on when it connects. Their deadlines
// are watched by the asker's session, as all deadlines are.
extension Router {
    /// Passes it on to its work, or holds it until that comes; but what is kept answers where nothing live does (ERR-11).
    func bring(_ wait: HeldRequest, _ stream: StreamID) {
        guard let key = membership.key(of: wait.asker), let origin = wait.request.origin else { return }
        let work = key.sibling(origin)
        let mayBeStored = !wait.isNotStored && store.covers(wait.request.path, of: work.artifactOwner)
        if let member = membership[work], !member.isLeaving, member.session.peer.epoch > wait.lostEpoch {
            if mayBeStored { probe(wait, stream, member.session) } else { passOn(wait, stream, to: member.session) }
        } else if mayBeStored {
            lookInStore(for: wait, stream)
        } else {
            hold(wait, stream, for: work)
        }
    }

    /// The owner has gone, or is about to: the wait goes on for its next session.
    func bringAgain(_ wait: HeldRequest, _ stream: StreamID, lost owner: Session) {
        var wait = wait
        (wait.lostEpoch, wait.isNotStored) = (owner.peer.epoch, false)
        bring(wait, stream)
    }

    private func hold(_ wait: HeldRequest, _ stream: StreamID, for work: WorkKey) {
        let routeKey = RouteKey(asker: ObjectIdentifier(wait.asker), stream: stream)
        guard waitingRoom.enter(wait, as: routeKey, for: work) else {
            return refuse(
                wait.asker, stream, wait.request, .busy,
                "work '\(work.work)' is not connected, and too many requests wait for works that are away; try again later"
            )
        }
    }

    /// The work has connected.
    func passOnWaits(for work: WorkKey) {
        guard let owner = membership[work]?.session else { return }
        for (routeKey, wait) in waitingRoom.leave(allFor: work) { passOn(wait, routeKey.stream, to: owner) }
    }

    func passOn(_ wait: HeldRequest, _ stream: StreamID, to owner: Session) {
        let left = wait.left
        guard left > 0 else { return miss(wait, stream) }
        guard hasRoom(for: wait.request, from: wait.asker, stream, to: owner) else { return }
        var request = wait.request
        request.deadline = left
        forward(request, to: owner, from: wait.asker, stream, transfer: nil, wait: wait, asked: wait.request)
    }

    /// The asker waits no more, or no longer than this.
    func cancelWait(_ routeKey: RouteKey, of asker: Session, because code: ErrorCode) {
        if let wait = waitsInDoubt.removeValue(forKey: routeKey) {
            let message =
                code == .deadline
                ? "\(wait.request.ownerText) has not told of \(wait.request.reference) in the \(wait.request.deadlineText) in which it was waited for"
                : "nobody waits for the answer any more"
            return refuse(asker, routeKey.stream, wait.request, code, message)
        }
        if let wait = waitingRoom.leave(routeKey) {
            if code == .deadline { return miss(wait, routeKey.stream) }
            return refuse(asker, routeKey.stream, wait.request, code, "nobody waits for the answer any more")
        }
        guard let route = routes[routeKey], let wait = route.wait else { return }
        route.owner.cancel(route.ownerStream, because: code)
        // The owner can say best what was missing; if it goes instead, nobody waits for its return.
        if code == .deadline {
            routes[routeKey]?.wait = nil
            return
        }
        remove(routeKey)
        refuse(asker, routeKey.stream, wait.request, code, "nobody waits for the answer any more")
    }

    private func miss(_ wait: HeldRequest, _ stream: StreamID) {
        refuse(
            wait.asker, stream, wait.request, .deadline,
            "\(wait.request.ownerText) was not connected to the relay at the end of the \(wait.request.deadlineText) in which \(wait.request.reference) was waited for; start its agent, or wait longer"
        )
    }

    /// The relay shuts down: a wait must not hold that up.
    func endWaits() {
        let message = "the relay is shutting down; wait anew when it is back"
        for (routeKey, wait) in waitsInDoubt {
            waitsInDoubt[routeKey] = nil
            refuse(wait.asker, routeKey.stream, wait.request, .unreachable, message)
        }
        for (routeKey, wait) in waitingRoom.leaveAll() {
            refuse(wait.asker, routeKey.stream, wait.request, .unreachable, message)
        }
        for (routeKey, route) in routes {
            guard let wait = route.wait else { continue }
            route.owner.cancel(route.ownerStream, because: .cancelled)
            remove(routeKey)
            refuse(wait.asker, routeKey.stream, wait.request, .unreachable, message)
        }
    }
}

extension StreamEvent {
    /// The owner's session has ended, or its agent says that it is shutting down.
    var tellsThatTheOwnerGoes: Bool {
        switch self {
        case .lost: true
        case .reply(.error(let error)): error.code == .interrupted
        default: false
        }
    }
}
