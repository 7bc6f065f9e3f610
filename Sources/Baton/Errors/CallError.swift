import BatonProtocol
public import Distributed
public import FoundationEssentials

/// Why a call to a work did not come to an end of its own. What the work's method itself throws arrives as it was thrown, if it is
/// `Codable`, and as ``RemoteError`` if not; a file that could not be handed over arrives as ``PathError``.
public struct CallError: DistributedActorSystemError, Hashable, Codable, CustomStringConvertible {
    /// What happened, for programs.
    public var code: Code
    /// A sentence for a person: what happened, to which call, and what to do.
    public var message: String
    /// The work that was called.
    public var work: String?

    public init(_ code: Code, _ message: String, work: String? = nil) {
        self.code = code
        self.message = message
        self.work = work
    }

    /// What happened, as a stable word; the set is open.
    public struct Code: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
        private init(_ name: String) { rawValue = name }
        public var description: String { rawValue }

        /// The work, or the relay, was not there in time. The call has not begun.
        public static let unreachable = Code("unreachable")
        /// The call took longer than it was given; it was cancelled.
        public static let deadline = Code("deadline")
        /// The calling task was cancelled, and the call with it.
        public static let cancelled = Code("cancelled")
        /// The way to the work was lost and did not come back: the call may have run, in part or whole.
        public static let interrupted = Code("interrupted")
        /// The program of the work has ended in the middle of the call.
        public static let lost = Code("lost")
        /// Too many calls wait for the work. The call has not begun.
        public static let busy = Code("busy")
        /// The work runs another build of the program. The call has not begun.
        public static let versionMismatch = Code("versionMismatch")
        /// The work has no such method, or the type cannot be a work's. The call has not begun.
        public static let unsupported = Code("unsupported")
        /// Arguments or result do not fit a message: what is large belongs into a file.
        public static let tooLarge = Code("tooLarge")
        /// Arguments or result could not be encoded, or decoded.
        public static let unreadable = Code("unreadable")
        /// A fault of Baton.
        public static let `internal` = Code("internal")
    }

    init(_ error: BatonError, work: WorkName) {
        self.init(Code(rawValue: error.code.name), Escaping.printable(error.message), work: work.description)
    }

    public var description: String { "\(code): \(message)" }
}

extension CallError {
    /// What another program says is made safe to print.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        code = Code(rawValue: Escaping.printable(try fields.decode(Code.self, forKey: .code).rawValue))
        message = Escaping.printable(try fields.decode(String.self, forKey: .message))
        work = try fields.decodeIfPresent(String.self, forKey: .work).map { Escaping.printable($0) }
    }

    private enum CodingKeys: String, CodingKey { case code, message, work }
}

extension CallError: LocalizedError {
    public var errorDescription: String? { message }
}

/// What a work has thrown, when it cannot be brought back as it was: its type is not `Codable`, or not known here.
public struct RemoteError: Error, Hashable, Codable, CustomStringConvertible {
    /// The work that threw it.
    public var work: String
    /// The name of its type.
    public var type: String
    /// What it says of itself.
    public var message: String

    public init(work: String, type: String, message: String) {
        self.work = work
        self.type = type
        self.message = message
    }

    public var description: String { "work '\(work)' threw \(type): \(message)" }
}

extension RemoteError {
    /// What another program says is made safe to print.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        work = Escaping.printable(try fields.decode(String.self, forKey: .work))
        type = Escaping.printable(try fields.decode(String.self, forKey: .type))
        message = Escaping.printable(try fields.decode(String.self, forKey: .message))
    }

    private enum CodingKeys: String, CodingKey { case work, type, message }
}

extension RemoteError: LocalizedError {
    public var errorDescription: String? { description }
}
