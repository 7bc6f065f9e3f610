import Glibc

/// Writes straight to a descriptor, unbuffered.
enum StandardStream {
    static func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
                guard count > 0 else { return }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            }
        }
    }
}

/// Where remarks, progress and errors go.
public enum StandardError {
    public static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Writes one line.
    public static func write(_ line: String) { writeRaw(line + "\n") }

    public static func writeRaw(_ text: String) { StandardStream.write(text, to: STDERR_FILENO) }
}
