import BatonTLS
import NIOCore
import NIOEmbedded
import Testing

@Suite struct TransferTests {
    let authority: Authority

    init() throws {
        authority = try Authority()
    }

    /// Writes buffers of these sizes, flushing after every `flushEvery`, then closes at once. Returns what was sent.
    private func send(
        _ sizes: some Sequence<Int>, flushEvery: Int, over channel: any Channel, closing: Bool
    ) async throws -> (count: Int, digest: [UInt8]) {
        var digest = SHA256()
        var count = 0
        for (index, size) in sizes.enumerated() {
            let buffer = try randomBuffer(size)
            digest.update(buffer.readableBytesView)
            count += size
            channel.write(buffer, promise: nil)
            if index % flushEvery == flushEvery - 1 { channel.flush() }
        }
        channel.flush()
        if closing { channel.close(promise: nil) }
        return (count, digest.finalize())
    }

    @Test(.timeLimit(.minutes(1)))
    func `100 MB written right before a close arrive whole, and the end is clean`() async throws {
        let pair = try await SocketPair(authority)
        let sent = try await send(
            repeatElement(262_172, count: 400), flushEvery: 8, over: pair.client, closing: true)
        let got = try await pair.serverLog.end.get()
        #expect(sent.count > 100_000_000 && got.count == sent.count)
        #expect(got.digest == sent.digest)
        #expect(got.errors.isEmpty)
        #expect(try await pair.clientLog.end.get().errors.isEmpty)
    }

    @Test(.timeLimit(.minutes(1)))
    func `many small writes right before a close arrive whole and in order`() async throws {
        let pair = try await SocketPair(authority)
        let sent = try await send(
            (0..<50_000).map { $0 % 97 }, flushEvery: 13, over: pair.server, closing: true)
        let got = try await pair.clientLog.end.get()
        #expect(got.count == sent.count && got.digest == sent.digest)
        #expect(got.errors.isEmpty)
    }

    @Test(.timeLimit(.minutes(1)))
    func `large transfers in both directions at once arrive whole`() async throws {
        let sizes = [1, 28, 262_144, 16_383, 16_384, 16_385, 40, 5_000, 5_000, 5_000, 5_000, 700_001]
        let all = (0..<24).flatMap { _ in sizes }
        let total = all.reduce(0, +)
        let pair = try await SocketPair(authority, clientClosesAt: total)
        async let up = send(all, flushEvery: 5, over: pair.client, closing: false)
        async let down = send(all, flushEvery: 7, over: pair.server, closing: false)
        let (sentUp, sentDown) = try await (up, down)
        let gotDown = try await pair.clientLog.end.get()
        let gotUp = try await pair.serverLog.end.get()
        #expect(gotDown.digest == sentDown.digest && gotDown.errors.isEmpty)
        // The client closes when it has everything; what it had flushed before must have arrived as well.
        #expect(gotUp.digest == sentUp.digest && gotUp.errors.isEmpty)
    }

    @Test func `small neighbours share a record, and a large write is divided into full records`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.shakeHands()
        func records(_ sizes: [Int]) throws -> [Int] {
            for size in sizes {
                pair.client.channel.write(ByteBuffer(repeating: 7, count: size), promise: nil)
            }
            pair.client.channel.flush()
            var ciphertext = ByteBuffer()
            while let piece = try pair.client.takeCiphertext() { ciphertext.writeImmutableBuffer(piece) }
            pair.server.channel.pipeline.fireChannelRead(ciphertext)
            var lengths: [Int] = []
            while ciphertext.readableBytes > 0 {
                ciphertext.moveReaderIndex(forwardBy: 3)
                let length = ciphertext.readInteger(as: UInt16.self)
                lengths.append(try Int(#require(length)) - 17)
                ciphertext.moveReaderIndex(forwardBy: lengths[lengths.count - 1] + 17)
            }
            return lengths
        }
        #expect(try records([10, 20, 30]) == [60])
        #expect(try records([10_000, 10_000, 10_000]) == [16_384, 13_616])
        #expect(try records([28, 32_768, 28]) == [28, 16_384, 16_384, 28])
        #expect(try records([28, 28, 32_768]) == [56, 16_384, 16_384])
        #expect(try records([0, 5, 0]) == [5])
        #expect(try records([0]) == [])
        #expect(pair.server.recorder.received.readableBytes == 60 + 30_000 + 32_824 + 32_824 + 5)
    }

    @Test func `ciphertext leaves in buffers of at most 128 KiB`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.shakeHands()
        pair.client.channel.writeAndFlush(ByteBuffer(repeating: 1, count: 1 << 20), promise: nil)
        var sizes: [Int] = []
        while let piece = try pair.client.takeCiphertext() {
            sizes.append(piece.readableBytes)
            #expect(piece.storageCapacity <= 128 << 10)
            pair.server.channel.pipeline.fireChannelRead(piece)
        }
        #expect(sizes.count == 10)
        #expect(pair.server.recorder.received.readableBytes == 1 << 20)
    }

    @Test func `a buffer is not written again while the network still holds it`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.shakeHands()
        let first = try randomBuffer(1 << 20)
        let second = try randomBuffer(1 << 20)
        var held: [ByteBuffer] = []
        for sent in [first, second] {
            pair.client.channel.writeAndFlush(sent, promise: nil)
            while let piece = try pair.client.takeCiphertext() { held.append(piece) }
        }
        for piece in held { pair.server.channel.pipeline.fireChannelRead(piece) }
        var both = first
        both.writeImmutableBuffer(second)
        #expect(pair.server.recorder.received == both)
        #expect(pair.server.recorder.errors.isEmpty)
    }

    @Test func `one read of many records becomes one buffer`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.shakeHands()
        var reads: [Int] = []
        pair.server.recorder.onRead = { _, buffer in reads.append(buffer.readableBytes) }
        pair.client.channel.writeAndFlush(ByteBuffer(repeating: 1, count: 100_000), promise: nil)
        let ciphertext = try #require(try pair.client.takeCiphertext())
        pair.server.channel.pipeline.fireChannelRead(ciphertext)
        #expect(reads == [100_000])
    }

    @Test func `records that come in arbitrary pieces are put together`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.shakeHands()
        let sent = try randomBuffer(100_000)
        pair.client.channel.writeAndFlush(sent, promise: nil)
        while var ciphertext = try pair.client.takeCiphertext() {
            while ciphertext.readableBytes > 0 {
                let length = min(Int.random(in: 0..<5_000), ciphertext.readableBytes)
                let piece = ciphertext.readSlice(length: length)
                pair.server.channel.pipeline.fireChannelRead(try #require(piece))
            }
        }
        #expect(pair.server.recorder.received == sent)
    }

    @Test func `a promise is kept once all of its bytes have been written, in order`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.shakeHands()
        var kept: [Int] = []
        for (index, size) in [10, 0, 20, 300_000, 5, 200_000].enumerated() {
            let promise = pair.client.channel.eventLoop.makePromise(of: Void.self)
            promise.futureResult.assumeIsolated().whenSuccess { kept.append(index) }
            pair.client.channel.write(ByteBuffer(repeating: 1, count: size), promise: promise)
        }
        #expect(kept.isEmpty)
        pair.client.channel.flush()
        #expect(kept == [0, 1, 2, 3, 4, 5])
    }

    @Test func `a handler that writes from within a promise keeps the order`() throws {
        let pair = try EmbeddedPair(authority)
        try pair.shakeHands()
        let channel = pair.client.channel
        let promise = channel.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenSuccess {
            channel.writeAndFlush(ByteBuffer(string: "last"), promise: nil)
        }
        channel.write(ByteBuffer(string: "first "), promise: promise)
        channel.writeAndFlush(ByteBuffer(string: "second "), promise: nil)
        try pair.exchange()
        #expect(pair.server.received == "first second last")
    }

    @Test func `who reads by hand gets plaintext for every read`() async throws {
        let pair = try await SocketPair(authority, clientClosesAt: 6, clientReads: false)
        try await pair.clientLog.handshake.get()
        try await pair.server.writeAndFlush(ByteBuffer(string: "answer"))
        pair.client.read()
        #expect(try await pair.clientLog.end.get().start == Array("answer".utf8))
    }
}
