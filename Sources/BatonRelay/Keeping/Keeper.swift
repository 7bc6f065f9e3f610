import BatonFiles
import BatonProtocol
import BatonTransfer
import BatonTransport
import Logging
import NIOCore

/// Receives what works leave behind: a PERSIST is a get in which the relay is the receiver (chapter 12).
struct Keeper: Sendable {
    let store: any ArtifactStore
    let router: Router
    let executor: BlockingExecutor
    let logger: Logger

    /// Gets the tree of the work that asks, and publishes it.
    ///
    /// - Returns: the receipt; what it says is on the disk.
    func keep(_ job: Job, _ owner: WorkKey) async throws(BatonError) -> Receipt {
        let path = job.request.path
        let (lane, window) = try await router.borrow(for: job.session, path: path)
        let meter = TransferMeter()
        let supervision = Supervision(
            executor: executor, meter: meter, reference: Reference(origin: owner.work, path: path),
            stall: Limits.defaultStall, deadline: job.request.deadline,
            advice: "what has come is kept for a while: have it kept again to go on from there")
        let result: Result<Receipt, BatonError>
        do throws(BatonError) {
            result = .success(
                try await supervision.run { action in
                    job.onCancel(action)
                } onStall: { error in
                    // For a disk that holds the task back: else the answer comes once the GET has ended (STR-34).
                    job.session.loop.scheduleTask(in: .seconds(5)) { job.reply(.error(error.said(by: .relay))) }
                } report: { progress in
                    job.session.send(progress, on: job.stream)
                } _: { () throws(BatonError) in
                    try await receive(job, owner, lane, window, meter)
                })
        } catch {
            result = .failure(error)
        }
        await router.giveBack(window, of: owner)
        return try result.get()
    }

    private func receive(
        _ job: Job, _ owner: WorkKey, _ lane: Lane, _ window: UInt64, _ meter: TransferMeter
    ) async throws(BatonError) -> Receipt {
        let path = job.request.path
        let incoming = try store.put(
            path, of: owner.artifactOwner, epoch: job.session.peer.epoch, attributes: true, expecting: 0)
        do throws(BatonError) {
            if let point = incoming.writer.resumePoint {
                logger.info(
                    "goes on with what had come of a path that is to be kept",
                    metadata: ["path": "\(Reference(origin: owner.work, path: path))", "entries": "\(point.entries)"])
            }
            let options = GetOptions(
                credit: window, attributes: true, resume: incoming.writer.resumePoint, base: incoming.base)
            let request = Request(
                .get(options), deadline: job.request.deadline, origin: owner.work, path: path)
            try await TreeReceiver(
                session: job.session, lane: lane, meter: meter, peerName: "work '\(owner.work)'",
                endsWithin: .seconds(3)
            )
            .receive(request, into: incoming.writer)
            // Nothing travels while everything is read once more, and written to the disk.
            meter.bePatient()
            let receipt = try incoming.publish { () throws(BatonError) in try job.checkWanted() }
            logger.info(
                "kept what a work leaves behind",
                metadata: [
                    "app": "\(owner.app)", "work": "\(owner.work)", "path": "\(Reference(path: path))",
                    "generation": "\(receipt.generation)", "outcome": "\(receipt.outcome.name)",
                    "bytes": "\(receipt.bytes)", "sent": "\(receipt.sent)",
                ])
            return receipt
        } catch {
            if [.interrupted, .unreachable, .busy, .deadline, .cancelled].contains(error.code) {
                incoming.keepPartial()
            } else {
                incoming.discard()
            }
            if error.code == .notFound { return Receipt(outcome: .missing, path: path) }
            var told = incoming.explained(error)
            // What the work took for kept may have rotted here: then an older generation is the base of the next attempt.
            if error.code == .corrupt, let base = incoming.baseGeneration,
                (try? store.verify(path, of: owner.artifactOwner, generation: base, checkpoint: {}))?.isDamaged == true
            {
                told = BatonError(
                    .busy, "generation \(base) of '\(path)' was damaged in the store, and is left out now: try again",
                    path: path)
            }
            logger.warning(
                "what a work leaves behind could not be kept: \(error.message)",
                metadata: [
                    "app": "\(owner.app)", "work": "\(owner.work)", "path": "\(Reference(path: path))",
                    "code": "\(error.code.name)",
                ])
            throw told
        }
    }
}
