import CLinux
import SystemPackage

// Extended attributes are reached through held descriptors only, so that nobody can slip another file below a name.
extension Descriptor {
    /// Sets the extended attribute `name` (`user.*`, or `system.posix_acl_access` and `system.posix_acl_default` for an ACL
    /// as the kernel encodes it), whether or not it exists.
    ///
    /// - Throws: `ENOTSUP` if the file system has no such attributes, `ENOSPC` or `E2BIG` if it takes no more of them.
    func setAttribute(_ name: [UInt8], _ value: [UInt8]) throws(Errno) {
        let name = FileName(name)
        _ = try systemCall { fsetxattr(number, name.cString, value, value.count, 0) }
    }

    /// - Throws: `ENODATA` if there is none of this name.
    func removeAttribute(_ name: [UInt8]) throws(Errno) {
        let name = FileName(name)
        _ = try systemCall { fremovexattr(number, name.cString) }
    }

    /// The names of all extended attributes that this user may see, in no order; none where the file system has no such thing.
    func attributeNames() throws(Errno) -> [[UInt8]] {
        let list: [UInt8]
        do throws(Errno) {
            list = try filled { flistxattr(number, $0?.assumingMemoryBound(to: CChar.self), $1) }
        } catch {
            if error.meansNotOffered { return [] }
            throw error
        }
        return list.split(separator: 0).map(Array.init)
    }

    /// - Throws: `ENODATA` if there is none of this name (any more).
    func attribute(_ name: [UInt8]) throws(Errno) -> [UInt8] {
        let name = FileName(name)
        return try filled { fgetxattr(number, name.cString, $0, $1) }
    }

    /// Calls `read` with memory as large as it asked for, until that is enough. The kernel has no larger values than 64 KiB.
    private func filled(_ read: (UnsafeMutableRawPointer?, Int) -> Int) throws(Errno) -> [UInt8] {
        for _ in 0..<8 {
            let size = try systemCall { read(nil, 0) }
            if size == 0 { return [] }
            do throws(Errno) {
                return try withUnsafeTemporaryAllocation(byteCount: size, alignment: 1) {
                    memory throws(Errno) -> [UInt8] in
                    let count = try systemCall { read(memory.baseAddress, memory.count) }
                    return Array(memory.prefix(count))
                }
            } catch .outOfRange {
                continue
            }
        }
        throw .outOfRange
    }
}
