import BatonClient
import BatonProtocol
import Synchronization

/// Where a work runs, and what it does there beside running: shares what it hands out, gets what it is handed.
final class WorkPlace: Sendable {
    let context: WorkContext
    private let declared = Mutex<Set<PathName>>([])

    /// How long the relay may take to keep what a call has left behind, unless told otherwise.
    let keepWithin: Duration

    init(_ context: WorkContext, keepWithin: Duration) {
        self.context = context
        self.keepWithin = keepWithin
    }

    /// Declares those of the paths that are the work's own, unless something above them is declared already.
    func share(_ references: [Reference]) async throws(PathError) {
        for reference in references where context.isOwn(reference) {
            let path = reference.path
            if declared.withLock({ WorkPlace.covers(path, $0) }) { continue }
            do throws(BatonError) {
                let shared = try await context.agent.share(path, within: WorkPlace.answerWithin)
                declared.withLock { _ = $0.insert(shared.path) }
            } catch {
                throw PathError(error, about: Path(reference))
            }
        }
    }

    /// The same for paths that are handed over without being state: only what lies below the work's root directory. A path that came from
    /// elsewhere and is handed on must not open the rest of the machine.
    func shareHandedOver(_ references: [Reference]) async throws(PathError) {
        try await share(references.filter { !$0.path.isAbsolute && !$0.path.isRoot })
    }

    private static func covers(_ path: PathName, _ declared: Set<PathName>) -> Bool {
        var ancestor: PathName? = path
        while let path = ancestor {
            if declared.contains(path) { return true }
            ancestor = path.parent
        }
        return false
    }

    /// Gets those of the paths that are other works', to their places here, overwriting what lies there. What is not there at its origin
    /// is left alone.
    func fetch(_ references: [Reference]) async throws(PathError) {
        // What lies below another one comes with it; in this order it follows that one.
        let foreign = references.filter { !context.isOwn($0) }.map { Path($0) }.sorted()
        let outermost = foreign.reduce(into: [Path]()) { outermost, path in
            if outermost.last.map({ path.isBelow($0) }) != true { outermost.append(path) }
        }.map(\.reference)
        let failure = await withTaskGroup(of: PathError?.self) { group in
            var failure: PathError?
            for (index, reference) in outermost.enumerated() {
                if index >= WorkPlace.fetchesAtOnce, let error = await group.next() { failure = failure ?? error }
                if failure != nil { break }
                group.addTask { await self.fetch(reference) }
            }
            for await error in group { failure = failure ?? error }
            return failure
        }
        if let failure { throw failure }
    }

    private func fetch(_ reference: Reference) async -> PathError? {
        do throws(BatonError) {
            _ = try await context.agent.get(
                reference, to: Request.Destination(overwrite: true), within: WorkPlace.fetchWithin)
        } catch {
            if error.code != .notFound { return PathError(error, about: Path(reference)) }
        }
        return nil
    }

    /// Has the relay keep what lies at the declared paths.
    func keep() async throws(PathError) {
        do throws(BatonError) {
            _ = try await context.agent.persist(within: keepWithin)
        } catch {
            // A relay that keeps nothing says so (KEP-1).
            if error.code == .unsupported { return }
            throw PathError(
                .notKept,
                "work '\(context.work)' has come to its end, but what it leaves behind is not safe: \(error.message)")
        }
    }

    private static let fetchesAtOnce = 16
    private static let answerWithin = Duration.seconds(30)
    /// A transfer in which nothing moves ends long before.
    private static let fetchWithin = Duration.seconds(86_400)
}
