import BatonFiles
import BatonProtocol
import BatonTransfer
import BatonTransport
import SystemPackage

/// Gets paths of other works to this machine.
struct Fetcher: Sendable {
    let folder: WorkFolder
    let locks: DestinationLocks
    let turns: Turns
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
        let lock = try await locks.acquire(order.destination, waitingForCancelled: .seconds(5))
        defer { withExtendedLifetime(lock) {} }
        let meter = TransferMeter()
        let supervision = Supervision(
            executor: executor, meter: meter, reference: order.reference, stall: order.stall, deadline: order.deadline,
            advice: "what has come is kept for a while: get it again to go on from there")
        return try await supervision.run(
            onCancel: { cancel in
                // Weak: whoever keeps this must not keep the destination locked.
                onCancel { [weak lock] error in
                    lock?.cancel()
                    cancel(error)
                }
            }, onStall: onStall, report: report
        ) {
            await absence(order)
        } _: { () throws(BatonError) in
            try await FetchTransfer(order: order, fetcher: self, meter: meter).run()
        }
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
}
