import ArgumentParser
import BatonClient
import BatonCommandLine
import BatonProtocol

struct Restore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Brings declared paths of this work back from the relay's store to where they lie here.",
        discussion: """
            For a work that starts again on an empty disk. Without PATH: the newest generation of every path that the relay \
            has stored of this work. What exists already stays as it is unless --overwrite is given.
            """)

    @ParentCommand var parent: BatonCommand
    @OptionGroup var options: GlobalOptions
    @Argument(help: OwnPath.help, completion: .file())
    var path: [String] = []
    @Flag(help: "Replace what is there. [$BATON_OVERWRITE]")
    var overwrite = false

    func run() async throws {
        let conversation = try Conversation(parent.options, options)
        let references = try path.map { try OwnPath.parse($0) }
        let overwrite = try overwrite || Fallback.flag("BATON_OVERWRITE")
        try await conversation.ask(about: nil) { client throws(BatonError) in
            var plan = RestorePlan(overwrite: overwrite)
            if references.isEmpty {
                plan.take(try await client.allArtifacts(ArtifactsQuery(.list), within: conversation.limit))
                if plan.stored.isEmpty { conversation.remark(nothingStored) }
            }
            let wanted = references.isEmpty ? plan.stored.map { Reference(path: $0.path) } : references
            return await conversation.each(wanted, RestoreAnswer.init) { answer in
                answer.show(isQuiet: conversation.isQuiet)
            } _: { reference throws(BatonError) in
                guard let reference, let overwrite = plan.decide(reference) else { return [] }
                let own = Reference(origin: client.work, path: try client.ownPath(reference))
                let place = Request.Destination(overwrite: overwrite, attributes: true, storedOnly: true)
                let answer = try await conversation.get(own, to: place, from: client)
                plan.brought(reference)
                return [answer]
            }
        }
    }
}

private struct RestoreAnswer: Encodable {
    let restored: [GetAnswer]
    let error: ErrorReport.Failure?
}

/// What to bring back if all is wanted. Declared paths may contain one another: then the newer content wins, whichever of the two it
/// came with.
private struct RestorePlan {
    let overwrite: Bool
    /// Of each path the generation that answers, those above first.
    private(set) var stored: [ArtifactItem] = []
    private var done: [ArtifactItem] = []

    init(overwrite: Bool) { self.overwrite = overwrite }

    /// - Parameter items: in order, all generations.
    mutating func take(_ items: [ArtifactItem]) {
        for item in items {
            guard let last = stored.last, last.path == item.path else {
                stored.append(item)
                continue
            }
            if !item.isDamaged || last.isDamaged { stored[stored.count - 1] = item }
        }
    }

    /// - Returns: whether to replace what is there; `nil`: what is there was just brought by a path above it, and is newer.
    func decide(_ reference: Reference) -> Bool? {
        guard let item = stored.first(where: { $0.path == reference.path }),
            let above = done.last(where: { item.path.relative(to: $0.path) != nil })
        else { return overwrite }
        return above.created.isLater(than: item.created) ? nil : true
    }

    mutating func brought(_ reference: Reference) {
        done += stored.filter { $0.path == reference.path }
    }
}

extension Timestamp {
    fileprivate func isLater(than other: Timestamp) -> Bool {
        (seconds, nanoseconds) > (other.seconds, other.nanoseconds)
    }
}
