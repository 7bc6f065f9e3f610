import BatonFiles
import BatonProtocol
import BatonTransfer
import BatonTransport
import Logging

/// Answers what is asked about the paths that this work has declared. Blocking: to be run on threads that may.
struct OriginDesk: Sendable {
    let folder: WorkFolder
    let files: SharedFiles
    let link: RelayLink
    let keeping: KeepingDesk
    let work: WorkName
    let logger: Logger

    func serve(_ job: Job) async {
        do throws(BatonError) {
            if case .get(let options) = job.request.operation {
                try await send(job, options)
            } else {
                job.reply(try answer(job))
            }
        } catch {
            job.reply(.error(ownersWords(error, job)))
        }
    }

    private func ownersWords(_ error: BatonError, _ job: Job) -> BatonError {
        if job.request.operation == .share { return error }
        return error.said(byOwner: work)
    }

    private func answer(_ job: Job) throws(BatonError) -> Reply {
        let path = job.request.path
        switch job.request.operation {
        case .exists where job.isFromRelay: return .exists(try files.existsAsCovered(path), source: .live)
        case .exists: return .exists(try files.exists(path), source: .live)
        case .stat(let digest):
            return .stat(try files.stat(path, digest: digest) { () throws(BatonError) in try job.checkWanted() })
        case .list(let after, let limit): return .list(try files.list(path, after: after, limit: limit))
        case .share:
            let own = folder.ownName(path)
            let exists = try files.declare(own)
            logger.info("shared", metadata: ["path": "\(Reference(path: own))", "exists": "\(exists)"])
            return .share(Shared(origin: work, path: own, exists: exists))
        case .echo: return .echo(by: work)
        case .get, .fetch, .wait, .persist, .artifacts, .attach, .call:
            throw BatonError(.unsupported, "this cannot be asked here", path: path)
        }
    }

    /// Sends a tree on the lane. What goes wrong before the first byte is the caller's to report, on control.
    private func send(_ job: Job, _ options: GetOptions) async throws(BatonError) {
        if options.storedOnly {
            throw BatonError(.unsupported, "only a relay answers from a store", path: job.request.path)
        }
        let path = job.request.path
        let base = options.base.flatMap { folder.kept(of: path, stamp: $0) }
        let order = TreeReader.Order(attributes: options.attributes, resume: options.resume, base: base)
        let reader = try files.open(path, stream: job.stream, order: order)
        let lane = try await openLane()
        do throws(BatonError) {
            try await TreeSender(lane: lane).send(reader, for: job, credit: options.credit)
            if options.base != nil { keeping.note(reader.kept, of: path) }
        } catch {
            logger.info(
                "a transfer has failed: \(error.message)",
                metadata: ["path": "\(job.request.reference)", "code": "\(error.code.name)"])
            lane.end(job.stream, with: ownersWords(error, job))
        }
    }
}

extension OriginDesk {
    /// Whatever keeps the lane from opening, the asker may try again (STR-10).
    private func openLane() async throws(BatonError) -> Lane {
        do throws(BatonError) {
            return try await link.openLane()
        } catch {
            if error.code == .cancelled { throw error }
            throw BatonError(.interrupted, "there is no lane to send it on: \(error.message)")
        }
    }
}

extension BatonError {
    /// The same as whoever asked many works should hear it: the sentence names this one.
    func said(byOwner work: WorkName) -> BatonError {
        var error = said(by: .owner)
        error.message = "work '\(work)' says: \(error.message)"
        return error
    }
}
