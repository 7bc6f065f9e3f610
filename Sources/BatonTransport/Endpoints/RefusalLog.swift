import BatonProtocol
import Logging
import NIOCore
import Synchronization

/// Writes down which connections were refused and why, some a second: who knocks again and again is not to fill the disk that holds
/// the log.
final class RefusalLog: Sendable {
    private static let most = 32

    private struct Second {
        var end = NIODeadline.uptimeNanoseconds(0)
        var count = 0
    }

    private let second = Mutex(Second())

    func note(_ error: BatonError, _ logger: Logger) {
        let count = second.withLock { second in
            let now = NIODeadline.now()
            if now >= second.end { second = Second(end: now + .seconds(1)) }
            second.count += 1
            return second.count
        }
        guard count <= Self.most else { return }
        logger.warning("refused a connection: \(error.message)", metadata: ["code": "\(error.code.name)"])
        if count == Self.most {
            logger.warning(
                "refused \(count) connections within a second; further ones of this second are not written down")
        }
    }
}
