public import BatonProtocol
public import BatonTransport
import NIOCore
import NIOPosix

/// Asks the agent on this machine, over its Unix socket; one connection, any number of requests at once.
///
/// All waits are bounded by the `within` of the call. Errors are ``BatonError``.
public final class AgentClient: Sendable {
    private let group: MultiThreadedEventLoopGroup
    let session: Session
    let transferGate = TransferGate(passes: 32)

    private init(group: MultiThreadedEventLoopGroup, session: Session) {
        self.group = group
        self.session = session
        executor = LoopTaskExecutor(loop: session.loop)
    }

    /// - Parameters:
    ///   - socket: path of the agent's socket.
    ///   - software: name and version of this program, for the agent's log.
    ///   - calls: where the calls go that come to this program once it has attached itself as the work's host.
    /// - Throws: `unreachable` if no agent answers there.
    public static func connect(
        socket: String, software: String = "baton", calls: Inbox<CallEvent>? = nil
    ) async throws(BatonError) -> AgentClient {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do throws(BatonError) {
            let session = try await LocalDialer.openSession(
                path: socket, on: group.next(), software: software, delegate: CallTaker(calls))
            return AgentClient(group: group, session: session)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// Closes the connection; requests that run are cancelled.
    public func close() async {
        try? await session.channel.close()
        try? await group.shutdownGracefully()
    }

    /// Whether the agent has closed the connection, or died: nothing more can be asked by this client.
    public var isGone: Bool { get async { await session.isOver } }

    /// Tasks that prefer this run on the connection's own thread and get each answer without a switch between threads. They must not
    /// block.
    public let executor: any TaskExecutor

    /// The work whose agent this is.
    public var work: WorkName { session.peer.work }

    /// Whether there is something at the path, at its origin, now; and who says so.
    public func exists(
        _ reference: Reference, within limit: Duration
    ) async throws(BatonError) -> (exists: Bool, source: AnswerSource) {
        guard case .exists(let exists, let source) = try await ask(.exists, reference, limit) else { throw oddAnswer }
        return (exists, source)
    }

    /// Waits until there is something at the path: a file that was closed after writing or renamed into place, or what is there already.
    /// Its work need not be there yet.
    ///
    /// - Throws: ``BatonError`` `deadline`, saying whether the path or its work was missing; `notShared` at once.
    public func wait(for reference: Reference, within limit: Duration) async throws(BatonError) {
        guard case .exists(true, _) = try await ask(.wait, reference, limit) else { throw oddAnswer }
    }

    /// What is at the path, at its origin, now.
    ///
    /// - Parameter digest: also the digest of chapter 11, which takes reading all of it.
    public func stat(_ reference: Reference, digest: Bool, within limit: Duration) async throws(BatonError)
        -> PathStatus
    {
        guard case .stat(let status) = try await ask(.stat(digest: digest), reference, limit) else { throw oddAnswer }
        return status
    }

    /// The next entries of a directory whose names come after `after`; ``Listing/more`` tells whether others follow.
    public func list(_ reference: Reference, after: [UInt8] = [], within limit: Duration) async throws(BatonError)
        -> Listing
    {
        let operation = Request.Operation.list(after: after, limit: .max)
        guard case .list(let listing) = try await ask(operation, reference, limit) else { throw oddAnswer }
        return listing
    }

    /// Copies what the path leads to onto this machine.
    ///
    /// - Parameters:
    ///   - destination: where to, and how.
    ///   - onProgress: called about once a second.
    public func get(
        _ reference: Reference, to destination: Request.Destination = Request.Destination(), within limit: Duration,
        onProgress: @escaping @Sendable (Progress) -> Void = { _ in }
    ) async throws(BatonError) -> Fetched {
        guard case .fetch(let fetched) = try await ask(.fetch(destination), reference, limit, onProgress) else {
            throw oddAnswer
        }
        return fetched
    }

    /// Declares a path of the agent's own work: from now on other works can get it.
    public func share(_ path: PathName, within limit: Duration) async throws(BatonError) -> Shared {
        guard case .share(let shared) = try await ask(.share, Reference(path: path), limit) else { throw oddAnswer }
        return shared
    }

    /// An answer and nothing else, from a work or, without one, from the relay.
    public func ping(_ work: WorkName?, within limit: Duration) async throws(BatonError) {
        guard case .echo = try await ask(.echo, Reference(origin: work, path: .root), limit) else { throw oddAnswer }
    }

    func ask(
        _ operation: Request.Operation, _ reference: Reference, _ limit: Duration,
        _ onProgress: @escaping @Sendable (Progress) -> Void = { _ in }
    ) async throws(BatonError) -> Reply {
        try await session.call(Request(operation, reference, within: limit), onProgress: onProgress)
    }

    var oddAnswer: BatonError { BatonError(.internal, "the agent answered something else than was asked") }
}

extension Request {
    init(_ operation: Operation, _ reference: Reference, within limit: Duration) {
        let (seconds, attoseconds) = limit.components
        let milliseconds = seconds.clamped(to: 0...86_400) * 1000 + attoseconds / 1_000_000_000_000_000
        self.init(operation, deadline: UInt32(clamping: milliseconds), origin: reference.origin, path: reference.path)
    }
}
