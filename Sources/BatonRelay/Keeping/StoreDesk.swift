import BatonFiles
import BatonProtocol
import BatonTransfer
import BatonTransport
import Logging

/// Answers from what works have left behind. Blocking: to be run on threads that may.
struct StoreDesk: Sendable {
    let store: any ArtifactStore
    let router: Router
    let keeper: Keeper
    let logger: Logger

    func serve(_ job: Job) async {
        do throws(BatonError) {
            guard let asker = await router.key(of: job.session) else { return }
            switch job.request.operation {
            case .persist: job.reply(.persist([try await keeper.keep(job, asker)]))
            case .artifacts(let query): job.reply(.artifacts(try answer(query, job, asker)))
            case .get(let options): try await send(job, options, asker)
            case .wait: await router.lookedInStore(for: job, source(job, asker))
            default: job.reply(try answer(job, asker))
            }
        } catch {
            job.reply(.error(error.said(by: error.saidBy == .local ? .relay : error.saidBy)))
        }
    }

    // MARK: Questions

    private func answer(_ job: Job, _ asker: WorkKey) throws(BatonError) -> Reply {
        let path = job.request.path
        let tree = try tree(job, asker)
        let source = AnswerSource.stored(generation: tree.generation)
        switch job.request.operation {
        case .exists: return .exists(try tree.exists(path), source: source)
        case .stat(let digest):
            var status = try tree.stat(path, digest: digest) { () throws(BatonError) in try job.checkWanted() }
            status.source = source
            return .stat(status)
        case .list(let after, let limit):
            var listing = try tree.list(path, after: after, limit: limit)
            listing.source = source
            return .list(listing)
        default: throw BatonError(.unsupported, "this cannot be asked of what is kept", path: path)
        }
    }

    /// What has the path of a WAIT; `nil` if nothing does, or it cannot be read: it may still come at the work.
    private func source(_ job: Job, _ asker: WorkKey) -> AnswerSource? {
        guard let tree = try? tree(job, asker), (try? tree.exists(job.request.path)) == true else { return nil }
        return .stored(generation: tree.generation)
    }

    /// What is kept of the path. It is not removed as long as the value lives.
    private func tree(_ job: Job, _ asker: WorkKey) throws(BatonError) -> StoredTree {
        let owner = job.request.origin.map { asker.sibling($0) } ?? asker
        guard let tree = try store.tree(at: job.request.path, of: owner.artifactOwner) else {
            throw BatonError(
                .unreachable, "nothing of \(job.request.reference) is kept any more", path: job.request.path)
        }
        return tree
    }

    /// Something of it was found to be damaged: it is read as a whole, and if that is so an older one stands in from now on.
    private func doubt(_ job: Job, _ asker: WorkKey) {
        guard let tree = try? tree(job, asker) else { return }
        let owner = job.request.origin.map { asker.sibling($0) } ?? asker
        let item = try? store.verify(
            tree.declared, of: owner.artifactOwner, generation: tree.generation, checkpoint: {})
        guard item?.isDamaged == true else { return }
        logger.error(
            "a generation is damaged, and is not served any more",
            metadata: [
                "path": "\(Reference(origin: owner.work, path: tree.declared))", "generation": "\(tree.generation)",
            ])
    }

    // MARK: Trees

    private func send(_ job: Job, _ options: GetOptions, _ asker: WorkKey) async throws(BatonError) {
        let tree = try tree(job, asker)
        let order = TreeReader.Order(attributes: options.attributes, resume: options.resume)
        let reader: TreeReader
        do throws(BatonError) {
            reader = try tree.open(job.request.path, stream: job.stream, order: order)
        } catch {
            if error.code == .corrupt { doubt(job, asker) }
            throw error
        }
        let (lane, window) = try await router.borrow(for: job.session, path: job.request.path)
        let result: Result<Void, BatonError>
        do throws(BatonError) {
            try await TreeSender(lane: lane).send(
                reader, for: job, credit: options.credit, first: .source(tree.generation))
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await router.giveBack(window, of: asker)
        withExtendedLifetime(tree) {}
        if case .failure(let error) = result {
            logger.info(
                "a transfer of what is kept has failed: \(error.message)",
                metadata: ["path": "\(job.request.reference)", "code": "\(error.code.name)"])
            lane.end(job.stream, with: error.said(by: .relay))
            if error.code == .corrupt { doubt(job, asker) }
        }
    }
}
