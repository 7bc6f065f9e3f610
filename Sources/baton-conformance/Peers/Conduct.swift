/// What the peer may not do in any case, judged frame by frame.
struct Conduct {
    private let layouts: Layouts
    /// Of the ids that the peer opens.
    private let peerIsDialer: Bool
    private var highestRequest: UInt32 = 0
    private var ended: Set<UInt32> = []
    private var hasSaidGoodbye = false

    init(peerIsDialer: Bool, _ layouts: Layouts) {
        self.peerIsDialer = peerIsDialer
        self.layouts = layouts
    }

    /// The rule that the header of a frame breaks, and how.
    func judge(header: ArraySlice<UInt8>, on kind: Connection.Kind) -> String? {
        let header = Array(header)
        let length = BigEndian.read(header[0..<4])
        let stream = BigEndian.read(header[8..<12])
        let cap: UInt64 = kind == .control || kind == .local ? 65_536 : 524_304
        guard length <= cap else { return "FRM-5: its length is above \(cap)" }
        guard let message = layouts.message(header[4]) else { return "FRM-6: type \(header[4])" }
        if header[5] & ~message.flags != 0 || header[6] != 0 || header[7] != 0 {
            return "FRM-4: reserved or flag bits are set"
        }
        if let name = kind.name, !message.connections.contains(name) {
            return "FRM-9: \(message.name) on a \(name) connection"
        }
        return (stream == 0) != (message.type < 0x10) ? "FRM-10: \(message.name) on stream \(stream)" : nil
    }

    /// The rule that a frame breaks after those before it.
    mutating func judge(_ frame: Frame, on kind: Connection.Kind) -> String? {
        guard let message = layouts.message(frame.type) else { return nil }
        guard !hasSaidGoodbye else { return "SES-22: \(message.name) after GOAWAY" }
        let types = layouts.types
        if frame.type == types.goaway, let code = layouts.code(frame) {
            hasSaidGoodbye = layouts.codeName(code) != "shutdown"
        }
        guard frame.stream != 0 else { return nil }
        if message.isRequest {
            guard frame.stream.isMultiple(of: 2) != peerIsDialer else {
                return "STR-1: \(message.name) on stream \(frame.stream)"
            }
            guard frame.stream > highestRequest else {
                return "STR-2: \(message.name) on stream \(frame.stream) after \(highestRequest)"
            }
            highestRequest = frame.stream
            return nil
        }
        // What was opened by the peer has CANCEL and CREDIT of it, and no end.
        guard frame.type != types.cancel, frame.type != types.credit else { return nil }
        guard !ended.contains(frame.stream) else {
            return "STR-7: \(message.name) after the end of stream \(frame.stream)"
        }
        if message.isTerminal || (kind == .lane && frame.type == types.end) { ended.insert(frame.stream) }
        return nil
    }
}

extension Layouts.Message {
    /// A reply or ERROR.
    var isTerminal: Bool { (0x20..<0x30).contains(type) }
}

extension Connection.Kind {
    /// As the layouts call it; nil while it is not known.
    var name: String? {
        switch self {
        case .unknown: nil
        case .control: "control"
        case .lane: "lane"
        case .local: "local"
        }
    }
}
