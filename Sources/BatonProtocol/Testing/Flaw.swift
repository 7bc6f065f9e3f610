#if DEBUG
    import Glibc
#endif

/// Rules of the specification that a test can have a process break, to see that the conformance cases find it. Only debug
/// builds can: in a release nothing is ever broken.
///
/// `BATON_BREAK=RULE` breaks that one rule, for all connections of the process.
public enum Flaw {
    /// Whether this process is to break `rule` at the place that asks.
    @inlinable public static func breaks(_ rule: @autoclosure () -> String) -> Bool {
        #if DEBUG
            guard let broken else { return false }
            return broken == rule()
        #else
            return false
        #endif
    }

    #if DEBUG
        @usableFromInline static let broken = getenv("BATON_BREAK").map { String(cString: $0) }
    #endif
}
