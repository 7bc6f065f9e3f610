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
    func answerInstead(
        of error: BatonError, _ request: Request, to asker: Session, _ routeKey: RouteKey, _ transfer: Transfer?
    ) {
        guard let key = membership.key(of: asker) else { return }
        let owner = request.origin.map { key.sibling($0) } ?? key
        // Nothing has been sent on the asker's lane, and the owner has ended its stream: the store may begin it anew.
        if store.covers(request.path, of: owner.artifactOwner) {
            transfer?.forget()
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
        fail(routeKey, asker, transfer, error)
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
        var question = wait.request
        question.operation = .exists
        let opened = owner.assumeIsolated { session in
            session.open(question) { event in
                self.assumeIsolated { $0.probed(event, wait, stream, owner) }
            }
        }
        if opened == nil { passOn(wait, stream, to: owner) }
    }

    private func probed(_ event: StreamEvent, _ wait: HeldRequest, _ stream: StreamID, _ owner: Session) {
        switch event {
        case .progress, .report: return
        case .reply(.error(let error)) where error.isUncovered:
            if answerFromStore(wait.request, from: wait.asker, stream) { return }
        default: break
        }
        if membership.key(of: wait.asker) != nil { passOn(wait, stream, to: owner) }
    }

    /// The kept copy has nothing at the path either: it is waited for at the work, or for the work.
    func waitOn(_ job: Job) {
        jobs.remove(job)
        do throws(BatonError) { try job.checkWanted() } catch { return job.reply(.error(error)) }
        guard let key = membership.key(of: job.session), let origin = job.request.origin else { return }
        let wait = HeldRequest(job.request, job.session)
        let work = key.sibling(origin)
        if let member = membership[work], !member.isLeaving {
            passOn(wait, job.stream, to: member.session)
        } else {
            hold(wait, job.stream, for: work)
        }
    }
}

extension WorkKey {
    var artifactOwner: ArtifactOwner { ArtifactOwner(trustDomain: trustDomain, app: app, work: work) }
}
