import BatonClient
import BatonFiles
import BatonProtocol
import BatonTransport
import Logging
import SystemPackage

/// The flow, beside an agent through which it calls.
struct FlowPart<Main: Flow>: Sendable {
    let flow: Main
    let logger: Logger

    /// - Parameter shutdown: when it returns, the flow is cancelled.
    func run(socket: String, until shutdown: @escaping @Sendable () async -> Void) async throws {
        let agent = try await connect(socket)
        do {
            let system = BatonSystem(caller: Caller(agent: agent), place: nil)
            for member in try Cast(of: flow).members { try member.remote.bind(to: system, as: member.name) }
            try await untilToldToEnd(shutdown) { try await flow.run() }
        } catch {
            await agent.close()
            throw error
        }
        await agent.close()
    }
}

/// One work, beside the agent that serves its files.
struct WorkPart: Sendable {
    let member: Cast.Member
    let keepWithin: Duration
    let logger: Logger

    /// - Parameters:
    ///   - onReady: called once the work can be called.
    ///   - shutdown: when it returns, the call that runs is cancelled, and the work ends.
    func run(
        socket: String, onReady: @escaping @Sendable () -> Void = {},
        until shutdown: @escaping @Sendable () async -> Void
    ) async throws {
        let calls = Inbox<CallEvent>()
        let agent = try await connect(socket, calls: calls)
        do {
            guard agent.work == member.name else {
                throw CallError(
                    .unsupported,
                    "the agent at \(socket) is that of work '\(agent.work)', not of '\(member.name)': take the certificate of '\(member.name)'",
                    work: member.name.description)
            }
            // Whoever attaches takes calls: first the work must be there.
            let root = try await agent.attach(takingCalls: false, within: .seconds(10))
            let context = WorkContext(work: member.name, root: FilePath(bytes: root.bytes), agent: agent)
            let place = WorkPlace(context, keepWithin: keepWithin)
            let system = BatonSystem(caller: Caller(agent: agent), place: place)
            let runner = try runner(of: member.remote.type, system, place)
            defer { system.release() }
            try await runner.prepare()
            _ = try await agent.attach(takingCalls: true, within: .seconds(10))
            onReady()
            try await CallHost(runner: runner).run(calls, until: shutdown)
        } catch {
            await agent.close()
            throw error
        }
        await agent.close()
    }

    private func runner<Hosted: Work>(
        of type: Hosted.Type, _ system: BatonSystem, _ place: WorkPlace
    ) throws(CallError) -> any CallRunner {
        try WorkRunner(type, system: system, place: place, logger: logger)
    }
}

private func connect(_ socket: String, calls: Inbox<CallEvent>? = nil) async throws(BatonError) -> AgentClient {
    try await AgentClient.connect(socket: socket, software: "Baton", calls: calls)
}
