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
            let cause = error.connectionErrors.first.map { "\($0.error)" } ?? "\(error)"
            self.init(.unreachable, "cannot connect to \(error.host):\(error.port): \(Escaping.printable(cause))")
        case ChannelError.connectTimeout(let time):
            self.init(.unreachable, "no connection within \(time.nanoseconds / 1_000_000_000) seconds")
        default: self.init(.interrupted, Escaping.printable("\(error)"))
        }
    }
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
