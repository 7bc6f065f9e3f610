package import BatonProtocol
package import SystemPackage

/// What can go wrong while files are read or written, before it has a path and a sentence.
package enum FileFault: Error {
    case system(Errno)
    /// It is not what it was a moment ago.
    case changed
    /// A name or a path longer than the protocol takes.
    case tooLong
    /// The caller wants no more of it.
    case stopped(BatonError)
}

func faulting<T>(_ body: () throws(Errno) -> T) throws(FileFault) -> T {
    do { return try body() } catch { throw .system(error) }
}
