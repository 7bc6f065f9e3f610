import BatonFiles
import BatonProtocol
import BatonTransfer
import BatonTransport

// What a work asks about the generations themselves, and has done with its own.
extension StoreDesk {
    func answer(
        _ query: ArtifactsQuery, _ job: Job, _ asker: WorkKey
    ) throws(BatonError) -> ArtifactsListing {
        let origin = job.request.origin ?? asker.work
        let path = job.request.path
        // With a number an empty path is, as always, the root directory (chapter 5).
        let isAll = path.isRoot && query.generation == 0
        guard origin == asker.work || (query.action == .list && !isAll) else {
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
            let listing = store.list(of: owner, path: isAll ? nil : path, generation: generation, after: after)
            // Behind the last one there is nothing; of a path that is named there must be something.
            if listing.items.isEmpty, !isAll, after == nil {
                throw BatonError(.notFound, "nothing of \(Reference(origin: origin, path: path)) is kept", path: path)
            }
            return query.action == .verify ? try verify(listing, job, owner) : listing
        case .remove, .pin, .unpin: return try change(query.action, path, owner, generation, job)
        }
    }

    private func change(
        _ action: ArtifactsQuery.Action, _ path: PathName, _ owner: ArtifactOwner, _ generation: UInt64?, _ job: Job
    ) throws(BatonError) -> ArtifactsListing {
        guard store.beginChange(of: owner, epoch: job.session.peer.epoch) else {
            throw BatonError(.interrupted, "another session has taken this work's place", path: path)
        }
        defer { store.endChange(of: owner) }
        if action == .remove { return try store.remove(path, of: owner, generation: generation) }
        return ArtifactsListing(
            items: try store.setPinned(action == .pin, path, of: owner, generation: generation))
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
