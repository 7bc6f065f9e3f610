internal import Glibc
internal import Synchronization

/// A signal that ends the runner; it goes by way of an error, so that what it started ends, too.
struct Interruption: Error {
    private static let isPending = Atomic<Bool>(false)

    /// SIGINT, SIGTERM and SIGHUP are noted from now on.
    static func watch() {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number) { _ in Interruption.isPending.store(true, ordering: .relaxed) }
        }
    }

    static func check() throws {
        if isPending.load(ordering: .relaxed) { throw Interruption() }
    }
}
