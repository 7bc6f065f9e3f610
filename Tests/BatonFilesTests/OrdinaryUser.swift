import Foundation

/// `setfsuid(2)`: the user as whom this thread alone reaches files. glibc's `seteuid` would change every thread.
@_silgen_name("setfsuid") private func setFileSystemUser(_ user: UInt32) -> Int32

/// Runs `body` as a user whom file modes bind, also if the tests run as root. What it works on must be given to that user:
/// ``Bench/give()``.
func asOrdinaryUser<T>(_ body: () throws -> T) rethrows -> T {
    guard geteuid() == 0 else { return try body() }
    _ = setFileSystemUser(ordinaryUser)
    defer { _ = setFileSystemUser(0) }
    return try body()
}

private let ordinaryUser: UInt32 = 65_534

extension Bench {
    /// Makes everything in the bench the ordinary user's.
    func give() throws {
        if geteuid() == 0 { try run("chown -hR \(ordinaryUser) .") }
    }
}
