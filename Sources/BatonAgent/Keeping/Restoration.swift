import BatonFiles
import BatonProtocol
import Logging

/// Brings declared paths that are missing here back from what the relay keeps: the same work goes on, on another machine.
struct Restoration: Sendable {
    let fetcher: Fetcher
    let logger: Logger

    /// What is here, or was never kept, is left to the work.
    ///
    /// - Throws: why a path that is kept could not be brought back: the work would begin without what it had.
    func run(_ paths: [PathName]) async throws(BatonError) {
        for path in paths {
            let order = FetchOrder(
                origin: fetcher.work, path: path, destination: fetcher.folder.ownPath(path), attributes: true,
                storedOnly: true)
            do throws(BatonError) {
                let fetched = try await fetcher.fetch(order)
                logger.notice(
                    "restored \(Reference(path: path))",
                    metadata: ["generation": "\(fetched.source.generation ?? 0)", "files": "\(fetched.files)"])
            } catch {
                guard [.notFound, .alreadyExists].contains(error.code) else { throw error }
                logger.notice(
                    "\(Reference(path: path)) was not restored: \(error.message)",
                    metadata: ["code": "\(error.code.name)"])
            }
        }
    }
}
