import BatonFiles
import BatonProtocol
import BatonTransfer
import BatonTransport
import SystemPackage

/// Answers the FETCH requests of programs on this machine.
struct FetchDesk: Sendable {
    let fetcher: Fetcher

    func serve(_ job: Job) async {
        do throws(BatonError) {
            let order = try order(for: job.request)
            let fetched = try await fetcher.fetch(order) { action in
                job.onCancel(action)
            } onStall: { error in
                job.reply(.error(error))
            } report: { progress in
                job.session.send(progress, on: job.stream)
            }
            job.reply(.fetch(fetched))
        } catch {
            job.reply(.error(error))
        }
    }

    private func order(for request: Request) throws(BatonError) -> FetchOrder {
        guard case .fetch(let destination) = request.operation else {
            throw BatonError(.internal, "no FETCH came to where they are answered")
        }
        let origin = request.origin ?? fetcher.work
        guard origin != fetcher.work || destination.storedOnly else {
            throw BatonError(
                .usage,
                "\(request.reference) is a path of this very work and lies at '\(Escaping.printable(fetcher.folder.ownPath(request.path).bytes))'; to get a path of another work, name it: lit://WORK@PATH",
                path: request.path)
        }
        // What is restored lies where the work itself had it.
        let path = origin == fetcher.work ? fetcher.folder.ownName(request.path) : request.path
        let ownPlace = origin == fetcher.work ? fetcher.folder.ownPath(path) : nil
        let place =
            destination.path.isRoot
            ? ownPlace ?? fetcher.defaultPlace(origin, path) : FilePath(bytes: destination.path.bytes)
        return FetchOrder(
            origin: origin, path: path, destination: place, overwrite: destination.overwrite,
            attributes: destination.attributes, strict: destination.strict, durable: destination.durable,
            storedOnly: destination.storedOnly, wait: destination.wait, stall: destination.stall,
            deadline: request.deadline)
    }
}
