public import BatonProtocol
public import BatonTLS
public import Logging
import NIOCore
import NIOPosix

/// Judges who may come in; called on the control loop.
public protocol Doorkeeper: AnyObject, Sendable {
    /// Judges the certificate of a connection whose handshake is over, before any frame. On a Unix socket there is none.
    ///
    /// - Throws: what to say in the GOAWAY that refuses the connection.
    func recognize(_ certificate: PeerCertificate) throws(ProtocolViolation)
    /// - Throws: what to say in the GOAWAY that refuses the connection.
    func admit(_ greeting: Greeting) throws(ProtocolViolation) -> Admission
}

extension Doorkeeper {
    public func recognize(_ certificate: PeerCertificate) throws(ProtocolViolation) {}
}

/// Accepts agents over TLS. Handshakes happen on the bulk loops; then all are greeted on the control loop, from where lanes move on.
public struct RelayListener: Sendable {
    private let channel: any Channel

    /// Listens.
    ///
    /// - Throws: `unreachable` if the address cannot be listened on.
    public static func listen(
        on address: RelayAddress, loops: EventLoops, context: TLSContext, doorkeeper: any Doorkeeper, logger: Logger
    ) async throws(BatonError) -> RelayListener {
        let door = Door(loop: loops.control, context: context, doorkeeper: doorkeeper, logger: logger)
        let bootstrap = ServerBootstrap(group: loops.control, childGroup: loops.bulkGroup)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.recvAllocator, value: ChannelSettings.controlReceiveBuffer)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try door.receive(channel) }
            }
        do {
            return RelayListener(channel: try await bootstrap.bind(host: address.host, port: address.port).get())
        } catch {
            throw BatonError(.unreachable, "cannot listen on \(address): \(reason(error))")
        }
    }

    /// Where it listens, with the port that was picked.
    public var port: Int { channel.localAddress?.port ?? 0 }

    /// Takes no further connections; those that are open stay.
    public func close() async {
        try? await channel.close()
    }
}

/// Sees each new connection from its first byte to its greeting.
private struct Door: Sendable {
    let loop: any EventLoop
    let context: TLSContext
    let doorkeeper: any Doorkeeper
    let logger: Logger
    let unknown = UnknownPeers(limit: 2048)
    let refusals = RefusalLog()

    func receive(_ channel: any Channel) throws {
        let accepted = NIODeadline.now()
        var logger = logger
        logger[metadataKey: "peer"] = "\(channel.remoteAddress?.description ?? "unknown")"
        let entered = unknown.enter { channel.pipeline.fireUserInboundEventTriggered(HandshakeHandler.Displaced()) }
        guard let place = entered else {
            refusals.note(BatonError(.tooManyConnections, "too many are not greeted yet"), logger)
            throw ChannelError.alreadyClosed
        }
        let refused: @Sendable (BatonError) -> Void = { [logger] error in
            place.leave()
            refusals.note(error, logger)
        }
        let handler = HandshakeHandler(loop: loop, place: place) { certificate in
            ConnectionHandler(kind: nil, greeting: nil, start: accepted, certificate: certificate) {
                certificate throws(ProtocolViolation) in
                try doorkeeper.recognize(certificate)
            } admit: { greeting throws(ProtocolViolation) in
                let admission = try doorkeeper.admit(greeting)
                place.leave()
                return admission
            } onRefusal: {
                refused($0)
            }
        } onRefusal: {
            refused($0)
        }
        do {
            let connection = try context.makeConnection(peerName: nil)
            try channel.pipeline.syncOperations.addHandler(TLSHandler(connection: connection))
            try channel.pipeline.syncOperations.addHandler(handler)
        } catch {
            place.leave()
            logger.error("cannot serve a connection: \(error)")
            throw error
        }
    }
}
