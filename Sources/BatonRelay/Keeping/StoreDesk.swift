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
            case .wait:
                if try exists(job, asker) { return job.reply(.exists(true, source: try source(job, asker))) }
                await router.waitOn(job)
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

    private func exists(_ job: Job, _ asker: WorkKey) throws(BatonError) -> Bool {
        try tree(job, asker).exists(job.request.path)
    }

    private func source(_ job: Job, _ asker: WorkKey) throws(BatonError) -> AnswerSource {
        .stored(generation: try tree(job, asker).generation)
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

    // MARK: Trees

    private func send(_ job: Job, _ options: GetOptions, _ asker: WorkKey) async throws(BatonError) {
        let tree = try tree(job, asker)
        let order = TreeReader.Order(attributes: options.attributes, resume: options.resume)
        let reader = try tree.open(job.request.path, stream: job.stream, order: order)
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
        }
    }

    // MARK: Artifacts

    private func answer(
        _ query: ArtifactsQuery, _ job: Job, _ asker: WorkKey
    ) throws(BatonError) -> ArtifactsListing {
        let origin = job.request.origin ?? asker.work
        let path = job.request.path
        guard origin == asker.work || (query.action == .list && !path.isRoot) else {
            throw BatonError(
                .notShared,
                "what is kept of work '\(origin)' is its own to \(query.action == .list ? "list" : "change")",
                path: path)
        }
        let owner = asker.sibling(origin).artifactOwner
        let generation = query.generation == 0 ? nil : query.generation
        switch query.action {
        case .list, .verify:
            let after = query.afterGeneration == 0 ? nil : (path: query.afterPath, generation: query.afterGeneration)
            let listing = store.list(
                of: owner, path: path.isRoot ? nil : path, generation: generation, after: after)
            // Behind the last one there is nothing; of a path that is named there must be something.
            if listing.items.isEmpty, !path.isRoot, after == nil {
                throw BatonError(.notFound, "nothing of \(Reference(origin: origin, path: path)) is kept", path: path)
            }
            return query.action == .verify ? try verify(listing, job, owner) : listing
        case .remove: return try store.remove(path, of: owner, generation: generation)
        case .pin: return ArtifactsListing(items: try store.setPinned(true, path, of: owner, generation: generation))
        case .unpin:
            return ArtifactsListing(items: try store.setPinned(false, path, of: owner, generation: generation))
        }
    }

    /// Reads what is listed; what there is no time for is left to the next page.
    private func verify(
        _ listing: ArtifactsListing, _ job: Job, _ owner: ArtifactOwner
    ) throws(BatonError) -> ArtifactsListing {
        // The answer has to be there before nobody waits for it any more.
        let end = ContinuousClock.now + .milliseconds(job.request.deadline) * 9 / 10
        var verified: [ArtifactItem] = []
        for item in listing.items {
            do throws(BatonError) {
                verified.append(
                    try store.verify(item.path, of: owner, generation: item.generation) { () throws(BatonError) in
                        try job.checkWanted()
                        if ContinuousClock.now > end {
                            let message = "there is not time enough to read generation \(item.generation)"
                            throw BatonError(.deadline, message, path: item.path)
                        }
                    })
            } catch {
                // Removed since it was listed.
                if error.code == .notFound { continue }
                guard error.code == .deadline, !verified.isEmpty else { throw error }
                return ArtifactsListing(items: verified, more: true)
            }
        }
        return ArtifactsListing(items: verified, more: listing.more && !verified.isEmpty)
    }
}
