public import BatonProtocol

/// What the relay keeps of works (chapter 12).
extension AgentClient {
    /// Has the relay keep what lies at a declared path of the agent's own work, as a generation that outlives the work.
    ///
    /// - Parameters:
    ///   - path: `nil`: every declared path, in the order in which they were declared.
    ///   - onProgress: called about once a second, with how far the relay is with the path that is under way.
    /// - Returns: a receipt for each path. What it says is on the relay's disk; ``Receipt/Outcome/missing`` is no failure.
    /// - Throws: ``BatonError``: what is not kept, and why; `notShared` for a path that is not declared. Paths that it does not name are
    ///   kept.
    public func persist(
        _ path: PathName? = nil, within limit: Duration,
        onProgress: @escaping @Sendable (Progress) -> Void = { _ in }
    ) async throws(BatonError) -> [Receipt] {
        let reference = Reference(path: path ?? .root)
        guard case .persist(let receipts) = try await ask(.persist(all: path == nil), reference, limit, onProgress)
        else { throw oddAnswer }
        return receipts
    }

    /// Lists, verifies, removes, pins or unpins what the relay keeps.
    ///
    /// - Parameter reference: a declared path; with `list` and `verify` also the root, for all paths of the agent's own work. What
    ///   another work has left may be listed only, by a path.
    /// - Returns: the generations that it concerned; those of `remove` as they were before. ``ArtifactsListing/more``: not all of them,
    ///   see ``allArtifacts(_:of:within:)``.
    /// - Throws: ``BatonError`` `notFound` if there is no such generation, `notShared` for what only its own work may do, `usage` for the
    ///   removal of a pinned one, `deadline` if there was not even time for one.
    public func artifacts(
        _ query: ArtifactsQuery, of reference: Reference = Reference(path: .root), within limit: Duration
    ) async throws(BatonError) -> ArtifactsListing {
        guard case .artifacts(let listing) = try await ask(.artifacts(query), reference, limit) else {
            throw oddAnswer
        }
        return listing
    }

    /// As ``artifacts(_:of:within:)``, asked again until nothing is left to do. The items rise by the bytes of the path, then by the
    /// generation.
    ///
    /// - Parameter limit: how long each answer may take.
    public func allArtifacts(
        _ query: ArtifactsQuery, of reference: Reference = Reference(path: .root), within limit: Duration
    ) async throws(BatonError) -> [ArtifactItem] {
        var query = query
        var items: [ArtifactItem] = []
        var more = true
        while more {
            let page = try await artifacts(query, of: reference, within: limit)
            // Each page goes on behind the last one: that this comes to an end does not depend on the agent's good will alone.
            if let last = items.last, let first = page.items.first, !last.precedes(first) { throw oddAnswer }
            items += page.items
            more = page.more
            if let last = items.last, query.action == .list || query.action == .verify {
                (query.afterPath, query.afterGeneration) = (last.path, last.generation)
            }
        }
        return items
    }
}
