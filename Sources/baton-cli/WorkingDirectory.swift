import Glibc

/// The directory in which the program was called, in bytes as Linux has it.
enum WorkingDirectory {
    /// `nil` if it has been removed.
    static var bytes: [UInt8]? {
        guard let path = getcwd(nil, 0) else { return nil }
        defer { free(path) }
        return Array(UnsafeRawBufferPointer(start: path, count: strlen(path)))
    }
}
