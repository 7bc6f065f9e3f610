import Foundation
import Glibc
import Synchronization

/// A directory that goes, with all that is in it, when this value goes. `BATON_TEST_KEEP=1` keeps it for a look.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        let base = FileManager.default.temporaryDirectory.path
        guard let real = realpath(base, nil) else { throw Failure("there is no \(base)") }
        defer { free(real) }
        var template = Array((String(cString: real) + "/baton-test-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure("cannot make a directory below \(base)") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { removeTree(path) }

    /// Static values are never released: what they hold goes when the process ends.
    func removeAtExit() {
        let isFirst = TemporaryFolder.lasting.withLock { lasting in
            lasting.append(path)
            return lasting.count == 1
        }
        if isFirst { atexit { TemporaryFolder.lasting.withLock { $0 }.forEach(removeTree) } }
    }

    private static let lasting = Mutex<[String]>([])

    func path(_ name: String) -> String { "\(path)/\(name)" }

    /// The content of a file; empty if there is none.
    func text(_ name: String) -> String {
        String(decoding: (try? Data(contentsOf: URL(filePath: path(name)))) ?? Data(), as: UTF8.self)
    }
}

/// Blocks, briefly. Links are not followed.
private func removeTree(_ path: String) {
    guard ProcessInfo.processInfo.environment["BATON_TEST_KEEP"] == nil else { return }
    let script = "chmod -R u+rwX \"$0\" 2>/dev/null; rm -rf --one-file-system \"$0\""
    let words = ["/bin/sh", "-c", script, path]
    var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { argv.forEach { free($0) } }
    var pid: pid_t = 0
    if posix_spawn(&pid, "/bin/sh", nil, nil, &argv, environ) == 0 { waitpid(pid, nil, 0) }
}
