import BatonClient
import BatonFiles
import BatonProtocol
import Glibc
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
/// - Parameter socket: the agent's; unless given, `$BATON_SOCKET`, or `.baton/agent.sock` in the working directory or the nearest parent that
///   has one.
/// - Throws: what the body throws; ``PathError`` `unreachable` if no agent answers, `permission` if it is another user's.
public func withAgent<Result>(
    socket: String? = nil, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
) async throws -> Result {
    let context: WorkContext
    do throws(BatonError) {
        let path = try AgentSocket.find(socket)
        let root = try WorkContext.root(ofAgentAt: path)
        let client = try await AgentClient.connect(socket: path)
        context = WorkContext(work: client.work, root: root, agent: client)
    } catch {
        throw PathError(error, about: nil)
    }
    do {
        let result = try await WorkContext.$current.withValue(context, operation: body)
        await context.agent.close()
        return result
    } catch {
        await context.agent.close()
        throw error
    }
}

extension WorkContext {
    /// The root directory of the work: what the agent has told the program that it runs, or where its socket lies.
    static func root(ofAgentAt socket: String) throws(BatonError) -> FilePath {
        if let root = getenv("BATON_ROOT"), root.pointee != 0, let own = getenv("BATON_SOCKET"),
            String(cString: own) == socket
        {
            return FilePath(String(cString: root))
        }
        var directory = FilePath(socket)
        if directory.isRelative, let here = getcwd(nil, 0) {
            directory = FilePath(platformString: here).pushing(directory)
            free(here)
        }
        let root = directory.removingLastComponent().removingLastComponent()
        guard directory == root.appending(".baton").appending("agent.sock") else {
            throw BatonError(
                .unreachable,
                "the agent at \(socket) does not say where the root directory of its work is: set BATON_SOCKET and BATON_ROOT, or have the agent listen at its usual place, ROOT/.baton/agent.sock"
            )
        }
        return root
    }
}
