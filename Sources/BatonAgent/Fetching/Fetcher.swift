import BatonFiles
import BatonProtocol
import BatonTransport
import SystemPackage

/// Gets paths of other works to this machine.
struct Fetcher: Sendable {
    let folder: WorkFolder
    let locks: DestinationLocks
    let link: RelayLink
    /// The threads that write files.
    let executor: BlockingExecutor
    let work: WorkName
    /// How many entries of a tree are taken.
    let maxEntries: UInt64
    /// How long the data of interrupted transfers is kept, and how much of it.
    let partialAge: Duration
    let partialBytes: UInt64

    /// The place of a path of another work unless one is named.
    func defaultPlace(_ origin: WorkName, _ path: PathName) -> FilePath {
        folder.localPath(origin: origin, path: path)
    }

    /// Transfers and publishes. A failure leaves the destination as it was.
    ///
    /// - Parameters:
    ///   - onCancel: given what to do when the result is no longer wanted.
    ///   - onStall: told why the transfer is given up, at once, even if the disk holds its task back.
    ///   - report: told once a second how far it is.
    func fetch(
        _ order: FetchOrder, onCancel: (@escaping @Sendable (BatonError) -> Void) -> Void = { _ in },
        onStall: @escaping @Sendable (BatonError) -> Void = { _ in },
        report: @escaping @Sendable (Progress) -> Void = { _ in }
    ) async throws(BatonError) -> Fetched {
        let lock = try locks.acquire(order.destination)
        defer { withExtendedLifetime(lock) {} }
        let meter = TransferMeter()
        let cancellation = Inbox<Never>()
        onCancel { cancellation.finish($0) }
        let result = await withTaskGroup(of: Result<Fetched?, BatonError>.self, returning: Outcome.self) { group in
            group.addTask(executorPreference: executor) {
                let transfer = FetchTransfer(order: order, fetcher: self, meter: meter)
                do throws(BatonError) { return .success(try await transfer.run()) } catch { return .failure(error) }
            }
            group.addTask { .failure(await watch(order, meter, onStall, report)) }
            group.addTask {
                do throws(BatonError) { _ = try await cancellation.next() } catch { return .failure(error) }
                return .success(nil)
            }
            // Whatever fails first stops the others; a tree that was published all the same counts.
            var failure: BatonError?
            while let outcome = await group.next() {
                switch outcome {
                case .success(nil): continue
                case .success(let fetched?):
                    group.cancelAll()
                    return .success(fetched)
                case .failure(let error):
                    failure = failure ?? error
                    group.cancelAll()
                }
            }
            return .failure(failure ?? BatonError(.internal, "a transfer ended without a result", path: order.path))
        }
        return try result.get()
    }

    private typealias Outcome = Result<Fetched, BatonError>

    /// Reports once a second.
    ///
    /// - Returns: why the transfer must end: it took longer than allowed, or nothing moves any more.
    private func watch(
        _ order: FetchOrder, _ meter: TransferMeter, _ onStall: @Sendable (BatonError) -> Void,
        _ report: @Sendable (Progress) -> Void
    ) async -> BatonError {
        var stall = StallWatch()
        for second in 1...Int(Limits.deadline.upperBound / 1000) {
            do { try await Task.sleep(for: .seconds(1)) } catch { break }
            let (sample, note) = meter.tick()
            stall.tick(sample)
            report(
                Progress(
                    bytesIn: sample.bytes, bytesOut: sample.bytes, entries: sample.entries,
                    waiting: stall.stalledTicks > 1 || sample.isPatient ? stall.culprit : .nothing, note: note))
            if stall.stalledTicks * 1000 >= Int(order.stall) {
                let error = stalled(order, stall, meter.interruption)
                onStall(error)
                return error
            }
            if meter.isOutOfPatience, let error = await absence(order) { return error }
            if second >= Int(order.deadline) / 1000 { break }
        }
        return BatonError(.deadline, "the get of \(order.reference) took longer than allowed", path: order.path)
    }

    /// Why what was waited for could not even be asked for; `nil` if it could: then the answer tells more.
    private func absence(_ order: FetchOrder) async -> BatonError? {
        do throws(BatonError) {
            _ = try await link.current()
            return nil
        } catch {
            let sentence =
                "\(order.reference) was waited for in vain for \(order.wait / 1000) seconds: \(error.message)"
            return BatonError(error.code, sentence, path: order.path)
        }
    }

    private func stalled(_ order: FetchOrder, _ stall: StallWatch, _ interruption: BatonError?) -> BatonError {
        let kept = "what has come is kept for a while: get it again to go on from there"
        if var error = interruption {
            error.message += "; it did not come back within \(stall.stalledTicks) seconds; \(kept)"
            return error
        }
        return BatonError(
            .deadline,
            "nothing of \(order.reference) has moved for \(stall.stalledTicks) seconds; what holds it up is \(stall.culprit.name); \(kept)",
            path: order.path)
    }
}
