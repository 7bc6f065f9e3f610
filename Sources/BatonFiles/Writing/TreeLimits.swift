/// How large a tree a receiver takes. None of the numbers is unlimited.
public struct TreeLimits: Sendable {
    /// ENTRY, SKIPPED and KEEP messages together, of all passes.
    public var entries: UInt64 = 10_000_000
    /// Directories inside one another, the top included.
    public var depth = 2048
    /// Data bytes of all files together, holes not counted.
    public var bytes: UInt64 = 1 << 60

    /// The defaults.
    public init() {}
}
