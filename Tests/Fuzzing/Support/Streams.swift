import BatonProtocol

@testable import BatonProtocol

/// The streams of one session, and the model that they are compared with.
struct Streams {
    private var table: StreamTable
    private var model: StreamModel

    init(role: ConnectionRole, allowedToPeer: UInt16) {
        table = StreamTable(role: role, allowedToPeer: allowedToPeer)
        table.allowedByPeer = 4
        model = StreamModel(role: role, allowedToPeer: allowedToPeer)
    }

    /// Something that this side's own program does.
    mutating func act(_ step: UInt8, _ choices: inout Choices) throws(Finding) {
        let number = Int(step >> 3)
        switch step & 7 {
        case 5:
            let request = Streams.requests[number % Streams.requests.count]
            try model.open(table.open(request), request.type, allowed: table.allowedByPeer)
        case 6:
            let stream = someStream(&choices)
            try model.finish(stream, table.finish(stream))
        default:
            switch number & 3 {
            case 0:
                let stream = someStream(&choices)
                table.settle(stream)
                model.settle(stream)
            case 1: table.isDraining.toggle()
            default: table.allowedByPeer = UInt16(choices.byte()) / 16
            }
        }
    }

    /// A frame of the peer.
    ///
    /// - Returns: whether the session goes on.
    mutating func receive(_ frame: Frame) throws(Finding) -> Bool {
        let event: StreamTable.Event
        do throws(ProtocolViolation) { event = try table.receive(frame) } catch {
            try model.judge(frame, error)
            return false
        }
        try model.judge(frame, event, isDraining: table.isDraining)
        return true
    }

    /// Whether table and model agree on what is open now.
    func judge() throws(Finding) { try model.judge(table) }

    mutating func tick() {
        table.tick()
        model.tick()
    }

    /// One that is open, one that was, the peer's next, or any.
    func someStream(_ choices: inout Choices) -> StreamID {
        let known = model.ours.keys.sorted() + model.theirs.keys.sorted()
        let number = choices.byte()
        if number < 128, !known.isEmpty { return known[Int(number) % known.count] }
        if number < 224 { return table.lastPeerStream &+ 2 &- StreamID(number & 3) }
        return choices.integer()
    }

    static let requests: [Request] = {
        let get = GetOptions(credit: Limits.smallestWindow)
        let values = CallValues()
        let call = CallOrder(
            id: [UInt8](repeating: 1, count: 16), build: [UInt8](repeating: 2, count: 32), method: "m", values: values,
            runSeconds: 1)
        let operations: [Request.Operation] = [
            .exists, .stat(digest: true), .list(after: [], limit: 1), .get(get), .echo, .wait, .persist(all: true),
            .artifacts(ArtifactsQuery(.list)), .share, .fetch(Request.Destination()), .attach(takesCalls: true),
            .call(call),
        ]
        return operations.map { Request($0, deadline: 1000, origin: try? WorkName("w")) }
    }()

    /// What a peer may say on a stream, and what not.
    static let messages: [Message] = {
        let replies: [Reply] = [
            .exists(true, source: .live), .list(Listing(items: [], more: false)), .echo(by: nil), .persist([]),
            .artifacts(ArtifactsListing(items: [])), .attach(root: (try? PathName("/".utf8)) ?? .root),
            .call(CallResult(values: CallValues())), .error(BatonError(.notFound, "no")),
        ]
        return requests.map { .request($0) } + replies.map { .reply($0) } + [
            .cancel(.cancelled), .cancel(.deadline), .credit(1), .credit(.max),
            .progress(Progress(bytesIn: 1, bytesOut: 1, entries: 1, waiting: .nothing)),
            .report(HopReport(hop: .owner, waiting: .credit, bytes: 1)), .ticket([UInt8](repeating: 3, count: 32)),
            .ping(1), .end(TreeEnd(entries: 0, bytes: 0, skipped: 0)), .again(1),
        ]
    }()
}
