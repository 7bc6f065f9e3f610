import BatonProtocol
import SystemPackage

/// What to get, where to, and how.
struct FetchOrder: Sendable {
    var origin: WorkName
    var path: PathName
    var destination: FilePath
    var overwrite = false
    /// Bring extended attributes and access control lists, too.
    var attributes = false
    /// Fail if anything cannot travel.
    var strict = false
    /// Have it on the disk before it is published.
    var durable = false
    /// Take the relay's kept copy, though the work may be live.
    var storedOnly = false
    /// How long to wait for the path and its work to be there, in milliseconds.
    var wait: UInt32 = 0
    /// Milliseconds without progress after which to give up.
    var stall = Limits.defaultStall
    /// All of it must be done in this time, in milliseconds.
    var deadline = Limits.deadline.upperBound

    var reference: Reference { Reference(origin: origin, path: path) }
}
