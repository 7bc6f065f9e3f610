public import BatonProtocol
public import SystemPackage

/// Where the paths of a work and what it gets from others lie below its root directory (chapter 10, NAM-12 to NAM-15).
public struct WorkLayout: Hashable, Sendable {
    /// Absolute; links in it are as the user wrote them.
    public let root: FilePath

    public init(root: FilePath) { self.root = root }

    /// Where Baton keeps what is its own.
    public var baton: FilePath { root.appending(".baton") }

    /// Where a path of the work itself lies.
    public func ownPath(_ path: PathName) -> FilePath {
        path.isAbsolute ? FilePath(bytes: path.bytes) : FilePath(bytes: root.bytes + [WorkLayout.slash] + path.bytes)
    }

    /// Where a path of another work lies here unless the user says otherwise: `ROOT/.baton/from/<origin>/<path>`, an
    /// absolute path below `from/<origin>/%2F/`.
    public func localPath(origin: WorkName, path: PathName) -> FilePath {
        var bytes = baton.appending("from").appending(origin.description).bytes
        if path.isAbsolute { bytes += "/%2F".utf8 }
        for (index, component) in path.components.enumerated() {
            bytes.append(WorkLayout.slash)
            // No relative path may meet the place of an absolute one.
            if index == 0, !path.isAbsolute, component.first == UInt8(ascii: "%") {
                bytes += "%25".utf8
                bytes += component.dropFirst()
            } else {
                bytes += component
            }
        }
        return FilePath(bytes: bytes)
    }

    private static let slash = UInt8(ascii: "/")
}
