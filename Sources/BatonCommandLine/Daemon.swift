import CLinux
import Glibc
public import Logging
public import UnixSignals

/// What the two daemons have in common: their log, their ready line, and how they are told to end.
public enum Daemon {
    /// A log on stderr, one line an event.
    ///
    /// - Parameter level: as given on the command line.
    public static func logger(_ label: String, level: Logger.Level) -> Logger {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var logger = Logger(label: label)
        logger.logLevel = level
        return logger
    }

    /// Says that the daemon serves: one line, and a word to a service manager that waits for it.
    ///
    /// - Parameter onStandardError: stdout belongs to somebody else.
    public static func announce(_ place: String, onStandardError: Bool = false) {
        StandardStream.write("ready \(place)\n".utf8, to: onStandardError ? STDERR_FILENO : STDOUT_FILENO)
        notify("READY=1")
    }

    /// Keeps the memory of large buffers in the process.
    public static func keepBuffers() { baton_keep_buffers() }

    /// Signals that end a daemon, one at a time.
    public static func endingSignals() async -> UnixSignalsSequence {
        await UnixSignalsSequence(trapping: .sigterm, .sigint)
    }

    /// These and whatever else a command that runs under a daemon may be sent.
    public static func allSignals() async -> UnixSignalsSequence {
        await UnixSignalsSequence(
            trapping: .sigterm, .sigint, .sighup, .sigquit, .sigusr1, .sigusr2, .sigwinch, .sigcont)
    }

    /// Sends a datagram to `$NOTIFY_SOCKET`, if that is set.
    private static func notify(_ message: String) {
        guard let variable = getenv("NOTIFY_SOCKET") else { return }
        var path = Array(String(cString: variable).utf8)
        guard path.count > 1, path.count < 108 else { return }
        // A leading @ stands for the abstract name space, whose names begin with a NUL.
        if path[0] == UInt8(ascii: "@") { path[0] = 0 }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        guard socket >= 0 else { return }
        defer { close(socket) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + path.count)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                _ = sendto(socket, message, message.utf8.count, Int32(MSG_NOSIGNAL), address, length)
            }
        }
    }
}
