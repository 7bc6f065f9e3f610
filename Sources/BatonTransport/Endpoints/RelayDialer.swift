public import BatonProtocol
public import BatonTLS
public import NIOCore
import NIOPosix

/// Where a relay listens.
public struct RelayAddress: Hashable, Sendable, CustomStringConvertible {
    public let host: String
    public let port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Parses `HOST:PORT` or `[IPV6]:PORT`; `nil` if it is neither.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard digits.allSatisfy(\.isNumber), let port = UInt16(digits) else { return nil }
        var host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        guard !host.isEmpty, !host.contains(where: { $0.isWhitespace || "[]".contains($0) }) else { return nil }
        guard isBracketed || !host.contains(":") else { return nil }
        self.init(host: String(host), port: Int(port))
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Dials a relay: the control connection first, lanes when data is to move.
public struct RelayDialer: Sendable {
    public let address: RelayAddress
    private let context: TLSContext
    private let software: String
    private let keepalive: UInt32

    /// - Parameter keepalive: what is proposed to the relay, in milliseconds.
    public init(
        address: RelayAddress, context: TLSContext, software: String, keepalive: UInt32 = Limits.defaultKeepalive
    ) {
        self.address = address
        self.context = context
        self.software = software
        self.keepalive = keepalive
    }

    /// Opens a session. Its delegate is told first, with the ticket of its first lane.
    ///
    /// - Throws: `unreachable`, `identityRefused` and the other codes of chapter 3, saying which relay.
    public func openSession(
        on loop: any EventLoop, delegate: any SessionDelegate
    ) async throws(BatonError) -> Session {
        let opened = loop.makePromise(of: Session.self)
        let handler: @Sendable () -> ConnectionHandler = {
            ConnectionHandler(kind: .control, greeting: .hello(Hello(software: software, keepalive: keepalive))) {
                greeting throws(ProtocolViolation) in
                guard case .welcome(let welcome) = greeting.message else {
                    throw ProtocolViolation(.helloExpected, "no welcome came")
                }
                guard welcome.version == Limits.version else {
                    throw ProtocolViolation(.versionMismatch, "the relay speaks version \(welcome.version)")
                }
                try welcome.checkCapabilities()
                let peer = SessionPeer(
                    app: welcome.app, work: welcome.work, epoch: welcome.session, address: "\(address)",
                    software: welcome.software)
                let session = Session(
                    channel: greeting.channel, role: .dialer, side: .owner, peer: peer,
                    allowedByPeer: welcome.maxStreams, keepalive: welcome.keepalive, delegate: delegate)
                delegate.session(session, beganWith: welcome.ticket)
                opened.succeed(session)
                return .owned(session)
            } onRefusal: {
                opened.fail($0)
            }
        }
        return try await dial(ClientBootstrap(group: loop).controlOptions(), handler, opened)
    }

    /// Opens a lane of `session` on `loop`.
    ///
    /// - Parameter onEnd: told when the lane is lost after it was open.
    /// - Throws: as ``openSession(on:delegate:)``; `badTicket` if the ticket is used or late.
    public func openLane(
        of session: Session, ticket: [UInt8], on loop: any EventLoop,
        onEnd: @escaping @Sendable (Lane, BatonError) -> Void
    ) async throws(BatonError) -> Lane {
        let opened = loop.makePromise(of: Lane.self)
        let handler: @Sendable () -> ConnectionHandler = {
            ConnectionHandler(kind: .lane, greeting: .join(Join(ticket: ticket)), keepalive: session.keepalive) {
                greeting throws(ProtocolViolation) in
                guard case .joined = greeting.message else {
                    throw ProtocolViolation(.helloExpected, "the relay did not join the lane")
                }
                let lane = Lane(
                    channel: greeting.channel, session: session, peerName: "the relay at \(address)", side: .local,
                    onEnd: onEnd)
                opened.succeed(lane)
                return .owned(lane)
            } onRefusal: {
                opened.fail($0)
            }
        }
        return try await dial(ClientBootstrap(group: loop).laneOptions(), handler, opened)
    }

    private func dial<Opened: Sendable>(
        _ bootstrap: ClientBootstrap, _ makeHandler: @escaping @Sendable () -> ConnectionHandler,
        _ opened: EventLoopPromise<Opened>
    ) async throws(BatonError) -> Opened {
        do {
            _ =
                try await bootstrap
                .connectTimeout(.seconds(Limits.greetingSeconds))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let connection = try context.makeConnection(peerName: address.host)
                        try channel.pipeline.syncOperations.addHandler(TLSHandler(connection: connection))
                        try channel.pipeline.syncOperations.addHandler(makeHandler())
                    }
                }
                .connect(host: address.host, port: address.port)
                .get()
        } catch {
            let failure = BatonError(connection: error)
            opened.fail(failure)
            throw BatonError(failure.code, "cannot reach the relay at \(address): \(failure.message)")
        }
        do {
            return try await opened.futureResult.get()
        } catch {
            let failure = BatonError(connection: error)
            throw BatonError(failure.code, "the relay at \(address) cannot be used: \(failure.message)")
        }
    }
}
