import ArgumentParser
import BatonClient
import BatonProtocol

/// What a command takes that is about paths of the own work: a reference, or a path in the file system.
enum OwnPath {
    static let help: ArgumentHelp = "lit://PATH, or a path in the file system."

    /// A path in the file system becomes an absolute one; the agent knows whether it lies below the work's root.
    static func parse(_ text: String) throws -> Reference {
        do throws(NameError) {
            if Reference.isMeant(by: text) { return try Reference(text) }
            guard !text.isEmpty else { throw .invalidPath(text, reason: "it is empty; '.' is the whole directory") }
            if text.utf8.first == UInt8(ascii: "/") {
                return Reference(path: try PathName(resolving: Array(text.utf8)))
            }
            guard let directory = WorkingDirectory.bytes else {
                throw .invalidPath(text, reason: "the working directory is gone")
            }
            return Reference(path: try PathName(resolving: directory + "/\(text)".utf8))
        } catch {
            throw ValidationError("\(error)")
        }
    }
}

extension AgentClient {
    /// The path of a reference that must be one of the own work.
    ///
    /// - Throws: `usage` if it names another.
    func ownPath(_ reference: Reference) throws(BatonError) -> PathName {
        guard let origin = reference.origin, origin != work else { return reference.path }
        throw BatonError(
            .usage, "\(reference) is a path of another work; this one is '\(work)', and can do this with its own only",
            path: reference.path)
    }
}
