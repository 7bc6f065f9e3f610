import Glibc
package import SystemPackage

/// Makes a system call, again if a signal interrupted it.
///
/// - Throws: what `errno` says if the call answers with a negative number.
@inline(__always)
package func systemCall<Result: SignedInteger>(_ call: () -> Result) throws(Errno) -> Result {
    while true {
        let result = call()
        if result >= 0 { return result }
        let reason = Errno(rawValue: errno)
        if reason != .interrupted { throw reason }
    }
}
