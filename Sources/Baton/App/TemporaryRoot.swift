import FoundationEssentials
import Glibc
import SystemPackage

/// A directory for this user alone, below `$TMPDIR` or `/tmp`, for as long as a part of an app runs.
struct TemporaryRoot: Sendable {
    let path: FilePath

    /// - Throws: ``PathError`` `cannotCreate`.
    init(prefix: String) throws(PathError) {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/\(prefix)-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw PathError(
                .cannotCreate,
                "no temporary directory can be made below '\(parent)': \(Errno(rawValue: errno)); set TMPDIR")
        }
        path = FilePath(platformString: template)
    }

    /// Removes it with all that lies in it.
    func remove() {
        try? FileManager.default.removeItem(atPath: path.string)
    }
}
