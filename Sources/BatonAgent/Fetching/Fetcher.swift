import BatonFiles
import BatonProtocol
import BatonTransport
import NIOCore
import Synchronization
import SystemPackage

/// Gets a path of another work to this machine.
struct Fetcher: Sendable {
    let folder: WorkFolder
    let locks: DestinationLocks
    let link: RelayLink
    /// The threads that write files.
    let executor: BlockingExecutor
    let work: WorkName

    /// Lane payload that the relay may send ahead of what was written.
    private static let window: UInt64 = 8 << 20

    /// What to get, and where to.
    struct Order: Sendable {
        var origin: WorkName
        var path: PathName
        var destination: FilePath
        var overwrite: Bool
        /// All of it must be done in this time, in milliseconds.
        var deadline: UInt32

        var reference: Reference { Reference(origin: origin, path: path) }
    }

    /// The place of a path of another work unless one is named.
    func defaultPlace(_ origin: WorkName, _ path: PathName) -> FilePath {
        folder.localPath(origin: origin, path: path)
    }

    /// Transfers and publishes. A failure leaves the destination as it was.
    ///
    /// - Parameters:
    ///   - job: whoever wants it, and may no longer want it.
    ///   - report: told about once a second how far it is.
    func fetch(
        _ order: Order, onCancel: (@escaping @Sendable (BatonError) -> Void) -> Void = { _ in },
        report: @escaping @Sendable (Progress) -> Void
    ) async throws(BatonError) -> Fetched {
        let lock = try locks.acquire(order.destination)
        defer { withExtendedLifetime(lock) {} }
        let inbox = Inbox<Frame>()
        onCancel { inbox.finish($0) }
        let meter = ProgressMeter()
        do {
            return try await withThrowingTaskGroup(of: Fetched?.self) { group in
                group.addTask(executorPreference: executor) { try await receive(order, inbox, meter) }
                group.addTask {
                    try await watch(order, inbox, meter, report)
                    return nil
                }
                // The watch never ends by itself but by failing, and then the inbox makes the other end too.
                while let outcome = try await group.next() {
                    guard let fetched = outcome else { continue }
                    group.cancelAll()
                    return fetched
                }
                throw BatonError(.internal, "a transfer ended without a result", path: order.path)
            }
        } catch let error as BatonError {
            throw error
        } catch {
            throw BatonError(.cancelled, "the get of \(order.reference) was cancelled", path: order.path)
        }
    }

    private func receive(_ order: Order, _ inbox: Inbox<Frame>, _ meter: ProgressMeter) async throws(BatonError)
        -> Fetched
    {
        let writer = try TreeWriter(
            destination: order.destination, overwrite: order.overwrite, folder: folder,
            order: TreeWriter.Order(source: order.reference))
        let session = try await link.current()
        let lane = try await link.openLane()
        let request = Request(
            .get(GetOptions(credit: Fetcher.window)), deadline: order.deadline, origin: order.origin, path: order.path)
        let opened = await session.open(request) { stream in
            lane.expect(stream, window: Fetcher.window, .deliver(inbox))
        } onEvent: { event in
            switch event {
            case .progress, .report: break
            case .reply(.error(let error)), .lost(let error): inbox.finish(error)
            case .reply: inbox.finish(BatonError(.internal, "a get was answered with something else"))
            }
        }
        guard let stream = opened else {
            throw BatonError(.busy, "too many requests are under way; try again", path: order.path)
        }
        do throws(BatonError) {
            while let batch = try await inbox.next() {
                for frame in batch {
                    try inbox.checkOpen()
                    try writer.receive(frame)
                    meter.set(writer.progress)
                    lane.consumed(frame.payload.readableBytes, of: stream)
                }
            }
            return try Fetched(writer.publish(), destination: order.destination)
        } catch {
            lane.redirect(stream, .discard)
            session.cancel(stream, because: error.code)
            writer.discard()
            throw error
        }
    }

    /// Reports once a second, and ends a transfer that gets nowhere.
    private func watch(
        _ order: Order, _ inbox: Inbox<Frame>, _ meter: ProgressMeter, _ report: @Sendable (Progress) -> Void
    ) async throws {
        var last = Progress(bytesIn: 0, bytesOut: 0, entries: 0, waiting: .origin)
        var stalled = 0
        for second in 1... {
            try await Task.sleep(for: .seconds(1))
            let now = meter.value
            stalled = now == last ? stalled + 1 : 0
            last = now
            report(now)
            if stalled >= Int(Limits.defaultStall) / 1000 {
                inbox.finish(
                    BatonError(
                        .deadline, "nothing of \(order.reference) has come for \(Limits.defaultStall / 1000) seconds",
                        path: order.path))
            } else if second >= Int(order.deadline) / 1000 {
                inbox.finish(
                    BatonError(.deadline, "the get of \(order.reference) took longer than allowed", path: order.path))
            }
        }
    }
}

/// How far a transfer is, told by the task that writes and read by the one that reports.
private final class ProgressMeter: Sendable {
    private let counts = Mutex(TreeEnd(entries: 0, bytes: 0, skipped: 0))

    func set(_ counts: TreeEnd) { self.counts.withLock { $0 = counts } }

    var value: Progress {
        let counts = counts.withLock { $0 }
        let entries = counts.entries + counts.skipped
        return Progress(bytesIn: counts.bytes, bytesOut: counts.bytes, entries: entries, waiting: .origin)
    }
}

extension Fetched {
    init(_ publication: Publication, destination: FilePath) throws(BatonError) {
        self.init(
            kind: publication.kind, isAtomic: publication.isAtomic, bytes: publication.bytes, files: publication.files,
            destination: try PathName(destination), skipped: publication.skippedCount, listed: publication.skipped)
    }
}

extension PathName {
    init(_ path: FilePath) throws(BatonError) {
        do { try self.init(resolving: path.bytes) } catch { throw BatonError(.usage, "\(error)") }
    }
}
