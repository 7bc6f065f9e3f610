import FoundationEssentials
import Glibc
import Synchronization
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
        let path = FilePath(platformString: template)
        TemporaryRoot.present.withLock { _ = $0.insert(path) }
        self.path = path
    }

    /// Those that have not been removed yet.
    private static let present = Mutex<Set<FilePath>>([])

    /// Removes it with all that lies in it.
    func remove() {
        TemporaryRoot.present.withLock { _ = $0.remove(path) }
        try? FileManager.default.removeItem(atPath: path.string)
    }

    /// Removes all: the program ends at once, and there may be keys in them.
    static func removeAll() {
        for path in present.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path.string) }
    }
}
