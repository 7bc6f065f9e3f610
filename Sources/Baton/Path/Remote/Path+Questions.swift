import BatonClient
import BatonProtocol

// What only the work that owns the path can answer, or the relay, from what it left behind. A path without an origin cannot be asked
// about: ``PathError/Code/notAttached``.

extension Path {
    /// How long a question may take unless told otherwise.
    public static let questionLimit = Duration.seconds(30)
    /// How long a transfer may take in all, unless told otherwise. One that stands still ends long before.
    public static let transferLimit = Duration.seconds(86_400)

    /// Whether there is something at the path, at its origin, now. What its work left behind when it ended counts, too.
    ///
    /// - Throws: ``PathError`` `notShared`, `unreachable`, `deadline`, `notAttached`, `outsideWork`.
    public func existsRemote(within limit: Duration = questionLimit) async throws(PathError) -> Bool {
        try await remotely { agent, reference throws(BatonError) in
            try await agent.exists(reference, within: limit).exists
        }
    }

    /// Whether there is something at the path here (``existsLocal()``) or at its origin (``existsRemote(within:)``), which is asked only if
    /// there is nothing here. A path without an origin is looked for here only.
    ///
    /// - Throws: as both.
    public func exists(within limit: Duration = questionLimit) async throws(PathError) -> Bool {
        if try existsLocal() { return true }
        return origin == nil ? false : try await existsRemote(within: limit)
    }

    /// What lies at the path, at its origin, now. Links are followed, as far as they stay within what is shared.
    ///
    /// - Parameters:
    ///   - digest: also the SHA-256 of the file, or the digest of the tree (chapter 11 of `Protocol/`); its work reads all of it for that.
    ///   - limit: how long it may take; unless given ``questionLimit``, with a digest ``transferLimit``.
    /// - Throws: ``PathError`` `notFound`, `notShared`, `unreachable`, `deadline`, `changed`, `notAttached`, `outsideWork`.
    public func statRemote(digest: Bool = false, within limit: Duration? = nil) async throws(PathError) -> RemoteStatus
    {
        let limit = limit ?? (digest ? Path.transferLimit : Path.questionLimit)
        return try await remotely { agent, reference throws(BatonError) in
            RemoteStatus(try await agent.stat(reference, digest: digest, within: limit))
        }
    }

    /// What lies in the directory, at its origin, now, names bytewise in order.
    ///
    /// - Throws: ``PathError`` `notADirectory`, otherwise as ``statRemote(digest:within:)``; `changed` if another copy began to answer half way.
    public func listRemote(within limit: Duration = questionLimit) async throws(PathError) -> [Path] {
        let names = try await remotely { agent, reference throws(BatonError) in
            var names: [[UInt8]] = []
            var source: AnswerSource?
            var more = true
            while more {
                let page = try await agent.list(reference, after: names.last ?? [], within: limit)
                guard source ?? page.source == page.source else {
                    throw BatonError(.changed, "another copy began to answer: list it again", path: reference.path)
                }
                source = page.source
                // Each page goes on behind the last one: that this comes to an end does not depend on others' good will.
                if let last = names.last, let first = page.items.first, !last.lexicographicallyPrecedes(first.name) {
                    throw BatonError(.internal, "the agent listed the same names again", path: reference.path)
                }
                names += page.items.map(\.name)
                more = page.more && !page.items.isEmpty
            }
            return names
        }
        guard names != [[]] else {
            throw PathError(.notADirectory, "'\(self)' cannot be listed: it is no directory", path: self)
        }
        var paths: [Path] = []
        for name in names { paths.append(try appending(bytes: name)) }
        return paths
    }

    /// Waits until there is something at the path, at its origin: a file that was closed after writing or renamed into place, or what is there
    /// already. The work that owns it need not be there yet.
    ///
    /// - Parameter limit: for how long.
    /// - Throws: ``PathError`` `deadline` if it did not come, saying whether the path or its work is missing; `notShared` at once;
    ///   `cancelled`, `notAttached`, `outsideWork`.
    public func wait(for limit: Duration) async throws(PathError) {
        try await remotely { agent, reference throws(BatonError) in try await agent.wait(for: reference, within: limit)
        }
    }

    /// Declares a path of this work: from now on other works can ask for it and get it, and all that lies below. It need not exist yet.
    ///
    /// - Returns: the path with this work as its origin, as the others call it.
    /// - Throws: ``PathError`` `differentOrigins` if it is a path of another work; `permission` if the user that the agent runs as may not
    ///   both read and write it; `usage` for Baton's own folder; `deadline`, `outsideWork`.
    @discardableResult
    public func declare(within limit: Duration = questionLimit) async throws(PathError) -> Path {
        let context = try WorkContext.required(for: self)
        guard context.isOwn(reference) else {
            throw PathError(
                .differentOrigins,
                "'\(self)' is a path of work '\(origin ?? "")' and is declared there: this work, '\(context.work)', declares its own ones only",
                path: self)
        }
        do throws(BatonError) {
            let shared = try await context.agent.share(reference.path, within: limit)
            return Path(Reference(origin: shared.origin, path: shared.path))
        } catch {
            throw PathError(error, about: self)
        }
    }

    private func remotely<Answer: Sendable>(
        _ ask: (AgentClient, Reference) async throws(BatonError) -> Answer
    ) async throws(PathError) -> Answer {
        let agent = try agentToAsk
        do throws(BatonError) { return try await ask(agent, reference) } catch { throw PathError(error, about: self) }
    }

    /// - Throws: ``PathError`` `outsideWork`, `notAttached`.
    var agentToAsk: AgentClient {
        get throws(PathError) {
            let context = try WorkContext.required(for: self)
            guard origin != nil else { throw .notAttached(self) }
            return context.agent
        }
    }
}
