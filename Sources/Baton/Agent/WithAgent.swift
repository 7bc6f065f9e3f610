import BatonClient
import BatonFiles
import BatonProtocol
import SystemPackage

/// Runs the body in the name of the work whose agent answers at a socket: paths are those of that work, and the agent asks and gets for it
/// what others have. This is for programs that `baton-agent -- COMMAND` runs, and for those that run beside an agent.
///
/// ```swift
/// try await withAgent {
///     let checkpoints: Path = "lit://trainer@outputs/checkpoints"
///     try await checkpoints.get()
///     print(try checkpoints.list())
/// }
/// ```
///
/// - Parameters:
///   - socket: the agent's; unless given, `$BATON_SOCKET`, or `.baton/agent.sock` in the working directory or the nearest parent that
///     has one.
///   - isolation: where the body runs: where the caller does.
///   - body: what is done in the name of the work.
/// - Throws: what the body throws; ``PathError`` `unreachable` if no agent answers, `permission` if it is another user's.
public func withAgent<Result>(
    socket: String? = nil, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
) async throws -> Result {
    let agent: AgentClient
    do { agent = try await AgentClient.connect(socket: try AgentSocket.find(socket)) } catch {
        throw PathError(error, about: nil)
    }
    do {
        let context = try await WorkContext(agent)
        let result = try await WorkContext.$current.withValue(context, operation: body)
        await agent.close()
        return result
    } catch {
        await agent.close()
        throw error
    }
}

extension WorkContext {
    /// Of the work whose agent this is.
    fileprivate init(_ agent: AgentClient) async throws(PathError) {
        do throws(BatonError) {
            let root = try await agent.attach(takingCalls: false, within: .seconds(10))
            self.init(work: agent.work, root: FilePath(bytes: root.bytes), agent: agent)
        } catch {
            throw PathError(error, about: nil)
        }
    }
}
