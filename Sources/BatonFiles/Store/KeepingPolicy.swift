/// How much of what works leave behind is kept, and for how long.
public struct KeepingPolicy: Sendable {
    /// Newest good generations of each path that are kept; at least 1.
    public var generations: Int
    /// What was last found current longer ago than this goes, the newest of its path included; `nil`: never.
    public var timeToLive: Duration?
    /// Bytes on the disk that one app may take; `nil`: as many as there are.
    public var bytesPerApp: UInt64?
    /// Bytes on the disk that all apps together may take; `nil`: as many as there are.
    public var bytes: UInt64?

    public init(
        generations: Int = 3, timeToLive: Duration? = nil, bytesPerApp: UInt64? = nil, bytes: UInt64? = nil
    ) {
        self.generations = max(1, generations)
        self.timeToLive = timeToLive
        self.bytesPerApp = bytesPerApp
        self.bytes = bytes
    }
}

/// What a sweep of the store did.
public struct StoreSweep: Sendable {
    /// `spiffe://… lit://… generation 3`: what is kept no longer.
    public internal(set) var removed: [String] = []
    /// What could not be removed, and why; the next sweep tries again.
    public internal(set) var left: [String] = []
}

/// What the store found when it was opened. Nothing of it is served, and nothing but what never was a generation is removed.
public struct StoreReport: Sendable {
    public internal(set) var generations = 0
    /// Generations that are not what their manifests say, and in what they differ: kept until somebody removes them.
    public internal(set) var damaged: [String] = []
    /// Things in the store's directories that are not the store's.
    public internal(set) var strange: [String] = []
    /// Partial data of generations that can be gone on with.
    public internal(set) var partial = 0
}
