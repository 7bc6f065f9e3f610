import BatonProtocol
import NIOCore

/// One side of a connection: what comes in as bytes goes through decoder, machine and streams, each step judged by a model.
struct Side {
    private var decoder: FrameDecoder
    private var machine: ConnectionMachine
    private var model: ConnectionModel
    /// What the frames of a session are for; `nil`: for nobody.
    var streams: Streams?

    init(kind: ConnectionKind?, role: ConnectionRole, isGreeted: Bool) {
        decoder = FrameDecoder(connection: kind)
        decoder.isGreeted = isGreeted
        machine = ConnectionMachine(kind: kind, role: role, isGreeted: isGreeted)
        model = ConnectionModel(kind: kind, role: role, isGreeted: isGreeted)
    }

    /// Takes the next step that an input says.
    ///
    /// - Returns: whether the connection goes on.
    mutating func step(_ choices: inout Choices) throws(Finding) -> Bool {
        let step = choices.byte()
        switch step & 7 {
        case 0, 1, 2:
            let count = Int(choices.integer(as: UInt16.self))
            return try feed(choices.bytes(count))
        case 3:
            // Many seconds at once: what takes long is to be reached by short inputs.
            for _ in 0...(step & 64 != 0 ? choices.byte() : 0) {
                let (received, sent) = (step & 16 != 0, step & 32 != 0)
                let action = machine.tick(received: received, sent: sent)
                streams?.tick()
                try model.judge(action, received: received, sent: sent)
                if action == .dead { return false }
            }
        case 4: settle(keepalive: choices.integer(as: UInt32.self) >> (step >> 3))
        default: try streams?.act(step, &choices)
        }
        return true
    }

    /// The step of an input by which these bytes come in.
    static func step(feeding bytes: [UInt8]) -> [UInt8] {
        [0, UInt8(truncatingIfNeeded: bytes.count >> 8), UInt8(truncatingIfNeeded: bytes.count)] + bytes
    }

    private mutating func settle(keepalive: UInt32) {
        machine.setKeepalive(keepalive)
        model.settle(keepalive: keepalive)
    }

    private mutating func feed(_ bytes: [UInt8]) throws(Finding) -> Bool {
        decoder.feed(ByteBuffer(bytes: bytes))
        while true {
            let next: Frame?
            do throws(ProtocolViolation) { next = try decoder.next() } catch { return false }
            guard let next else { return true }
            guard try take(next) else { return false }
        }
    }

    private mutating func take(_ frame: Frame) throws(Finding) -> Bool {
        let action: ConnectionMachine.Action
        do throws(ProtocolViolation) { action = try machine.receive(frame) } catch {
            try model.judge(frame, error)
            return false
        }
        try model.judge(frame, action)
        switch action {
        case .greeting(let greeting):
            // As the programs do: a relay learns what the connection is, the cap is lifted, WELCOME settles the interval.
            if decoder.connection == nil { decoder.connection = greeting.type == .join ? .lane : .control }
            decoder.isGreeted = true
            if case .welcome(let welcome) = greeting { settle(keepalive: welcome.keepalive) }
        case .deliver(let frame): return try streams?.receive(frame) ?? true
        case .none, .answer, .pong, .goAway: break
        }
        return true
    }
}
