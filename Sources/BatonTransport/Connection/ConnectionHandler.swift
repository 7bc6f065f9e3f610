import BatonProtocol
import BatonTLS
import Logging
import NIOCore

/// Drives one connection of any kind: cuts frames, greets, keeps it alive, and says why when it ends. What lies beyond that it
/// hands to its owner.
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Judges the peer's certificate, before any frame.
    typealias Recognize = @Sendable (PeerCertificate) throws(ProtocolViolation) -> Void
    /// Judges the peer's first frame.
    typealias Admit = @Sendable (Greeting) throws(ProtocolViolation) -> Admission

    private enum State {
        case greeting(Admit)
        case open(any ConnectionOwner)
        /// GOAWAY is on its way; what still comes in is thrown away.
        case closing
        case ended
    }

    private var state: State
    private var decoder: FrameDecoder
    private var machine: ConnectionMachine
    private let kind: ConnectionKind?
    private let role: ConnectionRole
    /// What a dialer says first.
    private let greeting: Message?
    private let recognize: Recognize
    /// Told once why a connection ended before it had an owner.
    private let onRefusal: @Sendable (BatonError) -> Void

    private var certificate: PeerCertificate?
    /// When the connection was dialed or accepted.
    private let start: NIODeadline
    private var deadline: Scheduled<Void>?
    private var ticker: RepeatedTask?
    private var hasReceived = false
    private var hasSent = false
    private var isReading = false
    private var wantsFlush = false
    /// More has come than is taken up in one turn of the loop.
    private var isPaused = false
    /// The channel is gone; what came before is still taken up.
    private var isGone = false
    /// When the last GOAWAY has left: nothing is written behind it (SES-22).
    private var farewell: EventLoopFuture<Void>?
    private var reason: BatonError?

    /// - Parameters:
    ///   - kind: `nil` at a relay's door, where HELLO or JOIN may come.
    ///   - greeting: the dialer's first message; `nil` for an acceptor.
    ///   - keepalive: of the session that a lane joins, in milliseconds; on other connections their greeting tells it.
    ///   - start: when the connection was dialed or accepted.
    ///   - certificate: the peer's, if the TLS handshake is over.
    ///   - recognize: judges who the peer is as soon as its certificate is known.
    ///   - admit: judges the peer's first frame.
    ///   - onRefusal: told why the connection ended before it had an owner.
    init(
        kind: ConnectionKind?, greeting: Message?, keepalive: UInt32 = Limits.defaultKeepalive,
        start: NIODeadline = .now(), certificate: PeerCertificate? = nil,
        recognize: @escaping Recognize = { _ throws(ProtocolViolation) in },
        admit: @escaping Admit, onRefusal: @escaping @Sendable (BatonError) -> Void
    ) {
        self.kind = kind
        self.role = greeting == nil ? .acceptor : .dialer
        self.greeting = greeting
        self.start = start
        self.certificate = certificate
        self.recognize = recognize
        self.onRefusal = onRefusal
        state = .greeting(admit)
        decoder = FrameDecoder(connection: kind)
        machine = ConnectionMachine(kind: kind, role: role)
        machine.setKeepalive(keepalive)
    }

    /// For a lane that was greeted on another event loop.
    ///
    /// - Parameter keepalive: of its session, in milliseconds.
    init(greetedLane owner: any ConnectionOwner, keepalive: UInt32) {
        kind = .lane
        role = .acceptor
        greeting = nil
        start = .now()
        recognize = { _ throws(ProtocolViolation) in }
        onRefusal = { _ in }
        state = .open(owner)
        decoder = FrameDecoder(connection: .lane)
        decoder.isGreeted = true
        machine = ConnectionMachine(kind: .lane, role: .acceptor, isGreeted: true)
        machine.setKeepalive(keepalive)
    }

    // MARK: Life

    func handlerAdded(context: ChannelHandlerContext) {
        let loop = context.eventLoop
        let bound = NIOLoopBound((self, context), eventLoop: loop)
        ticker = loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            let (handler, context) = bound.value
            handler.tick(context)
        }
        guard case .greeting = state else { return }
        deadline = loop.scheduleTask(deadline: start + .seconds(Limits.greetingSeconds)) {
            let (handler, context) = bound.value
            handler.greetingIsLate(context)
        }
    }

    func channelActive(context: ChannelHandlerContext) {
        if let certificate {
            begin(with: certificate, context)
        } else if kind == .local {
            sayHello(context)
        }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let handshake = event as? TLSHandshakeCompleted { begin(with: handshake.peer, context) }
        context.fireUserInboundEventTriggered(event)
    }

    private func begin(with certificate: PeerCertificate, _ context: ChannelHandlerContext) {
        self.certificate = certificate
        do throws(ProtocolViolation) {
            try recognize(certificate)
            sayHello(context)
        } catch {
            close(context, error)
        }
    }

    private func sayHello(_ context: ChannelHandlerContext) {
        if let greeting, case .greeting = state { context.channel.send(greeting) }
    }

    private func greetingIsLate(_ context: ChannelHandlerContext) {
        guard case .greeting = state else { return }
        close(context, ProtocolViolation(.helloTimeout, "no greeting within \(Limits.greetingSeconds) seconds"))
    }

    private func tick(_ context: ChannelHandlerContext) {
        defer { (hasReceived, hasSent) = (false, false) }
        guard case .open(let owner) = state else { return }
        owner.tick()
        switch machine.tick(received: hasReceived, sent: hasSent) {
        case .none: break
        case .ping: context.channel.send(.ping(0))
        case .dead: close(context, ProtocolViolation(.keepaliveTimeout, "nothing came for three keepalive intervals"))
        }
    }

    // MARK: In

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isReading = true
        decoder.feed(unwrapInboundIn(data))
        if !isPaused { takeUp(context) }
    }

    /// What a peer asks for must not keep the loop from others, however much of it comes at once: the rest has to wait until they
    /// had their turn. (Lanes have loops of their own, and credit.)
    private static let framesPerTurn = 16
    /// As short as can be: what is due at once would be done before the loop looks at any other connection.
    private static let pause = TimeAmount.microseconds(50)

    private func takeUp(_ context: ChannelHandlerContext) {
        do throws(ProtocolViolation) {
            var count = 0
            while let frame = try nextFrame() {
                try receive(frame, context)
                count += 1
                if count >= Self.framesPerTurn, kind != .lane { return pause(context) }
            }
        } catch {
            close(context, error)
        }
    }

    private func pause(_ context: ChannelHandlerContext) {
        isPaused = true
        updateReading(context)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.pause) {
            let (handler, context) = bound.value
            handler.resume(context)
        }
    }

    private func resume(_ context: ChannelHandlerContext) {
        isPaused = false
        isReading = true
        takeUp(context)
        batchEnded(context)
        if isPaused { return }
        if isGone { end() } else { updateReading(context) }
    }

    private func updateReading(_ context: ChannelHandlerContext) {
        // Who does not take answers gets to ask no more: else they would pile up here. (Lanes have credit for that.)
        let reads = !isPaused && (kind == .lane || context.channel.isWritable)
        context.channel.setOption(.autoRead, value: reads).whenFailure { _ in }
    }

    private func nextFrame() throws(ProtocolViolation) -> Frame? {
        switch state {
        case .greeting, .open: try decoder.next()
        case .closing, .ended: nil
        }
    }

    private func receive(_ frame: Frame, _ context: ChannelHandlerContext) throws(ProtocolViolation) {
        switch try machine.receive(frame) {
        case .none: break
        case .greeting(let message): try admit(message, context)
        case .answer(let message): context.channel.send(message)
        case .deliver(let frame): if case .open(let owner) = state { try owner.received(frame) }
        case .pong(let opaque): if case .open(let owner) = state { owner.pong(opaque) }
        case .goAway(let goAway): receive(goAway, context)
        }
    }

    private func admit(_ message: Message, _ context: ChannelHandlerContext) throws(ProtocolViolation) {
        guard case .greeting(let admit) = state else { return }
        if case .join = message, !decoder.isEmpty {
            throw ProtocolViolation(.unexpectedFrame, "a frame followed JOIN at once")
        }
        decoder.isGreeted = true
        switch message {
        case .hello(let hello):
            decoder.connection = kind ?? .control
            machine.setKeepalive(hello.keepalive)
        case .welcome(let welcome): machine.setKeepalive(welcome.keepalive)
        default: break
        }
        let greeting = Greeting(message: message, certificate: certificate, channel: context.channel)
        switch try admit(greeting) {
        case .owned(let owner):
            deadline?.cancel()
            state = .open(owner)
        case .moved(let move):
            stopTimers()
            state = .ended
            move.perform(on: context)
        }
    }

    private func receive(_ goAway: GoAway, _ context: ChannelHandlerContext) {
        let sentence = Escaping.printable(goAway.message)
        let error = BatonError(goAway.code, "the other side ended the connection: \(sentence)", saidBy: .relay)
        if case .open(let owner) = state {
            owner.goAway(goAway)
            // A lane has no streams of its own to let finish: any GOAWAY is its end.
            if goAway.code == .shutdown, kind != .lane { return }
        }
        reason = reason ?? error
        context.close(promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Also if it was only a part of a TLS record (SES-21).
        hasReceived = true
        batchEnded(context)
        context.fireChannelReadComplete()
    }

    private func batchEnded(_ context: ChannelHandlerContext) {
        isReading = false
        if case .open(let owner) = state { owner.batchEnded() }
        if wantsFlush {
            wantsFlush = false
            context.flush()
        }
    }

    // MARK: Out

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard farewell == nil else {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        hasSent = true
        context.write(data, promise: promise)
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard let last = event as? Farewell else {
            return context.triggerUserOutboundEvent(event, promise: promise)
        }
        if farewell == nil {
            let left = context.eventLoop.makePromise(of: Void.self)
            farewell = left.futureResult
            context.writeAndFlush(wrapOutboundOut(last.frame), promise: left)
        }
        farewell?.cascade(to: promise)
    }

    /// Answers to one batch of frames leave together.
    func flush(context: ChannelHandlerContext) {
        if isReading { wantsFlush = true } else { context.flush() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if kind != .lane { updateReading(context) }
        if context.channel.isWritable, case .open(let owner) = state { owner.becameWritable() }
        context.fireChannelWritabilityChanged()
    }

    // MARK: End

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        reason = reason ?? BatonError(connection: error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    /// Says why, then closes; the peer has a second to read it.
    private func close(_ context: ChannelHandlerContext, _ violation: ProtocolViolation) {
        switch state {
        case .closing, .ended: return
        case .greeting, .open: break
        }
        reason = reason ?? BatonError(violation.code, violation.message)
        let goAway = GoAway(code: violation.code, message: violation.message)
        isReading = false
        context.channel.sendAndClose(goAway)
        finish()
        state = .closing
    }

    private func end() {
        isGone = true
        if isPaused { return }
        finish()
        state = .ended
    }

    /// Tells whoever waits, once.
    private func finish() {
        stopTimers()
        let error = reason ?? BatonError(.interrupted, "the connection was closed by the other side")
        switch state {
        case .greeting: onRefusal(error)
        case .open(let owner):
            // What came before the end counts, also if it came with it.
            owner.batchEnded()
            owner.ended(error)
        case .closing, .ended: break
        }
    }

    private func stopTimers() {
        deadline?.cancel()
        ticker?.cancel()
    }
}

/// The last frame of a connection, as an event: only the handler can tell that nothing is written behind it.
private struct Farewell: Sendable {
    let frame: ByteBuffer
}

extension Channel {
    /// Sends GOAWAY, nothing after it, and closes once it has left, or after two seconds if it cannot leave.
    func sendAndClose(_ goAway: GoAway) {
        var buffer = allocator.buffer(capacity: 256)
        buffer.writeFrame(.goAway(goAway))
        let force = eventLoop.scheduleTask(in: .seconds(2)) { self.close(promise: nil) }
        triggerUserOutboundEvent(Farewell(frame: buffer)).whenComplete { _ in
            force.cancel()
            self.close(promise: nil)
        }
    }
}
