import NIOCore

/// The one frame that ends a stream, except for a GET that went well: that ends with END on the lane (chapter 5).
public enum Reply: Hashable, Sendable {
    case exists(Bool, source: AnswerSource)
    case stat(PathStatus)
    case list(Listing)
    /// The work that answered; `nil`: the relay.
    case echo(by: WorkName?)
    case share(Shared)
    case fetch(Fetched)
    /// What became of each path that was to be persisted.
    case persist([Receipt])
    case artifacts(ArtifactsListing)
    /// The work's root directory.
    case attach(root: PathName)
    indirect case call(CallResult)
    case error(BatonError)

    var type: FrameType {
        switch self {
        case .exists: .existsReply
        case .stat: .statReply
        case .list: .listReply
        case .echo: .echoReply
        case .share: .shareReply
        case .fetch: .fetchReply
        case .persist: .persistReply
        case .artifacts: .artifactsReply
        case .attach: .attachReply
        case .call: .callReply
        case .error: .error
        }
    }

    /// Whether this can be the answer to a request of this type. ERROR answers all; END, on the lane, a GET that went well.
    func answers(_ request: FrameType) -> Bool {
        switch self {
        case .exists: request == .exists || request == .wait
        case .stat: request == .stat
        case .list: request == .list
        case .echo: request == .echo
        case .share: request == .share
        case .fetch: request == .fetch
        case .persist: request == .persist
        case .artifacts: request == .artifacts
        case .attach: request == .attach
        case .call: request == .call
        case .error: true
        }
    }

    init(_ type: FrameType, _ fields: inout PayloadReader) throws(ProtocolViolation) {
        switch type {
        case .existsReply:
            let exists = try fields.flag("exists")
            let isStored = try fields.isStored()
            self = .exists(exists, source: try fields.source(isStored: isStored))
        case .statReply: self = .stat(try PathStatus(&fields))
        case .listReply: self = .list(try Listing(&fields))
        case .echoReply: self = .echo(by: try fields.name("answered_by"))
        case .shareReply: self = .share(try Shared(&fields))
        case .fetchReply: self = .fetch(try Fetched(&fields))
        case .persistReply: self = .persist(try Receipt.list(&fields))
        case .artifactsReply: self = .artifacts(try ArtifactsListing(&fields))
        case .attachReply:
            let root = try fields.path("root")
            guard root.isAbsolute else { throw fields.malformed("root", "is not absolute") }
            self = .attach(root: root)
        case .callReply: self = .call(try CallResult(&fields))
        case .error: self = .error(try BatonError(&fields))
        default: throw ProtocolViolation(.unexpectedFrame, "\(type) is no reply")
        }
    }

    func write(to buffer: inout ByteBuffer) {
        switch self {
        case .exists(let exists, let source):
            buffer.write(exists)
            buffer.writeInteger(source.wireValue)
            buffer.write(generationOf: source)
        case .stat(let status): status.write(to: &buffer)
        case .list(let listing): listing.write(to: &buffer)
        case .echo(let work): buffer.write(work)
        case .share(let shared): shared.write(to: &buffer)
        case .fetch(let fetched): fetched.write(to: &buffer)
        case .persist(let receipts): Receipt.write(receipts, to: &buffer)
        case .artifacts(let listing): listing.write(to: &buffer)
        case .attach(let root): buffer.write(root)
        case .call(let result): result.write(to: &buffer)
        case .error(let error): error.write(to: &buffer)
        }
    }
}

extension BatonError {
    /// ERROR: code u16, said_by u8, path bytes16, message text16, and uncovered u8 if that is 1 (chapter 8). An empty path
    /// stands for none.
    init(_ fields: inout PayloadReader) throws(ProtocolViolation) {
        let code = ErrorCode(rawValue: try fields.integer("code"))
        let source: Source = try fields.value("said_by")
        let path = try fields.path("path")
        let message = try fields.text("message", length: UInt16.self, atMost: Limits.text)
        self.init(code, message, path: path.isRoot ? nil : path, saidBy: source)
        isUncovered = fields.isAtEnd ? false : try fields.flag("uncovered")
        guard !isUncovered || mayBeUncovered else { throw fields.malformed("uncovered", "does not fit the code") }
    }

    /// Only an owner can say of a path that nothing of its own covers it.
    private var mayBeUncovered: Bool { saidBy == .owner && (code == .notFound || code == .notShared) }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(code.rawValue, saidBy.rawValue)
        buffer.write(path ?? .root)
        buffer.write(text: message, length: UInt16.self, atMost: Limits.text)
        if isUncovered && mayBeUncovered { buffer.write(true) }
    }
}
