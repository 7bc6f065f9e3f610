public import BatonProtocol
import Glibc

/// Finds the socket of this machine's agent.
public enum AgentSocket {
    /// `explicit`, or `$BATON_SOCKET`, or `.baton/agent.sock` in the working directory or the nearest parent that has one.
    ///
    /// - Throws: `unreachable` if there is none.
    public static func find(_ explicit: String? = nil) throws(BatonError) -> String {
        if let explicit { return explicit }
        if let variable = getenv("BATON_SOCKET"), variable.pointee != 0 { return String(cString: variable) }
        guard let start = getcwd(nil, 0) else {
            throw BatonError(.unreachable, "the working directory is gone; name the agent's socket with --socket")
        }
        defer { free(start) }
        var directory = String(cString: start)[...]
        while true {
            let candidate = "\(directory == "/" ? "" : directory)/.baton/agent.sock"
            if access(candidate, F_OK) == 0 { return candidate }
            guard let slash = directory.utf8.lastIndex(of: UInt8(ascii: "/")), directory != "/" else { break }
            directory = slash == directory.startIndex ? "/" : directory[..<slash]
        }
        throw BatonError(
            .unreachable,
            "no agent found: there is no .baton/agent.sock here or in a parent directory; start baton-agent, or say where with --socket or BATON_SOCKET"
        )
    }
}
