import BatonFiles
import BatonProtocol
import BatonTransfer
import BatonTransport
import NIOCore

// What is kept answers where nothing live does (chapter 12). The router looks at the store's memory only; what takes a disk is a job.
extension Router {
    /// Has the store answer, if it keeps something of the path.
    ///
    /// - Returns: false if it does not.
    func answerFromStore(_ request: Request, from asker: Session, _ stream: StreamID) -> Bool {
        guard let key = membership.key(of: asker) else { return false }
        let owner = request.origin.map { key.sibling($0) } ?? key
        guard store.covers(request.path, of: owner.artifactOwner) else { return false }
        jobs.add(request, session: asker, stream: stream)
        return true
    }

    /// Requests that are the store's alone.
    ///
    /// - Returns: false for any other.
    func takeForStore(_ request: Request, from asker: Session, _ stream: StreamID) -> Bool {
        switch request.operation {
        case .persist(let all):
            guard !all, let key = membership.key(of: asker), request.origin ?? key.work == key.work else {
                refuse(asker, stream, request, .usage, "a work can have only a path of its own kept")
                return true
            }
            jobs.add(request, session: asker, stream: stream)
        case .artifacts: jobs.add(request, session: asker, stream: stream)
        case .get(let options) where options.base != nil:
            refuse(asker, stream, request, .usage, "only a relay can ask for what it lacks")
        case .get(let options) where options.storedOnly:
            if !answerFromStore(request, from: asker, stream) {
                refuse(asker, stream, request, .notFound, "nothing of \(request.reference) is kept")
            }
        default: return false
        }
        return true
    }

    /// The live owner has nothing that covers the path: the store may, else the owner's answer stands.
    func answerInstead(of error: BatonError, to asker: Session, _ routeKey: RouteKey, _ route: Route) {
        guard let key = membership.key(of: asker) else { return }
        let request = route.asked
        let owner = request.origin.map { key.sibling($0) } ?? key
        let isKept = store.covers(request.path, of: owner.artifactOwner)
        if request.operation == .wait {
            if isKept, let wait = route.wait, !wait.isNotStored {
                remove(routeKey)
                return lookInStore(for: wait, routeKey.stream)
            }
        } else if isKept {
            // Nothing has been sent on the asker's lane, and the owner has ended its stream: the store may begin it anew.
            route.transfer?.forget()
            remove(routeKey)
            _ = answerFromStore(request, from: asker, routeKey.stream)
            return
        }
        if request.operation == .exists, error.code == .notFound {
            remove(routeKey)
            return asker.reply(.exists(false, source: .live), on: routeKey.stream)
        }
        var error = error
        error.isUncovered = false
        fail(routeKey, asker, route.transfer, error)
    }

    // MARK: For jobs

    func key(of session: Session) -> WorkKey? { membership.key(of: session) }

    /// A lane of the session and memory for one stream on it. To be given back.
    func borrow(for session: Session, path: PathName) throws(BatonError) -> (lane: Lane, window: UInt64) {
        guard let key = membership.key(of: session), let lane = membership.member(of: session)?.lane else {
            throw BatonError(.interrupted, "there is no lane for the transfer; try again", path: path, saidBy: .relay)
        }
        guard let window = budget.reserve(for: key) else {
            throw BatonError(
                .busy, "the relay has no room for another transfer now; try again later", path: path, saidBy: .relay)
        }
        return (lane, window)
    }

    func giveBack(_ window: UInt64, of key: WorkKey) { budget.release(window, of: key) }

    // MARK: Waits

    /// A WAIT for a path of which something is kept, while its work is there: whether anything live covers the path decides.
    func probe(_ wait: HeldRequest, _ stream: StreamID, _ owner: Session) {
        guard hasRoom(for: wait.request, from: wait.asker, stream, to: owner) else { return }
        var question = wait.request
        question.operation = .exists
        question.deadline = wait.left
        let asker = ObjectIdentifier(wait.asker)
        waitsInDoubt[RouteKey(asker: asker, stream: stream)] = wait
        let opened = owner.assumeIsolated { session in
            session.open(question) { event in
                self.assumeIsolated { $0.probed(event, asker, stream, owner) }
            }
        }
        if opened == nil, let wait = settleDoubt(asker, stream) { passOn(wait, stream, to: owner) }
    }

    private func probed(_ event: StreamEvent, _ asker: ObjectIdentifier, _ stream: StreamID, _ owner: Session) {
        switch event {
        case .progress, .report: return
        default: break
        }
        // Nobody waits any more if it is not in doubt.
        guard let wait = settleDoubt(asker, stream) else { return }
        if event.tellsThatTheOwnerGoes || membership.member(of: owner)?.isLeaving != false {
            return bringAgain(wait, stream, lost: owner)
        }
        if case .reply(.error(let error)) = event, error.isUncovered { return lookInStore(for: wait, stream) }
        passOn(wait, stream, to: owner)
    }

    func lookInStore(for wait: HeldRequest, _ stream: StreamID) {
        waitsInDoubt[RouteKey(asker: ObjectIdentifier(wait.asker), stream: stream)] = wait
        jobs.add(wait.request, session: wait.asker, stream: stream)
    }

    /// What is kept of the path has been looked at for a WAIT.
    ///
    /// - Parameter source: what has the path; `nil`: it is waited for at the work, or for the work.
    func lookedInStore(for job: Job, _ source: AnswerSource?) {
        jobs.remove(job)
        guard var wait = settleDoubt(ObjectIdentifier(job.session), job.stream) else { return }
        if let source { return job.reply(.exists(true, source: source)) }
        do throws(BatonError) { try job.checkWanted() } catch { return job.reply(.error(error.said(by: .relay))) }
        wait.isNotStored = true
        bring(wait, job.stream)
    }

    private func settleDoubt(_ asker: ObjectIdentifier, _ stream: StreamID) -> HeldRequest? {
        waitsInDoubt.removeValue(forKey: RouteKey(asker: asker, stream: stream))
    }
}

extension WorkKey {
    var artifactOwner: ArtifactOwner { ArtifactOwner(trustDomain: trustDomain, app: app, work: work) }
}
