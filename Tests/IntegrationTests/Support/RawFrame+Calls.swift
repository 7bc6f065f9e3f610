/// ATTACH, CALL and their replies, written and read by hand after chapter 13 of `Protocol/`.
extension RawFrame {
    static let attachReply: UInt8 = 0x2A
    static let call: UInt8 = 0x1B
    static let callReply: UInt8 = 0x2B

    static func attach(options: UInt8 = 1, deadline: UInt32 = 20_000, stream: UInt32) -> RawFrame {
        RawFrame(type: 0x1A, stream: stream, payload: deadline.wire + [options])
    }

    /// A path that a call names.
    struct Named: Equatable {
        var origin: String
        var path: String
    }

    /// What a CALL says. Each has an id of its own unless it is given one.
    struct Call: Equatable {
        var work: String
        var id = (0..<16).map { _ in UInt8.random(in: .min ... .max) }
        var isAgain = false
        var build = [UInt8](repeating: 7, count: 32)
        var method = "run"
        var references: [Named] = []
        var arguments: [UInt8] = []
        var deadline: UInt32 = 20_000
        var seconds: UInt32 = 60

        func frame(stream: UInt32) -> RawFrame {
            RawFrame(
                type: RawFrame.call, stream: stream,
                payload: deadline.wire + short(work) + seconds.wire + [isAgain ? 1 : 0] + [UInt8(id.count)] + id
                    + [UInt8(build.count)] + build + long(method) + RawFrame.list(references)
                    + UInt32(arguments.count).wire + arguments)
        }

        /// It as it is once a hop has passed it on: with less time left.
        func with(deadline: UInt32) -> Call {
            var call = self
            call.deadline = deadline
            return call
        }
    }

    /// What a CALL_REPLY says.
    struct Answer: Equatable {
        var outcome: UInt8 = 1
        var error = ""
        var message = ""
        var references: [Named] = []
        var value: [UInt8] = []

        func frame(stream: UInt32) -> RawFrame {
            RawFrame(
                type: RawFrame.callReply, stream: stream,
                payload: [outcome] + long(error) + long(message) + RawFrame.list(references)
                    + UInt32(value.count).wire + value)
        }
    }

    private static func list(_ references: [Named]) -> [UInt8] {
        UInt16(references.count).wire + references.flatMap { short($0.origin) + long($0.path) }
    }

    /// A CALL, read.
    var call: Call {
        var rest = payload[...]
        let deadline = UInt32(wire: rest.take(4))
        let work = rest.takeShort()
        let seconds = UInt32(wire: rest.take(4))
        let options = rest.take(1)
        let (id, build) = (Array(rest.takeShort()), Array(rest.takeShort()))
        let method = rest.takeLong()
        let references = rest.takeList()
        return Call(
            work: String(decoding: work, as: UTF8.self), id: id, isAgain: options.first == 1, build: build,
            method: String(decoding: method, as: UTF8.self), references: references,
            arguments: Array(rest.dropFirst(4)), deadline: deadline, seconds: seconds)
    }

    /// A CALL_REPLY, read.
    var answer: Answer {
        var rest = payload[...]
        let outcome = rest.take(1).first ?? 0
        let (error, message) = (rest.takeLong(), rest.takeLong())
        let references = rest.takeList()
        return Answer(
            outcome: outcome, error: String(decoding: error, as: UTF8.self),
            message: String(decoding: message, as: UTF8.self), references: references,
            value: Array(rest.dropFirst(4)))
    }

    /// The root in an ATTACH_REPLY.
    var rootOfAttachReply: String { String(decoding: payload.dropFirst(2), as: UTF8.self) }
}

extension ArraySlice<UInt8> {
    fileprivate mutating func take(_ count: Int) -> ArraySlice<UInt8> {
        defer { self = dropFirst(count) }
        return prefix(count)
    }

    fileprivate mutating func takeShort() -> ArraySlice<UInt8> { take(Int(take(1).first ?? 0)) }
    fileprivate mutating func takeLong() -> ArraySlice<UInt8> { take(Int(UInt16(wire: take(2)))) }

    fileprivate mutating func takeList() -> [RawFrame.Named] {
        (0..<UInt16(wire: take(2))).map { _ in
            RawFrame.Named(
                origin: String(decoding: takeShort(), as: UTF8.self), path: String(decoding: takeLong(), as: UTF8.self))
        }
    }
}
