public import NIOCore

/// Puts TLS into a channel: ciphertext on the network's side, plaintext on the other.
///
/// - The handshake starts as soon as the channel is active, and has no deadline of its own. ``TLSHandshakeCompleted`` tells
///   that it is done; what is written before is kept until then.
/// - A failure is fired as an error, once, always a ``TLSError``. Then the channel is closed, after the alert that tells the
///   peer the reason.
/// - Closing the channel sends what has been flushed, then close_notify, then closes the output and waits for the peer to close
///   (what the kernel finds unread at a close destroys what is still on its way). The wait ends when for ``lingerTime`` neither
///   side has made progress. Closing it during the handshake closes at once.
/// - When the peer sends close_notify, the channel is closed: there is no half-closed state. When the peer's end comes without
///   close_notify, the error `truncated` is fired before the channel becomes inactive.
public final class TLSHandler: ChannelDuplexHandler, RemovableChannelHandler {
    /// Ciphertext from the network.
    public typealias InboundIn = ByteBuffer
    /// Plaintext of the peer.
    public typealias InboundOut = ByteBuffer
    /// Plaintext for the peer.
    public typealias OutboundIn = ByteBuffer
    /// Ciphertext for the network.
    public typealias OutboundOut = ByteBuffer

    /// How long a closing channel waits without progress.
    public static let lingerTime = TimeAmount.seconds(2)

    private enum State {
        /// Nothing has been said.
        case idle
        case handshaking
        case open
        /// Our last bytes are written. The channel closes when the peer does, or after a time.
        case closing
        /// The connection has been taken away, or the channel is closed: everything passes through or is refused.
        case inert
    }

    private var state = State.idle
    /// Nil once it has been taken away.
    private var connection: TLSConnection?
    private var plaintext = OutboundPlaintext()
    private var hasDelivered = false
    private var linger: Scheduled<Void>?
    /// Of whoever closes the channel: kept when the channel has closed.
    private var closePromise: EventLoopPromise<Void>?

    /// A handler for a connection on which nothing has been said yet, or for one that another handler has detached: then
    /// there is no handshake and no ``TLSHandshakeCompleted``.
    public init(connection: TLSConnection) {
        self.connection = connection
    }

    /// Takes the connection out of this handler, to be carried on by another one on another channel for the same socket. What has
    /// come and has not been delivered goes with it.
    ///
    /// Afterwards this handler passes nothing and adds nothing: the channel can be closed without close_notify. What the
    /// channel itself has not yet written to the socket is the caller's business.
    ///
    /// - Throws: ``TLSError`` `notDetachable` during the handshake, after a close or a failure, or if bytes for the peer wait in
    ///   here.
    public func detach() throws(TLSError) -> sending TLSConnection {
        guard state == .open, let connection else {
            throw TLSError(.notDetachable, "a TLS connection can be moved only while it is established")
        }
        guard plaintext.isEmpty, connection.ciphertextCount == 0 else {
            throw TLSError(.notDetachable, "a TLS connection cannot be moved while bytes wait in it for the peer")
        }
        state = .inert
        self.connection = nil
        // The handler was the only one to refer to the connection and has just forgotten it.
        nonisolated(unsafe) let detached = connection
        return detached
    }

    // MARK: Coming and going

    /// Starts the handshake if the channel is active already.
    public func handlerAdded(context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        start(context)
        // There may be no handler yet to deliver to.
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.execute {
            let (handler, context) = bound.value
            handler.deliverCarried(context)
        }
    }

    /// Starts the handshake.
    public func channelActive(context: ChannelHandlerContext) {
        start(context)
        context.fireChannelActive()
        deliverCarried(context)
    }

    /// What had come on the channel that the connection was taken from.
    private func deliverCarried(_ context: ChannelHandlerContext) {
        guard state == .open, let connection, connection.holdsInput else { return }
        proceed(context, connection)
        channelReadComplete(context: context)
    }

    /// Forgets the connection, without close_notify.
    public func handlerRemoved(context: ChannelHandlerContext) {
        if state == .closing {
            context.channel.close(promise: takeClosePromise())
        }
        end()
    }

    /// Fires `truncated` first if the peer has not announced the end.
    public func channelInactive(context: ChannelHandlerContext) {
        let wasHandshaking = state == .handshaking
        let isCutShort = wasHandshaking || state == .open
        end()
        if isCutShort {
            context.fireErrorCaught(Self.truncated(duringHandshake: wasHandshaking))
        }
        context.fireChannelInactive()
    }

    /// Takes the end of the input without close_notify for a truncated connection.
    public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event, state == .handshaking || state == .open {
            fail(context, Self.truncated(duringHandshake: state == .handshaking))
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func start(_ context: ChannelHandlerContext) {
        guard state == .idle, let connection else { return }
        if connection.isEstablished {
            state = .open
            encryptFlushed(context)
        } else {
            state = .handshaking
            // A server has nothing to say first, and what OpenSSL takes for a handshake (45 KB) a silent peer is not worth.
            if connection.speaksFirst { proceed(context, connection) }
            context.read()
        }
    }

    private func end() {
        state = .inert
        connection = nil
        linger?.cancel()
        linger = nil
        failWrites()
        takeClosePromise()?.succeed()
    }

    // MARK: Inbound

    /// Decrypts, or takes the handshake on.
    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let connection, state == .handshaking || state == .open else { return }
        connection.receive(unwrapInboundIn(data))
        proceed(context, connection)
    }

    /// Reads again if what came was no plaintext yet.
    public func channelReadComplete(context: ChannelHandlerContext) {
        if !hasDelivered, state != .inert {
            // Who reads by hand has asked for plaintext and got none: neither a part of a record nor a handshake counts.
            context.read()
        }
        hasDelivered = false
        context.fireChannelReadComplete()
    }

    private func proceed(_ context: ChannelHandlerContext, _ connection: TLSConnection) {
        if state == .handshaking {
            shakeHands(context, connection)
        }
        if state == .open {
            deliver(context, connection)
        }
        // What OpenSSL itself had to say: a flight of the handshake, an answer to a key update. A connection that has been
        // detached meanwhile may already be in use on another loop.
        if state != .inert, connection.ciphertextCount > 0 {
            emit(context, connection, promise: nil)
            context.flush()
        }
    }

    private func shakeHands(_ context: ChannelHandlerContext, _ connection: TLSConnection) {
        do throws(TLSError) {
            guard try connection.handshake(), let peer = connection.peer else { return }
            state = .open
            emit(context, connection, promise: nil)
            context.flush()
            context.fireUserInboundEventTriggered(TLSHandshakeCompleted(peer: peer))
            encryptFlushed(context)
        } catch {
            fail(context, error)
        }
    }

    private func deliver(_ context: ChannelHandlerContext, _ connection: TLSConnection) {
        // Every turn but the last takes a full buffer out of what has been received. Who receives one may close or detach.
        while state == .open {
            let (plaintext, outcome) = connection.decrypt(allocator: context.channel.allocator)
            if plaintext.readableBytes > 0 {
                hasDelivered = true
                context.fireChannelRead(wrapInboundOut(plaintext))
            }
            switch outcome {
            case .filled:
                continue
            case .needsCiphertext:
                return
            case .ended:
                if state == .open {
                    finish(context, peerHasEnded: true)
                }
                return
            case .failed(let error):
                fail(context, error)
                return
            }
        }
    }

    // MARK: Outbound

    /// Keeps plaintext until it is flushed.
    public func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch state {
        case .idle, .handshaking, .open:
            plaintext.append(unwrapOutboundIn(data), promise)
        case .closing, .inert:
            promise?.fail(
                TLSError(.closed, "the TLS connection has been closed on this side, nothing more can be written"))
        }
    }

    /// Encrypts what has been written and flushes it on.
    public func flush(context: ChannelHandlerContext) {
        plaintext.flush()
        encryptFlushed(context)
    }

    /// Encrypts what has been flushed and flushes it on.
    ///
    /// Small neighbours are gathered into one record, for each record has a price; large buffers are never copied.
    private func encryptFlushed(_ context: ChannelHandlerContext) {
        guard state == .open, let connection, plaintext.nextFlushedCount != nil else { return }
        connection.expectPlaintext(plaintext.flushedCount)
        do throws(TLSError) {
            var gathered = ByteBuffer()
            while let data = plaintext.popFlushed() {
                let isAlone = gathered.readableBytes == 0 && !Self.isSmall(plaintext.nextFlushedCount)
                if isAlone || !Self.isSmall(data.readableBytes) {
                    try encryptAndClear(&gathered, connection)
                    try connection.encrypt(data)
                } else {
                    try gather(data, into: &gathered, connection)
                }
                if gathered.readableBytes == 0, connection.ciphertextCount >= OutputBuffers.capacity {
                    emit(context, connection, promise: plaintext.takePromise())
                }
            }
            try encryptAndClear(&gathered, connection)
        } catch {
            fail(context, error)
            return
        }
        emit(context, connection, promise: plaintext.takePromise())
        context.flush()
    }

    private static func isSmall(_ count: Int?) -> Bool {
        count.map { $0 < CiphertextBIO.recordLimit } ?? false
    }

    private func gather(_ data: ByteBuffer, into gathered: inout ByteBuffer, _ connection: TLSConnection)
        throws(TLSError)
    {
        if gathered.capacity == 0 {
            gathered.reserveCapacity(min(CiphertextBIO.recordLimit, data.readableBytes + plaintext.flushedCount))
        }
        var data = data
        while data.readableBytes > 0 {
            let space = CiphertextBIO.recordLimit - gathered.readableBytes
            if let piece = data.readSlice(length: min(space, data.readableBytes)) {
                gathered.writeImmutableBuffer(piece)
            }
            if gathered.readableBytes == CiphertextBIO.recordLimit {
                try encryptAndClear(&gathered, connection)
            }
        }
    }

    private func encryptAndClear(_ gathered: inout ByteBuffer, _ connection: TLSConnection) throws(TLSError) {
        guard gathered.readableBytes > 0 else { return }
        try connection.encrypt(gathered)
        gathered.clear()
    }

    /// Writes the ciphertext there is; `promise` is completed with the last of it.
    private func emit(_ context: ChannelHandlerContext, _ connection: TLSConnection, promise: EventLoopPromise<Void>?) {
        while let ciphertext = connection.takeCiphertext() {
            let isLast = connection.ciphertextCount == 0
            context.write(wrapOutboundOut(ciphertext), promise: isLast ? promise : nil)
            if isLast { return }
        }
        if let promise {
            // Only empty buffers were written: their promise still has its place in the order.
            context.write(wrapOutboundOut(ByteBuffer()), promise: promise)
        }
    }

    // MARK: The end

    /// Closes the channel as the type describes; one direction alone cannot be closed.
    public func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .all else {
            promise?.fail(ChannelError.operationUnsupported)
            return
        }
        switch state {
        case .open:
            closePromise = promise
            finish(context, peerHasEnded: false)
        case .closing:
            if let closePromise {
                closePromise.futureResult.cascade(to: promise)
            } else {
                closePromise = promise
            }
        case .idle, .handshaking, .inert:
            state = .inert
            failWrites()
            context.close(mode: mode, promise: promise)
        }
    }

    /// Fires the error and closes the channel, once the peer has been told.
    private func fail(_ context: ChannelHandlerContext, _ error: TLSError) {
        guard state == .handshaking || state == .open else { return }
        finish(context, peerHasEnded: error.code == .truncated, failure: error)
    }

    /// Sends our last bytes and closes the channel when they have gone, and the peer has ended as well.
    private func finish(_ context: ChannelHandlerContext, peerHasEnded: Bool, failure: TLSError? = nil) {
        guard let connection else { return }
        state = .closing
        connection.shutDown()
        let written = context.eventLoop.makePromise(of: Void.self)
        emit(context, connection, promise: written)
        context.flush()
        failWrites(failure)
        if let failure {
            context.fireErrorCaught(failure)
        }
        written.futureResult.assumeIsolated().whenComplete { [self] _ in
            guard state == .closing else { return }
            if peerHasEnded {
                context.close(mode: .all, promise: takeClosePromise())
            } else {
                context.close(mode: .output, promise: nil)
                context.read()
            }
        }
        awaitEnd(context, buffered: .max)
    }

    /// Closes the channel when for a time the peer has neither taken bytes nor closed.
    private func awaitEnd(_ context: ChannelHandlerContext, buffered: Int) {
        guard state == .closing else { return }
        linger = context.eventLoop.assumeIsolated().scheduleTask(in: Self.lingerTime) { [self] in
            guard state == .closing else { return }
            let left = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
            if left < buffered, buffered != .max || left > 0 {
                awaitEnd(context, buffered: left)
            } else {
                context.close(mode: .all, promise: takeClosePromise())
            }
        }
    }

    private func takeClosePromise() -> EventLoopPromise<Void>? {
        defer { closePromise = nil }
        return closePromise
    }

    private func failWrites(_ error: TLSError? = nil) {
        let error = error ?? TLSError(.closed, "the TLS connection was closed before this was written")
        for promise in plaintext.takeAll() {
            promise.fail(error)
        }
    }

    private static func truncated(duringHandshake: Bool) -> TLSError {
        TLSError(
            .truncated,
            duringHandshake
                ? "the connection ended during the TLS handshake: the peer closed it or the network broke it"
                : "the connection ended without TLS's close_notify: what was received may be cut short")
    }
}
