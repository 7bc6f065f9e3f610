import BatonTLS
import NIOCore
import NIOPosix
import Testing

/// What reached the end of a channel on a real socket: readable from any thread.
final class SocketLog: Sendable {
    let handshake: EventLoopFuture<Void>
    fileprivate let shaken: EventLoopPromise<Void>
    /// The digest and the count of the bytes received, and every error, once the channel has closed.
    let end: EventLoopFuture<Summary>
    fileprivate let ended: EventLoopPromise<Summary>

    struct Summary: Sendable {
        var count = 0
        var digest: [UInt8] = []
        /// The first bytes received.
        var start: [UInt8] = []
        var errors: [String] = []
        var codes: [TLSError.Code] = []
    }

    init(_ loop: any EventLoop) {
        shaken = loop.makePromise()
        handshake = shaken.futureResult
        ended = loop.makePromise()
        end = ended.futureResult
    }
}

/// Writes to a ``SocketLog`` and, if it is told to, closes once so many bytes have come.
final class SocketRecorder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let log: SocketLog
    private let closesAt: Int?
    private var digest = SHA256()
    private var summary = SocketLog.Summary()

    init(_ log: SocketLog, closesAt: Int? = nil) {
        self.log = log
        self.closesAt = closesAt
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        summary.count += buffer.readableBytes
        if summary.start.count < 64 {
            summary.start += buffer.readableBytesView.prefix(64 - summary.start.count)
        }
        digest.update(buffer.readableBytesView)
        if summary.count == closesAt {
            context.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is TLSHandshakeCompleted { log.shaken.succeed() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        summary.errors.append("\(error)")
        if let error = error as? TLSError { summary.codes.append(error.code) }
        log.shaken.fail(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        summary.digest = digest.finalize()
        log.shaken.fail(ChannelError.ioOnClosedChannel)
        log.ended.succeed(summary)
    }
}

/// A client and a server over a loopback socket, each on an event loop of its own.
struct SocketPair: Sendable {
    let client: any Channel
    let server: any Channel
    let clientLog: SocketLog
    let serverLog: SocketLog

    /// So many loops that tests do not share one: a loop that is busy for another test looks like a peer that stands still.
    static let group = MultiThreadedEventLoopGroup(numberOfThreads: 16)

    /// - Parameters:
    ///   - clientClosesAt: the client closes when it has received so many bytes; likewise the server.
    ///   - clientReads: whether the client reads by itself.
    init(
        _ authority: Authority, clientCredentials: TLSCredentials? = nil, clientClosesAt: Int? = nil,
        serverClosesAt: Int? = nil, clientReads: Bool = true
    ) async throws {
        let serverContext = try TLSContext(
            role: .server, credentials: authority.relay(), applicationProtocol: testProtocol)
        let clientContext = try TLSContext(
            role: .client, credentials: clientCredentials ?? authority.work(), applicationProtocol: testProtocol)
        let serverLoop = Self.group.next()
        let clientLoop = Self.group.next()
        let serverLog = SocketLog(serverLoop)
        let clientLog = SocketLog(clientLoop)
        let accepted = serverLoop.makePromise(of: (any Channel).self)
        let listener = try await ServerBootstrap(group: serverLoop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let connection = try serverContext.makeConnection(peerName: nil)
                    try channel.pipeline.syncOperations.addHandlers([
                        TLSHandler(connection: connection), SocketRecorder(serverLog, closesAt: serverClosesAt),
                    ])
                    accepted.succeed(channel)
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        client = try await ClientBootstrap(group: clientLoop)
            .channelOption(.autoRead, value: clientReads)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let connection = try clientContext.makeConnection(peerName: "127.0.0.1")
                    try channel.pipeline.syncOperations.addHandlers([
                        TLSHandler(connection: connection), SocketRecorder(clientLog, closesAt: clientClosesAt),
                    ])
                }
            }
            .connect(to: #require(listener.localAddress)).get()
        server = try await accepted.futureResult.get()
        try await listener.close()
        self.clientLog = clientLog
        self.serverLog = serverLog
    }
}

/// A buffer of bytes that no mistake in a transfer can leave as they were.
func randomBuffer(_ count: Int) throws -> ByteBuffer {
    try ByteBuffer(bytes: randomBytes(count))
}
