import BatonAgent
import BatonProtocol
import BatonRelay
import BatonTLS
import BatonTransport
import Logging
import SystemPackage

/// All parts of an app in one process: the same relay, agents and connections as on many machines, with certificates that last as long
/// as the run.
struct LocalRun<Main: Flow>: Sendable {
    /// The app's name.
    let name: String
    let flow: Main
    let root: FilePath
    let keepWithin: Duration
    let logger: Logger

    /// - Parameter shutdown: when it returns, the flow is cancelled; then everything ends.
    func run(until shutdown: @escaping @Sendable () async -> Void) async throws {
        let cast = try Cast(of: flow)
        let secrets = try TemporaryRoot(prefix: "\(name)-certs")
        let flowRoot = try TemporaryRoot(prefix: "\(name)-flow")
        defer {
            secrets.remove()
            flowRoot.remove()
        }
        // As long as any run may last: nobody renews these, and nobody but this process has them.
        let authority = try LocalAuthority(lifetime: .seconds(3650 * 86_400))
        let relay = try makeRelay(authority, secrets.path)
        let flowName = flowName(beside: cast)
        let outcome = try await serving { onReady, end in
            try await relay.run(onReady: onReady, until: end)
        } _: { (address: RelayAddress) in
            try await withThrowingDiscardingTaskGroup(returning: Result<Void, any Error>.self) { group in
                let ends = cast.members.map { _ in Inbox<Void>() }
                for (member, end) in zip(cast.members, ends) {
                    let place = root.appending(member.name.description)
                    let agent = try makeAgent(member.name.description, at: address, place, authority, secrets.path)
                    group.addTask {
                        try await agent.run { socket in
                            let part = WorkPart(member: member, keepWithin: keepWithin, logger: logger)
                            try await part.run(socket: socket) { _ = try? await end.next() }
                        }
                    }
                }
                let agent = try makeAgent(flowName, at: address, flowRoot.path, authority, secrets.path)
                let outcome: Result<Void, any Error>
                do {
                    outcome = .success(
                        try await agent.run { socket in
                            try await FlowPart(flow: flow, logger: logger).run(socket: socket, until: shutdown)
                        })
                } catch {
                    outcome = .failure(error)
                }
                // Also when the flow has failed, the works end in peace: what they leave behind is kept.
                for end in ends { end.push([()]) }
                return outcome
            }
        }
        try outcome.get()
    }

    private func makeRelay(_ authority: LocalAuthority, _ secrets: FilePath) throws -> Relay {
        let credentials = try authority.issueRelay(into: secrets.appending("relay").string)
        guard let address = RelayAddress("127.0.0.1:0") else { throw CallError(.internal, "there is no loopback") }
        return Relay(
            Relay.Configuration(
                address: address, credentials: credentials, store: root.appending(LocalRun.storeName), bulkThreads: 1),
            logger: logger)
    }

    /// No work can be called so.
    private static var storeName: String { "@relay" }

    private func makeAgent(
        _ work: String, at address: RelayAddress, _ root: FilePath, _ authority: LocalAuthority, _ secrets: FilePath
    ) throws -> EmbeddedAgent {
        let identity = try WorkIdentity(app: name, work: work)
        let credentials = try authority.issueWork(identity, into: secrets.appending("work-\(work)").string)
        var configuration = Agent.Configuration(relay: address, credentials: credentials, root: root)
        configuration.persistWithin = keepWithin
        var logger = logger
        logger[metadataKey: "part"] = "\(work)"
        return EmbeddedAgent(configuration, logger: logger)
    }

    /// The flow needs an identity of its own.
    private func flowName(beside cast: Cast) -> String {
        cast["flow"] == nil ? "flow" : "flow-of-\(cast.members.count)"
    }
}
