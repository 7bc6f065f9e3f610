import BatonTLS
import NIOCore
import NIOEmbedded

let testProtocol = "baton/1"

/// One side of a connection on an `EmbeddedChannel`.
final class EmbeddedSide {
    let channel = EmbeddedChannel()
    let recorder = Recorder()
    let handler: TLSHandler

    init(_ connection: TLSConnection) throws {
        handler = TLSHandler(connection: connection)
        try channel.pipeline.syncOperations.addHandlers([handler, recorder])
    }

    convenience init(
        _ role: TLSRole, _ credentials: TLSCredentials, applicationProtocol: String = testProtocol,
        dialled: String = "localhost"
    ) throws {
        let context = try TLSContext(role: role, credentials: credentials, applicationProtocol: applicationProtocol)
        try self.init(context.makeConnection(peerName: role == .client ? dialled : nil))
    }

    deinit {
        // A channel that is not finished keeps itself and its handlers alive, which would hide a leak.
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }

    func activate() throws {
        try channel.connect(to: SocketAddress(unixDomainSocketPath: "/test")).wait()
    }

    /// Ciphertext for the other side.
    func takeCiphertext() throws -> ByteBuffer? {
        try channel.readOutbound(as: ByteBuffer.self)
    }

    /// All that is on its way, as one piece.
    func takeAllCiphertext() throws -> ByteBuffer {
        var all = ByteBuffer()
        while let piece = try takeCiphertext() { all.writeImmutableBuffer(piece) }
        return all
    }

    func receive(_ ciphertext: ByteBuffer) {
        channel.pipeline.fireChannelRead(ciphertext)
        channel.pipeline.fireChannelReadComplete()
    }

    func write(_ text: String) {
        channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
    }

    var received: String { String(buffer: recorder.received) }
}

/// A client and a server whose network is this loop.
struct EmbeddedPair {
    let client: EmbeddedSide
    let server: EmbeddedSide

    init(client: EmbeddedSide, server: EmbeddedSide) {
        self.client = client
        self.server = server
    }

    init(_ authority: Authority) throws {
        try self.init(
            client: EmbeddedSide(.client, authority.work()), server: EmbeddedSide(.server, authority.relay()))
    }

    func shakeHands() throws {
        try server.activate()
        try client.activate()
        try exchange()
    }

    /// Carries ciphertext until neither side has any. A closed side gets none, like a closed socket.
    func exchange() throws {
        var isMoving = true
        while isMoving {
            isMoving = false
            for (from, to) in [(client, server), (server, client)] {
                while let ciphertext = try from.takeCiphertext() {
                    isMoving = true
                    if to.channel.isActive { to.receive(ciphertext) }
                }
                to.channel.embeddedEventLoop.run()
            }
        }
    }
}
