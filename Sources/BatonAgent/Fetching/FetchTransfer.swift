import BatonFiles
import BatonProtocol
import BatonTransfer
import BatonTransport
import NIOCore
import SystemPackage

/// One transfer to its end, over as many attempts as it takes: what an attempt has brought stays, and the next goes on from there.
/// Blocking: to be run on threads that may.
struct FetchTransfer {
    let order: FetchOrder
    let fetcher: Fetcher
    let meter: TransferMeter
    private let waitEnd: ContinuousClock.Instant

    /// Lane payload that the relay may send ahead of what was written.
    private static let window: UInt64 = 8 << 20

    init(order: FetchOrder, fetcher: Fetcher, meter: TransferMeter) {
        self.order = order
        self.fetcher = fetcher
        self.meter = meter
        waitEnd = .now + .milliseconds(order.wait)
    }

    private var link: RelayLink { fetcher.link }

    func run() async throws(BatonError) -> Fetched {
        fetcher.folder.trimPartialStages(age: fetcher.partialAge, to: fetcher.partialBytes)
        var limits = TreeLimits()
        limits.entries = fetcher.maxEntries
        let writer = try TreeWriter(
            destination: order.destination, overwrite: order.overwrite, folder: fetcher.folder,
            order: TreeWriter.Order(
                source: order.reference, attributes: order.attributes, strict: order.strict, durable: order.durable),
            limits: limits)
        do throws(BatonError) {
            try await transfer(to: writer)
            meter.bePatient()
            return try Fetched(writer.publish(), from: writer.source, destination: order.destination)
        } catch {
            if error.isPassing { writer.keepPartial(partialBytes: fetcher.partialBytes) } else { writer.discard() }
            throw error
        }
    }

    private func transfer(to writer: TreeWriter) async throws(BatonError) {
        if order.wait > 0 { try await arrival() }
        var backoff = Backoff()
        while true {
            let before = writer.progress
            do throws(BatonError) {
                return try await attempt(writer)
            } catch {
                if writer.progress != before { backoff.reset() }
                if error.code == .notFound, waitEnd > .now, !meter.hasBegun {
                    // It was there a moment ago, and has gone again.
                    try await pause(backoff.delay())
                    try await arrival()
                    continue
                }
                // Who is refused for want of room has only to wait; whoever is not there may never come.
                guard error.isWorthRepeating, meter.hasBegun || error.code == .busy else { throw error }
                meter.interrupt(error)
                try await pause(backoff.delay())
                // Told when the relay and the origin are back; the watch decides for how long to hope.
                _ = try await link.nextSession()
                if error.code == .unreachable { try? await askForArrival(until: .now + .milliseconds(order.stall)) }
            }
        }
    }

    /// Waits until there is something at the path, over as many connections as it takes, as long as the order says.
    private func arrival() async throws(BatonError) {
        meter.bePatient(until: waitEnd)
        var backoff = Backoff()
        while true {
            do throws(BatonError) {
                return try await askForArrival(until: waitEnd)
            } catch {
                guard error.isWorthRepeating, waitEnd > .now else { throw error }
            }
            try await pause(backoff.delay())
        }
    }

    /// The origin tells once there is something at the path.
    private func askForArrival(until end: ContinuousClock.Instant) async throws(BatonError) {
        let session = try await link.nextSession()
        let left = UInt32(clamping: max(1, Int64((end - .now) / .milliseconds(1))))
        _ = try await session.call(Request(.wait, deadline: left, origin: order.origin, path: order.path))
    }

    private func pause(_ duration: Duration) async throws(BatonError) {
        do { try await Task.sleep(for: duration) } catch { throw BatonError(.cancelled, "the get was cancelled") }
    }

    /// One GET, from where the last one stopped.
    private func attempt(_ writer: TreeWriter) async throws(BatonError) {
        // Nothing is to move while it waits for its turn.
        let turn = try await fetcher.turns.take(at: order.origin) { meter.bePatient() }
        defer { withExtendedLifetime(turn) {} }
        meter.begin()
        let session = try await link.current()
        let lane = try await link.openLane()
        let options = GetOptions(
            credit: FetchTransfer.window, attributes: order.attributes, resume: writer.resumePoint,
            storedOnly: order.storedOnly)
        let request = Request(.get(options), deadline: order.deadline, origin: order.origin, path: order.path)
        try await TreeReceiver(session: session, lane: lane, meter: meter, peerName: "the relay")
            .receive(request, into: writer)
    }
}

extension BatonError {
    /// What was lost may come back: another attempt can go on where this one stopped.
    fileprivate var isWorthRepeating: Bool {
        [.interrupted, .unreachable, .busy].contains(code)
    }

    /// It says nothing against what has come so far: a later get can use it.
    fileprivate var isPassing: Bool {
        isWorthRepeating || code == .deadline || code == .cancelled
    }
}

extension Fetched {
    init(_ publication: Publication, from source: AnswerSource, destination: FilePath) throws(BatonError) {
        self.init(
            kind: publication.kind, isAtomic: publication.isAtomic, bytes: publication.bytes, files: publication.files,
            destination: try PathName(destination), skipped: publication.skippedCount, listed: publication.skipped)
        resumed = publication.resumedBytes
        self.source = source
    }
}

extension PathName {
    init(_ path: FilePath) throws(BatonError) {
        do { try self.init(resolving: path.bytes) } catch { throw BatonError(.usage, "\(error)") }
    }
}
