import NIOCore

/// The first frame of a stream: what is asked of whom, and how long the asker waits (chapter 5).
///
/// All requests begin with deadline_ms u32, origin text8 and path bytes16, as far as they have them.
public struct Request: Hashable, Sendable {
    public enum Operation: Hashable, Sendable {
        /// Is there something at the path?
        case exists
        /// Kind, size, times and, if asked, the digest.
        case stat(digest: Bool)
        /// The entries of a directory whose names come after `after`, at most `limit`.
        case list(after: [UInt8], limit: UInt16)
        /// The content, on the lane.
        case get(GetOptions)
        /// Nothing but an answer.
        case echo
        /// An answer once there is something at the path.
        case wait
        /// Keep what lies at a declared path, or at all of them, in the relay's store.
        case persist(all: Bool)
        /// What the store keeps of a work.
        case artifacts(ArtifactsQuery)
        /// Declare a path of the agent's own work (local).
        case share
        /// Get a path to this machine (local).
        case fetch(Destination)
        /// Where is the work's root? And, if the program takes its calls: be its host (local).
        case attach(takesCalls: Bool)
        /// Run this at the work's host. Indirect: what is asked most often is to stay small.
        indirect case call(CallOrder)
    }

    public var operation: Operation
    /// Milliseconds left, as of sending; each hop takes off what it used.
    public var deadline: UInt32
    /// Whose path it is; `nil` for the responder's own (ECHO: for the responder itself).
    public var origin: WorkName?
    public var path: PathName

    public init(_ operation: Operation, deadline: UInt32, origin: WorkName? = nil, path: PathName = .root) {
        self.operation = operation
        self.deadline = min(deadline, Limits.deadline.upperBound)
        self.origin = origin
        self.path = path
    }

    public var reference: Reference { Reference(origin: origin, path: path) }

    /// The deadline as words for a person: `2.5 s`.
    public var deadlineText: String {
        let tenths = deadline % 1000 / 100
        return tenths == 0 ? "\(deadline / 1000) s" : "\(deadline / 1000).\(tenths) s"
    }

    /// Who is asked, for a person.
    public var ownerText: String { origin.map { "work '\($0)'" } ?? "the work" }

    public var type: FrameType {
        switch operation {
        case .exists: .exists
        case .stat: .stat
        case .list: .list
        case .get: .get
        case .echo: .echo
        case .wait: .wait
        case .persist: .persist
        case .artifacts: .artifacts
        case .share: .share
        case .fetch: .fetch
        case .attach: .attach
        case .call: .call
        }
    }

    private static func hasOrigin(_ type: FrameType) -> Bool { type != .share && type != .attach }
    private static func hasPath(_ type: FrameType) -> Bool { type != .echo && type != .attach && type != .call }

    init(_ type: FrameType, _ fields: inout PayloadReader) throws(ProtocolViolation) {
        let deadline: UInt32 = try fields.integer("deadline_ms")
        let origin = Request.hasOrigin(type) ? try fields.name("origin") : nil
        let path = Request.hasPath(type) ? try fields.path("path") : .root
        let operation: Operation
        switch type {
        case .exists: operation = .exists
        case .stat: operation = .stat(digest: try fields.options("options", known: 1) & 1 != 0)
        case .list:
            let after = try fields.bytes("after", length: UInt16.self, atMost: Limits.component)
            if !after.isEmpty { try fields.judge(component: after, "after") }
            let limit: UInt16 = try fields.integer("limit")
            guard limit > 0 else { throw fields.malformed("limit", "is 0") }
            operation = .list(after: after, limit: limit)
        case .get:
            operation = .get(try GetOptions(&fields))
        case .echo: operation = .echo
        case .wait: operation = .wait
        case .persist:
            let all = try fields.options("options", known: 1) & 1 != 0
            guard !all || path.isRoot else { throw fields.malformed("path", "is named, yet all are meant") }
            operation = .persist(all: all)
        case .artifacts: operation = .artifacts(try ArtifactsQuery(&fields))
        case .share: operation = .share
        case .fetch:
            operation = .fetch(try Destination(&fields))
        case .attach: operation = .attach(takesCalls: try fields.options("options", known: 1) & 1 != 0)
        case .call:
            guard origin != nil else { throw fields.malformed("origin", "is empty") }
            operation = .call(try CallOrder(&fields))
        default: throw ProtocolViolation(.unexpectedFrame, "\(type) is no request")
        }
        self.init(operation, deadline: deadline, origin: origin, path: path)
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeInteger(deadline)
        if Request.hasOrigin(type) { buffer.write(origin) }
        if Request.hasPath(type) { buffer.write(path) }
        switch operation {
        case .exists, .echo, .wait, .share: break
        case .stat(let digest): buffer.write(digest)
        case .persist(let all): buffer.write(all)
        case .artifacts(let query): query.write(to: &buffer)
        case .list(let after, let limit):
            buffer.write(bytes: after, length: UInt16.self)
            buffer.writeInteger(limit)
        case .get(let options): options.write(to: &buffer)
        case .fetch(let destination): destination.write(to: &buffer)
        case .attach(let takesCalls): buffer.write(takesCalls)
        case .call(let order): order.write(to: &buffer)
        }
    }
}
