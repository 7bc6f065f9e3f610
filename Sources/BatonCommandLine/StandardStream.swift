import Glibc

/// Writes straight to a descriptor, unbuffered.
enum StandardStream {
    static func write(_ bytes: some Collection<UInt8>, to descriptor: Int32) {
        Array(bytes).withUnsafeBytes { bytes in
            var rest = bytes
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
                guard count > 0 else { return }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            }
        }
    }
}

/// For results that need not be text.
public enum StandardOutput {
    public static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    public static func write(_ bytes: [UInt8]) { StandardStream.write(bytes, to: STDOUT_FILENO) }
}

/// Where remarks, progress and errors go.
public enum StandardError {
    public static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Writes one line.
    public static func write(_ line: String) { writeRaw(line + "\n") }

    public static func writeRaw(_ text: String) { StandardStream.write(text.utf8, to: STDERR_FILENO) }
}
