import BatonProtocol
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import BatonTransport

@Suite("A connection ends with its GOAWAY")
struct FarewellTests {
    /// A lane in the middle of a network that takes nothing yet.
    private func lane() throws -> (channel: EmbeddedChannel, network: SlowNetwork) {
        let network = SlowNetwork()
        let handler = ConnectionHandler(greetedLane: Nobody(), keepalive: Limits.defaultKeepalive)
        let channel = EmbeddedChannel(handlers: [network, handler])
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        return (channel, network)
    }

    @Test("Nothing is written behind GOAWAY, also while it waits for the network")
    func nothingBehind() throws {
        let (channel, network) = try lane()
        channel.send(.ping(1))
        channel.sendAndClose(GoAway(code: .malformed, message: ""))
        channel.send(.ping(2))
        channel.sendAndClose(GoAway(code: .internal, message: ""))
        #expect(network.types == [.ping, .goAway])
        #expect(channel.isActive)
        network.takeAll()
        channel.embeddedEventLoop.run()
        #expect(!channel.isActive)
    }

    @Test("A lane ends with any GOAWAY that comes, also with one that lets streams of a session finish")
    func laneEnds() throws {
        let (channel, network) = try lane()
        var frame = ByteBuffer()
        frame.writeFrame(.goAway(GoAway(code: .shutdown, message: "")))
        try channel.writeInbound(frame)
        channel.embeddedEventLoop.run()
        #expect(!channel.isActive)
        #expect(network.types == [])
    }

    @Test("Who makes the frames of a stream is told at once that it has ended, though the network takes nothing")
    func toldAtOnce() async throws {
        let channel = NIOAsyncTestingChannel()
        try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).get()
        let work = try WorkName("work")
        let peer = SessionPeer(app: work, work: work, epoch: 1, address: "", software: "")
        let session = Session(
            channel: channel, role: .acceptor, side: .relay, peer: peer, allowedByPeer: 1, delegate: NoDelegate())
        let lane = Lane(channel: channel, session: session, peerName: "", side: .relay) { _, _ in }
        let told = Mutex<[BatonError?]>([])
        let observer = OutflowObserver { _ in
        } ended: { error in
            told.withLock { $0.append(error) }
        }
        lane.open(1, limit: 1 << 20, observer: observer)
        let skipped = SkippedEntry(reason: .socket, path: try PathName(Array("a".utf8)))
        lane.enqueue(LaneBurst(.skipped(skipped), on: 1, allocator: channel.allocator), on: 1)
        await channel.testingEventLoop.run()
        #expect(try await channel.readOutbound(as: ByteBuffer.self) != nil)

        try await channel.testingEventLoop.executeInContext { channel.isWritable = false }
        let error = BatonError(.deadline, "nothing was taken")
        lane.end(1, with: error)
        await channel.testingEventLoop.run()
        #expect(told.withLock { $0 } == [error])
        #expect(try await channel.readOutbound(as: ByteBuffer.self) == nil)

        try await channel.testingEventLoop.executeInContext {
            channel.isWritable = true
            lane.becameWritable()
        }
        let frame = try await channel.readOutbound(as: ByteBuffer.self)
        #expect(frame?.getInteger(at: 4, as: UInt8.self) == FrameType.error.rawValue)
        #expect(told.withLock { $0 } == [error])
    }
}

/// Keeps what is written until it is told to take it.
private final class SlowNetwork: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    private var waiting: [(frame: ByteBuffer, promise: EventLoopPromise<Void>?)] = []

    var types: [FrameType?] {
        waiting.map { $0.frame.getInteger(at: 4, as: UInt8.self).flatMap(FrameType.init(rawValue:)) }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        waiting.append((unwrapOutboundIn(data), promise))
    }

    func takeAll() {
        for (_, promise) in waiting { promise?.succeed() }
    }
}

private final class NoDelegate: SessionDelegate {
    func session(_ session: Session, received request: Request, on stream: StreamID) {}
    func session(_ session: Session, cancelled stream: StreamID, because code: ErrorCode) {}
    func session(_ session: Session, granted limit: UInt64, to stream: StreamID) {}
    func session(_ session: Session, received ticket: [UInt8]) {}
    func session(_ session: Session, received goAway: GoAway) {}
    func sessionEnded(_ session: Session, _ error: BatonError) {}
}
