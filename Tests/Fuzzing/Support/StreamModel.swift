import BatonProtocol

@testable import BatonProtocol

/// What chapter 4 says of the streams of a session: the table is compared with it after each step.
struct StreamModel {
    private let role: ConnectionRole
    private let allowedToPeer: Int
    private(set) var ours: [StreamID: FrameType] = [:]
    private(set) var theirs: [StreamID: FrameType] = [:]
    private var cancelled: Set<StreamID> = []
    private var lastOfOurs: StreamID = 0
    private var lastOfTheirs: StreamID = 0
    /// Of the second that runs.
    private var (opens, cancels, lateFrames) = (0, 0, 0)

    init(role: ConnectionRole, allowedToPeer: UInt16) {
        self.role = role
        self.allowedToPeer = Int(allowedToPeer)
    }

    private func isOurs(_ stream: StreamID) -> Bool { (stream % 2 == 1) == (role == .dialer) }

    mutating func open(_ stream: StreamID?, _ type: FrameType, allowed: UInt16) throws(Finding) {
        try expect(
            (stream == nil) == (ours.count >= Int(allowed)), "\(ours.count) of \(allowed) open, and \(stream ?? 0)")
        guard let stream else { return }
        try expect(isOurs(stream) && stream > lastOfOurs, "stream \(stream) is ours after \(lastOfOurs)")
        lastOfOurs = stream
        ours[stream] = type
    }

    mutating func settle(_ stream: StreamID) { ours[stream] = nil }

    mutating func finish(_ stream: StreamID, _ wasOpen: Bool) throws(Finding) {
        try expect((theirs.removeValue(forKey: stream) != nil) == wasOpen, "stream \(stream) is finished: \(wasOpen)")
        cancelled.remove(stream)
    }

    mutating func tick() { (opens, cancels, lateFrames) = (0, 0, 0) }

    mutating func judge(_ frame: Frame, _ event: StreamTable.Event, isDraining: Bool) throws(Finding) {
        if frame.type == .cancel { cancels += 1 }
        switch event {
        case .opened(let stream, let request):
            try take(stream, frame)
            try expect(request.type == frame.type, "\(request.type) is opened by \(frame.type)")
            try expect(!isDraining && theirs.count < allowedToPeer, "stream \(stream) is one too many")
            theirs[stream] = request.type
        case .refused(let stream):
            try take(stream, frame)
            try expect(isDraining || theirs.count >= allowedToPeer, "stream \(stream) is refused")
        case .replied(let stream, let reply):
            let request = ours.removeValue(forKey: stream)
            let isFitting = request.map(reply.answers) ?? false
            try expect(isFitting && reply.type == frame.type, "\(frame.type) answers \(String(describing: request))")
        case .progress(let stream, _):
            let isFitting = [.fetch, .persist].contains(ours[stream]) && frame.type == .progress
            try expect(isFitting, "\(frame.type) on stream \(stream)")
        case .reported(let stream, _):
            try expect(ours[stream] == .get && frame.type == .report, "\(frame.type) on stream \(stream)")
        case .cancelled(let stream, _):
            let isFirst = theirs[stream] != nil && cancelled.insert(stream).inserted
            try expect(isFirst && frame.type == .cancel, "stream \(stream) is cancelled")
        case .credit(let stream, _):
            try expect(theirs[stream] == .get && frame.type == .credit, "\(frame.type) on stream \(stream)")
        case .ticket: try expect(role == .dialer && frame.type == .ticket, "\(frame.type) is a ticket")
        case .late:
            lateFrames += 1
            try expect(wasOpened(frame.stream) && !isOpen(frame), "\(frame.type) on stream \(frame.stream) is late")
        }
        try expect(cancels <= 1024 && opens <= 16_384 && lateFrames <= 16_384, "a flood is taken")
    }

    func judge(_ frame: Frame, _ violation: ProtocolViolation) throws(Finding) {
        let stream = frame.stream
        let isFitting =
            switch violation.code {
            case .malformed: true
            case .badStream: frame.type.isRequest ? isOurs(stream) : !wasOpened(stream) || !isOfRightSide(frame)
            case .streamReused: frame.type.isRequest && !isOurs(stream) && stream <= lastOfTheirs
            case .unexpectedFrame:
                !frame.type.isRequest && (isOutOfPlace(frame) || ours[stream] ?? theirs[stream] != nil)
            case .flood: cancels >= 1024 || opens >= 16_384 || lateFrames >= 16_384
            default: false
            }
        try expect(isFitting, "\(violation) for \(frame.type) on stream \(stream)")
    }

    /// Nothing is forgotten, and nothing kept.
    func judge(_ table: StreamTable) throws(Finding) {
        try expect(table.isIdle == (ours.isEmpty && theirs.isEmpty), "isIdle is \(table.isIdle)")
        try expect(table.lastPeerStream == lastOfTheirs, "the peer's last stream is \(table.lastPeerStream)")
        for stream in theirs.keys { try expect(table.isServing(stream), "stream \(stream) is not served") }
        try expect(theirs.count <= allowedToPeer, "\(theirs.count) streams of \(allowedToPeer)")
    }

    private mutating func take(_ stream: StreamID, _ frame: Frame) throws(Finding) {
        opens += 1
        try expect(frame.stream == stream && frame.type.isRequest, "\(frame.type) opens stream \(stream)")
        try expect(!isOurs(stream) && stream > lastOfTheirs, "stream \(stream) is opened after \(lastOfTheirs)")
        lastOfTheirs = stream
    }

    private func wasOpened(_ stream: StreamID) -> Bool {
        stream > 0 && stream <= (isOurs(stream) ? lastOfOurs : lastOfTheirs)
    }

    private func isOfRightSide(_ frame: Frame) -> Bool {
        isOurs(frame.stream) != [.cancel, .credit].contains(frame.type)
    }

    /// On any stream: no frame of a session's streams, or a ticket from a dialer.
    private func isOutOfPlace(_ frame: Frame) -> Bool {
        let isOfStreams = (0x20...0x33).contains(frame.type.rawValue)
        return !isOfStreams && (frame.type != .ticket || role == .acceptor)
    }

    private func isOpen(_ frame: Frame) -> Bool {
        ours[frame.stream] != nil || theirs[frame.stream] != nil && !cancelled.contains(frame.stream)
    }
}
