/// Which files of a tree have been met by an earlier name. Only files with several names are held, and each only until all its names
/// have been met. A value without I/O.
struct HardLinks {
    /// The first name in tree order.
    struct First {
        let path: [UInt8]
        let version: UInt64
        fileprivate var namesLeft: UInt64
    }

    private var firsts: [FileIdentity: First] = [:]
    private let capacity: Int

    /// - Parameter capacity: files beyond it travel once for each of their names.
    init(capacity: Int = 1_000_000) { self.capacity = capacity }

    var count: Int { firsts.count }

    /// The first name of a file that is met again.
    mutating func first(of status: FileStatus) -> First? {
        guard status.links > 1, var first = firsts[status.identity] else { return nil }
        first.namesLeft -= min(1, first.namesLeft)
        firsts[status.identity] = first.namesLeft > 0 ? first : nil
        return first
    }

    /// `path` is the first name of a file.
    mutating func remember(_ status: FileStatus, version: UInt64, path: [UInt8]) {
        guard status.links > 1, firsts.count < capacity else { return }
        firsts[status.identity] = First(path: path, version: version, namesLeft: status.links - 1)
    }
}
