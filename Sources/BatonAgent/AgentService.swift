import BatonFiles
import BatonProtocol
import BatonTLS
import BatonTransfer
import BatonTransport
import Glibc
import Logging
import NIOCore
import SystemPackage

/// The running parts of an agent, as one group of tasks: the link to the relay, the local socket, the jobs, and the work itself.
struct AgentService: Sendable {
    let socketPath: String
    let fetcher: Fetcher
    private let files: SharedFiles
    private let link: RelayLink
    private let desk: LocalDesk
    private let origin: OriginDesk
    private let keeping: KeepingDesk
    private let waits: WaitDesk
    private let jobs = JobList()
    private let executor: BlockingExecutor
    private let configuration: Agent.Configuration
    private let logger: Logger

    init(
        _ configuration: Agent.Configuration, identity: WorkIdentity, context: TLSContext, folder: WorkFolder,
        files: SharedFiles, loops: EventLoops, executor: BlockingExecutor, logger: Logger
    ) throws {
        let app = try WorkName(identity.app)
        let work = try WorkName(identity.work)
        self.configuration = configuration
        self.files = files
        self.executor = executor
        self.logger = logger
        socketPath = configuration.socket ?? folder.root.appending(".baton").appending("agent.sock").string
        let dialer = RelayDialer(
            address: configuration.relay, context: context, software: configuration.software,
            keepalive: configuration.keepalive)
        let calls = CallDesk(work: work, loop: loops.control)
        link = RelayLink(dialer: dialer, loops: loops, files: files, jobs: jobs, calls: calls, logger: logger)
        desk = LocalDesk(
            app: app, work: work, folder: folder, link: link, jobs: jobs, calls: calls,
            software: configuration.software)
        keeping = KeepingDesk(folder: folder, files: files, link: link, work: work, logger: logger)
        origin = OriginDesk(folder: folder, files: files, link: link, keeping: keeping, work: work, logger: logger)
        waits = WaitDesk(
            files: files, jobs: jobs, work: work, loop: loops.control, executor: executor, logger: logger)
        fetcher = Fetcher(
            folder: folder, locks: DestinationLocks(), turns: Turns(), link: link, executor: executor, work: work,
            maxEntries: configuration.maxEntries, partialAge: configuration.partialAge,
            partialBytes: configuration.partialBytes)
    }

    /// The paths that the work has declared so far.
    var declared: [PathName] { files.declared }

    /// What each part of the group comes back with.
    private enum Outcome {
        case link
        case jobs
        case work(Int32)
        /// It was told to end before there was a way to the relay.
        case neverBegun
        /// The relay has what the work leaves behind, or why not.
        case kept(BatonError?)
    }

    /// Serves until `work` is done.
    ///
    /// - Parameters:
    ///   - work: begun once the relay has welcomed the agent; its result is the result of all, unless that is 0 and what the work
    ///     leaves behind could not be kept.
    ///   - shutdown: returns when the agent is to end: it does so at once, and nothing is kept, if `work` has not begun.
    ///   - end: until when the relay must have that; asked when the work is done.
    func run(
        onReady: @escaping @Sendable (String) async -> Void,
        _ work: @escaping @Sendable (SessionPeer) async throws -> Int32,
        until shutdown: @escaping @Sendable () async -> Void,
        keepingUntil end: @escaping @Sendable () -> ContinuousClock.Instant
    ) async throws -> Int32 {
        let listener = try await LocalListener.listen(on: socketPath, loop: link.loop, doorkeeper: desk, logger: logger)
        let welcomes = Inbox<SessionPeer>()
        let result: Result<Int32, any Error>
        do {
            result = .success(
                try await withThrowingTaskGroup(of: Outcome.self) { group in
                    group.addTask {
                        try await keepLink { welcomes.push([$0]) }
                        return .link
                    }
                    group.addTask {
                        await serveJobs()
                        return .jobs
                    }
                    group.addTask {
                        await waits.run()
                        return .jobs
                    }
                    group.addTask {
                        await shutdown()
                        welcomes.finish()
                        return .jobs
                    }
                    group.addTask {
                        guard let peer = try await welcomes.next()?.first else { return .neverBegun }
                        await onReady(socketPath)
                        return .work(try await work(peer))
                    }
                    if let interval = configuration.persistEvery {
                        group.addTask {
                            await keepOften(interval)
                            return .jobs
                        }
                    }
                    return try await finish(&group, keepingUntil: end)
                })
        } catch {
            result = .failure(error)
        }
        await link.close()
        await listener.close()
        return try result.get()
    }

    private func keepLink(_ onConnected: @escaping @Sendable (SessionPeer) -> Void) async throws(BatonError) {
        do throws(BatonError) {
            try await link.run(firstWithin: configuration.connectWithin) { onConnected($0) }
        } catch {
            // The command of a work that was replaced may still end in peace; an agent without one has nothing left to do.
            guard error.code == .replaced, !configuration.command.isEmpty else { throw error }
            logger.error("this agent was replaced and serves no more: \(error.message)")
        }
    }

    /// Jobs that may run at once; a transfer that waits for the network counts, too.
    private static let workers = 256

    /// The workers wait on threads that may block, and do what comes right there.
    private func serveJobs() async {
        await withDiscardingTaskGroup { group in
            for _ in 0..<AgentService.workers {
                group.addTask(executorPreference: executor) {
                    while let job = await jobs.queue.next() {
                        switch job.request.operation {
                        case .fetch: await FetchDesk(fetcher: fetcher).serve(job)
                        case .persist: await keeping.serve(job)
                        default: await origin.serve(job)
                        }
                        jobs.remove(job)
                    }
                }
            }
        }
    }

    /// Has the declared paths kept again and again, so that even a lost machine leaves its last good state.
    private func keepOften(_ interval: Duration) async {
        while (try? await Task.sleep(for: interval)) != nil {
            do throws(BatonError) {
                _ = try await keeping.keep(files.declared, until: .now + max(interval, .seconds(60)))
            } catch {
                logger.warning("\(error.message)", metadata: ["code": "\(error.code.name)"])
            }
        }
    }

    /// Has what the work leaves behind kept, as long as there is time.
    private func keepLast(_ isLinked: Bool, until end: ContinuousClock.Instant) async -> BatonError? {
        if configuration.persistWithin == .zero || files.declared.isEmpty { return nil }
        do throws(BatonError) {
            guard isLinked else {
                throw BatonError(.unreachable, "another agent has taken this work's place; nothing was kept")
            }
            _ = try await keeping.keep(files.declared, until: end)
            return nil
        } catch {
            logger.error(
                "what the work leaves behind is not safe. \(error.message)", metadata: ["code": "\(error.code.name)"])
            return error
        }
    }

    /// Waits for the work, and until the relay has what it leaves behind; then lets running transfers end, for a while.
    private func finish(
        _ group: inout ThrowingTaskGroup<Outcome, any Error>,
        keepingUntil end: @escaping @Sendable () -> ContinuousClock.Instant
    ) async throws -> Int32 {
        var status: Int32?
        var isLinked = true
        var isKept = false
        while let outcome = try await group.next() {
            switch outcome {
            case .link: isLinked = false
            case .jobs: break
            case .work(let result):
                status = result
                // The relay keeps the waits of others until this work is back.
                let error = BatonError(.interrupted, "the agent is shutting down")
                jobs.endWaits(error)
                await desk.endWaits(error)
                group.addTask { [isLinked] in .kept(await keepLast(isLinked, until: end())) }
            case .neverBegun:
                status = configuration.command.isEmpty ? 0 : ErrorCode.cancelled.exitStatus
                isKept = true
                isLinked = await link.drain(within: .zero)
            case .kept(let error):
                isKept = true
                if error != nil, status == 0 { status = ErrorCode.deadline.exitStatus }
                isLinked = await link.drain(within: .seconds(configuration.drainSeconds)) && isLinked
            }
            if isKept, !isLinked { group.cancelAll() }
        }
        await desk.close()
        return status ?? 0
    }
}
