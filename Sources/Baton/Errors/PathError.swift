import BatonProtocol
public import FoundationEssentials

/// Why something could not be done with a path: what happened, to which path, who noticed, and what to do.
///
/// Every operation on a ``Path`` throws this and nothing else. Codes, messages and their meaning are those of chapter 8 of
/// `Protocol/`, and some more for what never leaves this machine.
public struct PathError: Error, Hashable, Sendable {
    /// What happened, for programs.
    public var code: Code
    /// A sentence for a person: what happened, to which path, where, and what to do. Safe to print.
    public var message: String
    /// The path that it happened to, if it happened to one.
    public var path: Path?
    /// Who noticed.
    public var saidBy: Source

    public init(_ code: Code, _ message: String, path: Path? = nil, saidBy: Source = .local) {
        self.code = code
        self.message = message
        self.path = path
        self.saidBy = saidBy
    }

    /// Who noticed a failure.
    public enum Source: String, Hashable, Sendable, Codable, CaseIterable {
        /// This program, or the agent on this machine.
        case local
        /// The relay between this machine and the origin.
        case relay
        /// The work that owns the path.
        case owner
    }

    /// What happened, as a stable word. The set is open: a newer agent may answer with words that are not listed here.
    public struct Code: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
        public var description: String { rawValue }
    }
}

extension PathError.Code {
    /// There is nothing at the path.
    public static let notFound = Self("notFound")
    /// There is something at the destination already, and overwriting was not asked for.
    public static let alreadyExists = Self("alreadyExists")
    /// Its work has not declared the path, nor anything above it.
    public static let notShared = Self("notShared")
    /// The work that owns the path, the relay or this machine's agent cannot be reached.
    public static let unreachable = Self("unreachable")
    /// It was not done in the time that was given.
    public static let deadline = Self("deadline")
    /// The source kept changing while it was read.
    public static let changed = Self("changed")
    /// The path has no origin: there is no other work to ask about it.
    public static let notAttached = Self("notAttached")
    /// Files were to be touched outside of a work's run.
    public static let outsideWork = Self("outsideWork")
    /// Paths of two works were to be joined or related, or one work was to do what only another may.
    public static let differentOrigins = Self("differentOrigins")
    /// The text or the bytes are no path.
    public static let invalidPath = Self("invalidPath")
    /// What came, or what was read, is not what it should be.
    public static let corrupt = Self("corrupt")
    /// The destination cannot be made.
    public static let cannotCreate = Self("cannotCreate")
    /// The user that this program, or its agent, runs as may not do it.
    public static let permission = Self("permission")
    /// The task was cancelled.
    public static let cancelled = Self("cancelled")
    /// A connection was lost meanwhile; what has come is kept for a while, and the next get goes on from there.
    public static let interrupted = Self("interrupted")
    /// Not now: try again.
    public static let busy = Self("busy")
    /// The disk is full.
    public static let noSpace = Self("noSpace")
    /// Larger than what can be carried or stored.
    public static let tooLarge = Self("tooLarge")
    /// It is no directory, or something on the way to it is none.
    public static let notADirectory = Self("notADirectory")
    /// It is a directory.
    public static let isADirectory = Self("isADirectory")
    /// The directory is not empty.
    public static let notEmpty = Self("notEmpty")
    /// This cannot be done here.
    public static let unsupported = Self("unsupported")
    /// What was asked for makes no sense.
    public static let usage = Self("usage")
    /// A call has come to its end, and what it did stands; but the relay did not take what it leaves behind.
    public static let notKept = Self("notKept")
    /// A fault of Baton, or of the disk.
    public static let `internal` = Self("internal")

    private init(_ name: String) { self.init(rawValue: name) }
}

extension PathError: CustomStringConvertible, LocalizedError {
    public var description: String { "\(code): \(message)" }
    public var errorDescription: String? { message }
}

extension PathError: Codable {
    private enum CodingKeys: String, CodingKey { case code, message, path, saidBy }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        // What another program says is made safe to print.
        code = Code(rawValue: Escaping.printable(try fields.decode(Code.self, forKey: .code).rawValue))
        message = Escaping.printable(try fields.decode(String.self, forKey: .message))
        path = try fields.decodeIfPresent(Path.self, forKey: .path)
        saidBy = try fields.decode(Source.self, forKey: .saidBy)
    }

    /// A path that an error tells about is not handed over: nobody wants it fetched. Yet it must not mean another work's file elsewhere,
    /// so it gets its origin here.
    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(code, forKey: .code)
        try fields.encode(message, forKey: .message)
        try fields.encodeIfPresent(path?.attachedToCurrentWork.description, forKey: .path)
        try fields.encode(saidBy, forKey: .saidBy)
    }
}
