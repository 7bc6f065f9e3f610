import BatonProtocol
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import BatonTransport

@Suite("A connection that brings much at once leaves the loop to others in between")
struct TurnTests {
    private let owner = Recorder()
    private let channel = EmbeddedChannel()

    /// An open connection on which so many frames have come, in reads of so many bytes that follow each other at once.
    private func bring(_ count: UInt32, pieces: Int = .max) throws {
        let owner = owner
        let handler = ConnectionHandler(kind: .local, greeting: nil) { _ in
            .owned(owner)
        } onRefusal: { _ in
        }
        try channel.pipeline.syncOperations.addHandler(handler)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        var frames = ByteBuffer()
        frames.writeFrame(.hello(Hello(software: "")))
        for stream in 1...count { frames.writeFrame(.cancel(.cancelled), stream: stream) }
        while let piece = frames.readSlice(length: min(pieces, frames.readableBytes)), piece.readableBytes > 0 {
            channel.pipeline.fireChannelRead(piece)
        }
        channel.pipeline.fireChannelReadComplete()
    }

    @Test("Only a few are taken up in one turn, the rest in later ones")
    func turns() throws {
        try bring(100)
        #expect((1...16).contains(owner.streams.count))
        channel.embeddedEventLoop.run()
        #expect(owner.streams.count <= 16)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(owner.streams == Array(1...100))
        #expect(owner.end == nil)
    }

    @Test("What one turn leaves over and what is read behind it stay in order", arguments: [1, 7, 100, 301, 1000])
    func pieces(of size: Int) throws {
        try bring(100, pieces: size)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(owner.streams == Array(1...100))
        #expect(owner.end == nil)
    }

    @Test("What came before the end is taken up, and then the end")
    func end() throws {
        try bring(100)
        try channel.close().wait()
        #expect(owner.end == nil)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(owner.streams == Array(1...100))
        #expect(owner.end == .interrupted)
    }

    @Test("Nothing is taken up behind an error in between")
    func violation() throws {
        owner.refuses = 50
        try bring(100)
        channel.embeddedEventLoop.advanceTime(by: .seconds(3))
        #expect(owner.streams == Array(1...50))
        #expect(owner.end == .unexpectedFrame)
        #expect(!channel.isActive)
    }
}

private final class Recorder: ConnectionOwner {
    private struct State {
        var streams: [StreamID] = []
        var end: ErrorCode?
        var refuses: StreamID?
    }

    private let state = Mutex(State())

    var streams: [StreamID] { state.withLock { $0.streams } }
    var end: ErrorCode? { state.withLock { $0.end } }
    /// The stream whose frame is an error.
    var refuses: StreamID? {
        get { state.withLock { $0.refuses } }
        set { state.withLock { $0.refuses = newValue } }
    }

    func received(_ frame: Frame) throws(ProtocolViolation) {
        state.withLock { $0.streams.append(frame.stream) }
        if frame.stream == refuses { throw ProtocolViolation(.unexpectedFrame, "not this") }
    }

    func ended(_ error: BatonError) {
        state.withLock { state in
            #expect(state.end == nil)
            state.end = error.code
        }
    }

    func batchEnded() {}
    func pong(_ opaque: UInt64) {}
    func goAway(_ goAway: GoAway) {}
    func becameWritable() {}
    func tick() {}
}
