/// What went wrong, as a stable number (chapter 8). The set is open: an unknown number is kept and shown.
public struct ErrorCode: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    // Of one request
    public static let `internal` = ErrorCode(rawValue: 1)
    public static let usage = ErrorCode(rawValue: 2)
    public static let notFound = ErrorCode(rawValue: 3)
    public static let notShared = ErrorCode(rawValue: 4)
    public static let unreachable = ErrorCode(rawValue: 5)
    public static let deadline = ErrorCode(rawValue: 6)
    public static let changed = ErrorCode(rawValue: 7)
    public static let corrupt = ErrorCode(rawValue: 8)
    public static let alreadyExists = ErrorCode(rawValue: 9)
    public static let cannotCreate = ErrorCode(rawValue: 10)
    public static let permission = ErrorCode(rawValue: 11)
    public static let cancelled = ErrorCode(rawValue: 12)
    public static let interrupted = ErrorCode(rawValue: 13)
    public static let busy = ErrorCode(rawValue: 14)
    public static let noSpace = ErrorCode(rawValue: 15)
    public static let unsupported = ErrorCode(rawValue: 16)
    public static let tooLarge = ErrorCode(rawValue: 17)
    public static let lost = ErrorCode(rawValue: 18)

    // Of a whole connection
    public static let malformed = ErrorCode(rawValue: 256)
    public static let helloExpected = ErrorCode(rawValue: 257)
    public static let frameTooLarge = ErrorCode(rawValue: 258)
    public static let unknownType = ErrorCode(rawValue: 259)
    public static let unexpectedFrame = ErrorCode(rawValue: 260)
    public static let wrongConnection = ErrorCode(rawValue: 261)
    public static let badStream = ErrorCode(rawValue: 262)
    public static let streamReused = ErrorCode(rawValue: 263)
    public static let flowControl = ErrorCode(rawValue: 264)
    public static let flood = ErrorCode(rawValue: 265)
    public static let helloTimeout = ErrorCode(rawValue: 266)
    public static let keepaliveTimeout = ErrorCode(rawValue: 267)
    public static let versionMismatch = ErrorCode(rawValue: 268)
    public static let identityRefused = ErrorCode(rawValue: 269)
    public static let badTicket = ErrorCode(rawValue: 270)
    public static let replaced = ErrorCode(rawValue: 271)
    public static let shutdown = ErrorCode(rawValue: 272)
    public static let tooManyConnections = ErrorCode(rawValue: 273)

    private static let table: [(code: ErrorCode, name: String, exitStatus: Int32)] = [
        (.internal, "internal", 70), (.usage, "usage", 64), (.notFound, "notFound", 66), (.notShared, "notShared", 77),
        (.unreachable, "unreachable", 69), (.deadline, "deadline", 75), (.changed, "changed", 65),
        (.corrupt, "corrupt", 65), (.alreadyExists, "alreadyExists", 73), (.cannotCreate, "cannotCreate", 73),
        (.permission, "permission", 77), (.cancelled, "cancelled", 75), (.interrupted, "interrupted", 75),
        (.busy, "busy", 75), (.noSpace, "noSpace", 73), (.unsupported, "unsupported", 70), (.tooLarge, "tooLarge", 65),
        (.lost, "lost", 75),
        (.malformed, "malformed", 70), (.helloExpected, "helloExpected", 70), (.frameTooLarge, "frameTooLarge", 70),
        (.unknownType, "unknownType", 70), (.unexpectedFrame, "unexpectedFrame", 70),
        (.wrongConnection, "wrongConnection", 70), (.badStream, "badStream", 70), (.streamReused, "streamReused", 70),
        (.flowControl, "flowControl", 70), (.flood, "flood", 70), (.helloTimeout, "helloTimeout", 70),
        (.keepaliveTimeout, "keepaliveTimeout", 69), (.versionMismatch, "versionMismatch", 70),
        (.identityRefused, "identityRefused", 77), (.badTicket, "badTicket", 70), (.replaced, "replaced", 69),
        (.shutdown, "shutdown", 69), (.tooManyConnections, "tooManyConnections", 70),
    ]

    /// The name of the code in `Protocol/` and in JSON; `code 4711` for one that this version does not know.
    public var name: String { ErrorCode.table.first { $0.code == self }?.name ?? "code \(rawValue)" }

    /// The code of that name; `nil` for a name that this version does not know.
    public init?(name: String) {
        guard let code = ErrorCode.table.first(where: { $0.name == name })?.code else { return nil }
        self = code
    }

    /// The exit status of a program that ends because of this error, after `sysexits`.
    public var exitStatus: Int32 { ErrorCode.table.first { $0.code == self }?.exitStatus ?? 70 }
}
