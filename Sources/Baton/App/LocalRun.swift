import BatonAgent
import BatonProtocol
import BatonRelay
import BatonTLS
import BatonTransport
import Logging
import SystemPackage

/// All parts of an app in one process: the same relay, agents and connections as on many machines, with certificates that last as long
/// as the run.
struct LocalRun<Program: App>: Sendable {
    let app: Program
    let root: FilePath
    let options: PartOptions
    let logger: Logger

    /// - Parameter shutdown: when it returns, the flow is cancelled; then everything ends.
    func run(until shutdown: @escaping @Sendable () async -> Void) async throws {
        let flow = app.flow
        let cast = try Cast(of: flow)
        let secrets = try TemporaryRoot(prefix: "\(app.name)-certs")
        let flowRoot = try TemporaryRoot(prefix: "\(app.name)-flow")
        defer {
            secrets.remove()
            flowRoot.remove()
        }
        let authority = try LocalAuthority()
        let relay = try await makeRelay(authority, secrets.path)
        let name = flowName(beside: cast)
        try await serving { onReady, end in
            try await relay.run(onReady: onReady, until: end)
        } _: { (address: RelayAddress) in
            let end = Inbox<Void>()
            try await withThrowingDiscardingTaskGroup { group in
                for member in cast.members {
                    let place = root.appending("\(member.name)")
                    let agent = try makeAgent(member.name.description, at: address, place, authority, secrets.path)
                    group.addTask {
                        try await agent.run { socket in
                            try await WorkPart(member: member, keepWithin: options.keepWithin, logger: logger)
                                .run(socket: socket) { _ = try? await end.next() }
                        }
                    }
                }
            }
        }
    }
}
