import BatonTLS
import NIOCore
import NIOPosix
import Synchronization

/// A connection on which a test says what it likes, byte for byte: over TLS with a certificate, or over bare TCP.
final class RawPeer: Sendable {
    private let channel: any Channel
    private let record: Record
    /// So many that one peer with a lot to say does not hold up those of other tests.
    private static let loops = MultiThreadedEventLoopGroup(numberOfThreads: 16)

    private init(channel: any Channel, record: Record) {
        self.channel = channel
        self.record = record
    }

    deinit { close() }

    /// Closes as TLS has it, after what was sent.
    func close() { channel.close(promise: nil) }

    /// - Parameters:
    ///   - address: `HOST:PORT`
    ///   - certificates: a directory; `nil` for TCP without TLS.
    ///   - isSilent: leave PINGs without an answer.
    static func dial(_ address: String, certificates: String?, isSilent: Bool = false) async throws -> RawPeer {
        let parts = address.split(separator: ":")
        guard parts.count == 2, let port = Int(parts[1]) else { throw Failure("'\(address)' is no address") }
        let host = String(parts[0])
        let context = try certificates.map {
            try TLSContext(
                role: .client, credentials: TLSCredentials(directory: $0), applicationProtocol: "baton/1")
        }
        let record = Record()
        let channel = try await ClientBootstrap(group: RawPeer.loops)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let context {
                        try pipeline.addHandler(TLSHandler(connection: context.makeConnection(peerName: host)))
                    }
                    try pipeline.addHandler(Recorder(record, isSilent: isSilent))
                }
            }
            .connect(host: host, port: port).get()
        return RawPeer(channel: channel, record: record)
    }

    /// Speaks to an agent as a program on its machine does.
    static func dial(socket: String) async throws -> RawPeer {
        let record = Record()
        let channel = try await ClientBootstrap(group: RawPeer.loops)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Recorder(record, isSilent: false))
                }
            }
            .connect(unixDomainSocketPath: socket).get()
        return RawPeer(channel: channel, record: record)
    }

    func send(_ frames: RawFrame...) { send(frames.flatMap(\.bytes)) }

    func send(_ bytes: [UInt8]) { channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }

    /// The next frame but PING.
    func frame(within limit: Duration = .seconds(20)) async throws -> RawFrame {
        var frame: RawFrame?
        try await eventually("a frame from the other side", within: limit) {
            frame = self.record.nextFrame()
            guard frame != nil || !self.record.isClosed else {
                throw Failure("the connection was closed before a frame came: \(self.record.failure ?? "no error")")
            }
            return frame != nil
        }
        guard let frame else { throw Failure("no frame came") }
        return frame
    }

    /// The next frame, which must be of this type.
    func frame(_ type: UInt8, within limit: Duration = .seconds(20)) async throws -> RawFrame {
        let frame = try await frame(within: limit)
        guard frame.type == type else { throw Failure("expected a frame of type \(type), got \(frame)") }
        return frame
    }

    /// Waits until the other side has closed.
    func closed(within limit: Duration = .seconds(20)) async throws {
        try await eventually("the end of the connection", within: limit) { self.record.isClosed }
    }

    /// Whether something has come that was not taken yet.
    var hasFrame: Bool { record.hasFrame }
    var isClosed: Bool { record.isClosed }

    /// Says hello and takes the welcome.
    func greet(_ hello: RawFrame = .hello()) async throws -> RawFrame {
        send(hello)
        return try await frame(RawFrame.welcome)
    }
}

/// What a connection has brought.
private final class Record: Sendable {
    private struct State {
        var bytes: [UInt8] = []
        var frames: [RawFrame] = []
        var isClosed = false
        var failure: String?
    }

    private let state = Mutex(State())

    /// - Returns: the PINGs among the frames that are now whole; the others are kept.
    func note(_ bytes: [UInt8]) -> [RawFrame] {
        state.withLock { state in
            state.bytes += bytes
            var pings: [RawFrame] = []
            while let frame = RawFrame.take(from: &state.bytes) {
                if frame.type == RawFrame.ping.type { pings.append(frame) } else { state.frames.append(frame) }
            }
            return pings
        }
    }

    func note(_ error: any Error) { state.withLock { $0.failure = $0.failure ?? "\(error)" } }
    func noteClose() { state.withLock { $0.isClosed = true } }

    var isClosed: Bool { state.withLock { $0.isClosed } }
    var failure: String? { state.withLock { $0.failure } }

    var hasFrame: Bool { state.withLock { !$0.frames.isEmpty } }

    func nextFrame() -> RawFrame? {
        state.withLock { $0.frames.isEmpty ? nil : $0.frames.removeFirst() }
    }
}

private final class Recorder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let record: Record
    private let isSilent: Bool

    init(_ record: Record, isSilent: Bool) {
        self.record = record
        self.isSilent = isSilent
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        for ping in record.note(Array(unwrapInboundIn(data).readableBytesView)) where !isSilent {
            var pong = ping
            pong.type = RawFrame.pong
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: pong.bytes)), promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        record.note(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { record.noteClose() }
}
