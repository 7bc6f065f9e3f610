import BatonFiles
import BatonProtocol
import BatonTransfer
import BatonTransport
import Logging
import Synchronization

/// Has declared paths of this work kept by the relay, one after the other (chapter 12).
final class KeepingDesk: Sendable {
    private let folder: WorkFolder
    private let files: SharedFiles
    private let link: RelayLink
    private let work: WorkName
    private let logger: Logger
    /// What the relay was sent last of each path, until it says that it has kept it.
    private let sent = Mutex<[PathName: KeptVersions]>([:])

    init(folder: WorkFolder, files: SharedFiles, link: RelayLink, work: WorkName, logger: Logger) {
        self.folder = folder
        self.files = files
        self.link = link
        self.work = work
        self.logger = logger
    }

    /// The relay has been sent all of a path.
    func note(_ kept: KeptVersions, of path: PathName) {
        sent.withLock { $0[path] = kept }
    }

    // MARK: Asking

    /// Answers a PERSIST of a program on this machine.
    func serve(_ job: Job) async {
        guard case .persist(let all) = job.request.operation else { return }
        do throws(BatonError) {
            guard job.request.origin == nil || job.request.origin == work else {
                throw BatonError(
                    .usage, "\(job.request.reference) is another work's: only that can have it kept",
                    path: job.request.path)
            }
            let paths = all ? files.declared : [folder.ownName(job.request.path)]
            try judge(paths)
            job.reply(.persist(try await keep(paths, for: job)))
        } catch {
            job.reply(.error(error))
        }
    }

    private func judge(_ paths: [PathName]) throws(BatonError) {
        let declared = files.declared
        if let path = paths.first(where: { !declared.contains($0) }) {
            throw BatonError(
                .notShared,
                "\(Reference(path: path)) is not declared itself, so it cannot be kept: declare it with 'baton share', or name the declared path above it",
                path: path)
        }
        guard paths.reduce(0, { $0 + Receipt.largestEncodedSize($1) }) <= Receipt.room else {
            throw BatonError(
                .tooLarge, "the receipts of \(paths.count) declared paths do not fit one answer: name some of them")
        }
    }

    /// Ends as soon as nobody wants it any more.
    private func keep(_ paths: [PathName], for job: Job) async throws(BatonError) -> [Receipt] {
        let end = ContinuousClock.now + .milliseconds(job.request.deadline)
        let cancellation = Inbox<Never>()
        job.onCancel { reason in
            // At once, even if the task is held back on its way to the relay.
            let message = "it is not certain that the relay keeps \(KeepingDesk.names(paths)): \(reason.message)"
            job.reply(.error(BatonError(reason.code, message)))
            cancellation.finish(reason)
        }
        let result = await withTaskGroup(of: Result<[Receipt], BatonError>?.self) { group in
            group.addTask {
                do throws(BatonError) {
                    return .success(
                        try await self.keep(paths, until: end) { () throws(BatonError) in
                            try job.checkWanted()
                        } report: {
                            job.session.send($0, on: job.stream)
                        })
                } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                _ = try? await cancellation.next()
                return nil
            }
            // Cancelled or done: the one ends the other.
            let first = await group.next() ?? nil
            group.cancelAll()
            return if let first { first } else { await group.next() ?? nil }
        }
        return try result?.get() ?? []
    }

    /// Has all of `paths` kept, in their order. One that cannot be does not hold up the others.
    ///
    /// - Parameters:
    ///   - end: when to give up.
    ///   - isWanted: throws if nobody wants it any more.
    ///   - report: told once a second how far the relay is with the path that is under way.
    /// - Throws: what kept the first path from being kept that could not be, naming all of them.
    func keep(
        _ paths: [PathName], until end: ContinuousClock.Instant,
        isWanted: @Sendable () throws(BatonError) -> Void = {},
        report: @escaping @Sendable (Progress) -> Void = { _ in }
    ) async throws(BatonError) -> [Receipt] {
        var receipts: [Receipt] = []
        var failures: [(path: PathName, error: BatonError)] = []
        for path in paths {
            do throws(BatonError) {
                try isWanted()
                receipts.append(try await keep(path, until: end, report))
            } catch {
                failures.append((path, error))
            }
        }
        guard var error = failures.first?.error else { return receipts }
        error.message = "not kept: \(KeepingDesk.names(failures.map(\.path))). \(error.message)"
        throw error
    }

    private static func names(_ paths: [PathName]) -> String {
        let names = paths.prefix(8).map { "\(Reference(path: $0))" }.joined(separator: ", ")
        return paths.count > 8 ? "\(names) and \(paths.count - 8) more" : names
    }

    /// Has one path kept, over as many connections as it takes.
    private func keep(
        _ path: PathName, until end: ContinuousClock.Instant, _ report: @escaping @Sendable (Progress) -> Void
    ) async throws(BatonError) -> Receipt {
        var backoff = Backoff()
        var level = Logger.Level.warning
        while true {
            do throws(BatonError) {
                return try await attempt(path, until: end, report)
            } catch {
                guard [.interrupted, .unreachable, .busy].contains(error.code), end > .now else { throw error }
                logger.log(
                    level: level, "keeping \(Reference(path: path)) goes on when the relay is back: \(error.message)",
                    metadata: ["code": "\(error.code.name)"])
                // A person who waits for it is told once, too.
                if level == .warning, error.code != .busy {
                    report(Progress(bytesIn: 0, bytesOut: 0, entries: 0, waiting: .nothing, note: error.message))
                }
                level = .debug
                do { try await Task.sleep(for: min(backoff.delay(), end - .now)) } catch { throw interruption(path) }
            }
        }
    }

    private func interruption(_ path: PathName) -> BatonError {
        BatonError(.cancelled, "the keeping of \(Reference(path: path)) was cancelled", path: path)
    }

    private func attempt(
        _ path: PathName, until end: ContinuousClock.Instant, _ report: @escaping @Sendable (Progress) -> Void
    ) async throws(BatonError) -> Receipt {
        let session = try await link.current()
        // The relay asks for the tree on it.
        _ = try await link.openLane()
        let left = UInt32(clamping: max(1, Int64((end - .now) / .milliseconds(1))))
        let request = Request(.persist(all: false), deadline: left, origin: work, path: path)
        guard case .persist(let receipts) = try await session.call(request, onProgress: report),
            let receipt = receipts.first, receipts.count == 1, receipt.path == path
        else { throw BatonError(.internal, "the relay answered something else than was asked", path: path) }
        let kept = sent.withLock { $0.removeValue(forKey: path) }
        if receipt.outcome != .missing, let kept { folder.note(kept, of: path, stamp: receipt.stamp) }
        log(receipt)
        return receipt
    }

    private func log(_ receipt: Receipt) {
        let reference = Reference(path: receipt.path)
        switch receipt.outcome {
        case .missing: logger.warning("there is nothing at \(reference), so nothing of it is kept")
        case .unchanged, .stored:
            logger.info(
                "the relay keeps \(reference)",
                metadata: [
                    "generation": "\(receipt.generation)", "files": "\(receipt.files)", "bytes": "\(receipt.bytes)",
                    "sent": "\(receipt.sent)",
                ])
        }
    }
}
