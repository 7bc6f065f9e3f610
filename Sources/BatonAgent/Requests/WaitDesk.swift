import BatonFiles
import BatonProtocol
import BatonTransfer
import BatonTransport
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Answers WAIT requests about the paths of this work. Each is a task that looks on a thread that may block and, between looks, holds
/// none: what happens in the directories comes to the event loop by way of one inotify descriptor.
struct WaitDesk: Sendable {
    let files: SharedFiles
    let jobs: JobList
    let work: WorkName
    let loop: any EventLoop
    /// The threads that may block.
    let executor: BlockingExecutor
    let logger: Logger

    /// Waits at once. They are half of what the relay may ask at once: there must be room for the questions and gets of others.
    static let most = Int(Limits.defaultStreams) / 2

    /// Serves until the task is cancelled.
    func run() async {
        var watcher: DirectoryWatcher?
        let room = Room(WaitDesk.most)
        await withDiscardingTaskGroup { group in
            while let batch = try? await jobs.waits.next() {
                for job in batch {
                    guard room.enter() else {
                        finish(job, with: busy(job))
                        continue
                    }
                    let watches = await opened(&watcher)
                    group.addTask(executorPreference: executor) {
                        await serve(job, watches)
                        room.leave()
                    }
                }
            }
            // Whoever still waits has nobody to hear the answer.
            group.cancelAll()
        }
        try? await watcher?.channel.close()
    }

    /// The watches of this agent; made when they are first needed, for many agents never do.
    private func opened(_ watcher: inout DirectoryWatcher?) async -> Result<DirectoryWatches, BatonError> {
        if let watcher { return .success(watcher.watches) }
        do throws(BatonError) {
            let new = try await DirectoryWatcher.open(on: loop)
            watcher = new
            return .success(new.watches)
        } catch {
            return .failure(error)
        }
    }

    private func serve(_ job: Job, _ watches: Result<DirectoryWatches, BatonError>) async {
        let changes = Inbox<Void>()
        job.onCancel { changes.finish($0) }
        do throws(BatonError) {
            try job.checkWanted()
            if try !files.exists(job.request.path) {
                let arrival = Arrival(of: job.request.path, in: files, watches: try watches.get()) {
                    changes.push([()])
                }
                defer { arrival.end() }
                while try !arrival.look() {
                    logger.debug("waiting", metadata: ["path": "\(job.request.reference)"])
                    _ = try await changes.next()
                }
            }
            finish(job, with: .exists(true, source: .live))
        } catch {
            finish(job, with: .error(error))
        }
    }

    private func finish(_ job: Job, with reply: Reply) {
        if case .error(var error) = reply {
            if error.code == .deadline { error = missed(job) }
            job.reply(.error(error.said(byOwner: work)))
        } else {
            job.reply(reply)
        }
        jobs.remove(job)
    }

    private func missed(_ job: Job) -> BatonError {
        BatonError(
            .deadline, "nothing has come to '\(job.request.path)' within \(job.request.deadlineText)",
            path: job.request.path)
    }

    private func busy(_ job: Job) -> Reply {
        .error(
            BatonError(
                .busy, "\(WaitDesk.most) requests wait for its paths already; try again when some have ended",
                path: job.request.path))
    }
}

/// Counts who is in.
private final class Room: Sendable {
    private let free: Atomic<Int>

    init(_ places: Int) { free = Atomic(places) }

    /// - Returns: false if it is full. Only one may enter at a time.
    func enter() -> Bool {
        guard free.load(ordering: .relaxed) > 0 else { return false }
        free.subtract(1, ordering: .relaxed)
        return true
    }

    func leave() { free.add(1, ordering: .relaxed) }
}

/// The inotify descriptor of this agent, read on its event loop.
private struct DirectoryWatcher: Sendable {
    let watches: DirectoryWatches
    let channel: any Channel

    static func open(on loop: any EventLoop) async throws(BatonError) -> DirectoryWatcher {
        let watches = try DirectoryWatches()
        let descriptor = try watches.descriptor()
        do {
            let channel = try await NIOPipeBootstrap(group: loop)
                // A fixed size: the kernel refuses to read into less than one notice needs.
                .channelOption(
                    .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: DirectoryWatches.pieceSize)
                )
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(NoticeHandler(watches))
                    }
                }
                .takingOwnershipOfDescriptor(input: descriptor)
                .get()
            return DirectoryWatcher(watches: watches, channel: channel)
        } catch {
            close(descriptor)
            throw BatonError(.busy, "this agent cannot watch directories now: \(error)")
        }
    }
}

private final class NoticeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let watches: DirectoryWatches

    init(_ watches: DirectoryWatches) { self.watches = watches }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        watches.receive(&bytes)
    }
}
