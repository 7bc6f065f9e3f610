import BatonClient
import BatonProtocol
import SystemPackage

/// The work in whose name a task runs: where its files lie, and who fetches those of others for it.
struct WorkContext: Sendable {
    let work: WorkName
    /// The work's root directory, absolute.
    let root: FilePath
    let agent: AgentClient

    /// Set while a work's body runs; `nil` in a flow, in initialisers and everywhere else.
    @TaskLocal static var current: WorkContext?
}
