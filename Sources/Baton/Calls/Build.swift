import BatonProtocol
import BatonTLS
import SystemPackage

/// Names the program that runs: caller and host must be the same build, since names and layouts of types mean the same only there.
enum Build {
    /// SHA-256 of the program's executable.
    static func digest() throws(CallError) -> [UInt8] {
        do { return try current.get() } catch {
            throw CallError(.internal, "the program cannot read its own executable, /proc/self/exe: \(error)")
        }
    }

    /// Read once: an executable that was replaced on disk since is still the one that runs.
    private static let current = Result<[UInt8], any Error> {
        let file = try FileDescriptor.open("/proc/self/exe", .readOnly)
        return try file.closeAfter {
            var digest = SHA256()
            var chunk = [UInt8](repeating: 0, count: 1 << 20)
            while true {
                let count = try chunk.withUnsafeMutableBytes { try file.read(into: $0) }
                if count == 0 { return digest.finalize() }
                digest.update(chunk[..<count])
            }
        }
    }
}
