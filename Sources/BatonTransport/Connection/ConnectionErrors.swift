public import BatonProtocol
import BatonTLS
import NIOCore
import NIOPosix

extension BatonError {
    /// What a failing connection, or bad credentials for one, mean to whoever uses it.
    public init(connection error: any Error) {
        switch error {
        case let error as BatonError: self = error
        case let error as ProtocolViolation: self.init(error.code, error.message)
        case let error as TLSError: self.init(ErrorCode(error.code), error.message)
        case let error as IdentityError: self.init(.identityRefused, error.description)
        case let error as NIOConnectionError:
            let cause = error.connectionErrors.first.map { reason($0.error) } ?? "the name is unknown"
            self.init(.unreachable, "no connection to \(error.host):\(error.port): \(cause)")
        case ChannelError.connectTimeout(let time):
            self.init(.unreachable, "no connection within \(time.nanoseconds / 1_000_000_000) seconds")
        default: self.init(.interrupted, reason(error))
        }
    }
}

/// A system's error in its own words.
func reason(_ error: any Error) -> String {
    if let error = error as? IOError { return systemMessage(error.errnoCode) }
    return Escaping.printable("\(error)")
}

extension ErrorCode {
    fileprivate init(_ code: TLSError.Code) {
        switch code {
        case .credentialsUnreadable, .credentialsInvalid, .keyPermissions, .certificateExpired, .certificateNotYetValid,
            .unknownAuthority, .wrongHost, .certificateUnfit, .noCertificate, .refusedByPeer:
            self = .identityRefused
        case .noApplicationProtocol, .noCommonVersion, .notTLS: self = .versionMismatch
        case .truncated, .closed: self = .interrupted
        default: self = .internal
        }
    }
}
