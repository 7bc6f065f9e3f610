import BatonProtocol

// How paths of one tree lie to one another, compared where they are: nothing is copied for each entry.
extension PathName {
    private static let slash = UInt8(ascii: "/")

    /// How many of its bytes are the path of the directory that it lies in; 0 below the top.
    var parentCount: Int { bytes.lastIndex(of: PathName.slash) ?? 0 }

    /// Whether `path` lies below this, however deep.
    func isAbove(_ path: PathName) -> Bool {
        if bytes.isEmpty { return !path.isRoot }
        return path.bytes.count > bytes.count && path.bytes[bytes.count] == PathName.slash
            && path.bytes.starts(with: bytes)
    }

    /// Whether `path` is a child of this.
    func isParent(of path: PathName) -> Bool { isAbove(path) && path.parentCount == bytes.count }

    /// How many directories it lies in; 0 for the top.
    var depth: Int { isRoot ? 0 : bytes.count { $0 == PathName.slash } + 1 }
}
