import BatonFiles
import BatonProtocol
import Logging
import SystemPackage

/// Replaces the references to other works among a command's arguments by the local paths that they are fetched to.
struct ArgumentReferences: Sendable {
    let fetcher: Fetcher
    let logger: Logger

    /// - Returns: the arguments with each `lit://WORK@…` replaced. One that does not exist at its origin is replaced by the place
    ///   where it would lie, unfetched.
    /// - Throws: why one that exists could not be fetched.
    func resolve(_ arguments: [String]) async throws(BatonError) -> [String] {
        var resolved: [String] = []
        for argument in arguments {
            guard Reference.isMeant(by: argument), let reference = try? Reference(argument),
                let origin = reference.origin
            else {
                resolved.append(argument)
                continue
            }
            resolved.append(try await fetch(origin, reference.path).string)
        }
        return resolved
    }

    private func fetch(_ origin: WorkName, _ path: PathName) async throws(BatonError) -> FilePath {
        if origin == fetcher.work { return fetcher.folder.ownPath(path) }
        let place = fetcher.defaultPlace(origin, path)
        let order = FetchOrder(origin: origin, path: path, destination: place, overwrite: true)
        do throws(BatonError) {
            let fetched = try await fetcher.fetch(order)
            logger.info(
                "fetched",
                metadata: ["path": "\(order.reference)", "bytes": "\(fetched.bytes)", "files": "\(fetched.files)"])
        } catch {
            guard error.code == .notFound else { throw error }
            logger.warning("\(order.reference) does not exist at its origin; the command gets its path unfetched")
        }
        return place
    }
}
