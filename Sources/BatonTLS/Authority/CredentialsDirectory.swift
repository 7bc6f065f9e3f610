internal import Glibc

/// A directory that receives credentials: ours, and open to nobody else.
///
/// What is checked is what is written into: the descriptor is held from the check on. A file arrives by rename, so that
/// nobody finds half of it, and has its mode from its creation on.
final class CredentialsDirectory {
    private let path: String
    private let descriptor: CInt

    /// Makes the directory, or takes the one that is there.
    init(path: String) throws(TLSError) {
        self.path = path
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw TLSError(.credentialsUnwritable, "the path of a directory for credentials is empty or holds NUL")
        }
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw Self.failure("make the directory \(path)", errno)
        }
        let opened = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard opened >= 0 else {
            throw Self.failure("open the directory \(path)", errno)
        }
        // From here on `deinit` closes it, also if something below throws.
        descriptor = opened
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw Self.failure("look at the directory \(path)", errno)
        }
        guard status.st_uid == geteuid() else {
            throw TLSError(.keyPermissions, "the directory \(path) belongs to another user; choose another one")
        }
        guard status.st_mode & 0o077 == 0 else {
            let mode = String(status.st_mode & 0o777, radix: 8)
            throw TLSError(
                .keyPermissions,
                "the directory \(path) is open to other users (mode \(mode)); choose another one, or run: chmod 700 \(path)"
            )
        }
    }

    deinit {
        close(descriptor)
    }

    /// Writes a file, in place of one that is there.
    func write(_ contents: [UInt8], as name: String, mode: mode_t) throws(TLSError) {
        let target = path.hasSuffix("/") ? path + name : "\(path)/\(name)"
        let draft = ".new." + name
        guard unlinkat(descriptor, draft, 0) == 0 || errno == ENOENT else {
            throw Self.failure("replace a draft of \(target)", errno)
        }
        let file = openat(descriptor, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        guard file >= 0 else {
            throw Self.failure("make \(target)", errno)
        }
        defer { close(file) }
        guard let problem = Self.write(contents, to: file) ?? rename(draft, to: name) else { return }
        unlinkat(descriptor, draft, 0)
        throw Self.failure("write \(target)", problem)
    }

    /// Answers with what went wrong.
    private static func write(_ contents: [UInt8], to file: CInt) -> CInt? {
        var rest = contents[...]
        // Each turn but an interrupted one takes bytes off.
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if count == 0 || errno != EINTR {
                return count == 0 ? EIO : errno
            }
        }
        return nil
    }

    private func rename(_ draft: String, to name: String) -> CInt? {
        renameat(descriptor, draft, descriptor, name) == 0 ? nil : errno
    }

    private static func failure(_ what: String, _ error: CInt) -> TLSError {
        TLSError(.credentialsUnwritable, "cannot \(what): \(String(cString: strerror(error)))")
    }
}
