import BatonFiles
import Glibc
import SystemPackage

/// An open file of this machine; closes itself.
struct LocalFile: ~Copyable {
    private let number: CInt

    init(_ place: FilePath, _ flags: CInt, mode: mode_t = 0o666) throws(Errno) {
        number = try systemCall { place.withPlatformString { open($0, flags | O_CLOEXEC | O_NOCTTY, mode) } }
    }

    deinit { Glibc.close(number) }

    var status: stat {
        get throws(Errno) {
            var status = stat()
            _ = try systemCall { fstat(number, &status) }
            return status
        }
    }

    func setMode(_ mode: mode_t) throws(Errno) { _ = try systemCall { fchmod(number, mode) } }

    /// All of it.
    ///
    /// - Throws: `EFBIG` for more than this machine has memory: a file that came from elsewhere may be one large hole.
    func read() throws(Errno) -> [UInt8] {
        let memory = sysconf(CInt(_SC_PHYS_PAGES)).multipliedReportingOverflow(by: sysconf(CInt(_SC_PAGESIZE)))
            .partialValue
        let size = Int(try status.st_size)
        guard size < memory else { throw .fileTooLarge }
        var bytes: [UInt8] = []
        // One more than there should be, so that a single call sees the end.
        var room = max(size + 1, 4096)
        while true {
            var failure: Errno?
            let part = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
                do throws(Errno) { count = try fill(UnsafeMutableRawBufferPointer(buffer)) } catch { failure = error }
            }
            if let failure { throw failure }
            bytes = bytes.isEmpty ? part : bytes + part
            if part.count < room { return bytes }
            guard bytes.count < memory else { throw .fileTooLarge }
            room = 1 << 20
        }
    }

    /// - Returns: fewer bytes than fit only at the end of the file.
    private func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
        var count = 0
        while count < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
            let step = try systemCall { Glibc.read(number, rest.baseAddress, rest.count) }
            if step == 0 { break }
            count += step
        }
        return count
    }

    func write(_ bytes: some Collection<UInt8>) throws(Errno) {
        let written = bytes.withContiguousStorageIfAvailable { buffer in
            Result { () throws(Errno) in try writeAll(UnsafeRawBufferPointer(buffer)) }
        }
        if let written { return try written.get() }
        try write(Array(bytes))
    }

    private func writeAll(_ bytes: UnsafeRawBufferPointer) throws(Errno) {
        var rest = bytes
        while !rest.isEmpty {
            let step = try systemCall { Glibc.write(number, rest.baseAddress, rest.count) }
            rest = UnsafeRawBufferPointer(rebasing: rest[step...])
        }
    }
}

extension FilePath {
    /// What lies there.
    ///
    /// - Parameter followingLinks: what a link leads to, instead of the link.
    func status(followingLinks: Bool) throws(Errno) -> Glibc.stat {
        var status = Glibc.stat()
        let flags = followingLinks ? 0 : AT_SYMLINK_NOFOLLOW
        _ = try systemCall { withPlatformString { fstatat(AT_FDCWD, $0, &status, flags) } }
        return status
    }

    func makeDirectory() throws(Errno) { _ = try systemCall { withPlatformString { mkdir($0, 0o777) } } }
    func removeFile() throws(Errno) { _ = try systemCall { withPlatformString { unlink($0) } } }
    func removeDirectory() throws(Errno) { _ = try systemCall { withPlatformString { rmdir($0) } } }

    func makeLink(to target: FilePath) throws(Errno) {
        _ = try systemCall {
            target.withPlatformString { target in withPlatformString { symlink(target, $0) } }
        }
    }

    func linkTarget() throws(Errno) -> [UInt8] {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let count = try systemCall { withPlatformString { readlink($0, &buffer, buffer.count - 1) } }
        return buffer[..<count].map(UInt8.init(bitPattern:))
    }
}
