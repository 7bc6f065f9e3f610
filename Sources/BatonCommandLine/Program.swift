public import ArgumentParser
import BatonProtocol
import Glibc
public import UnixSignals

/// Runs a program from its command line to its exit status.
public enum Program {
    /// Parses the command line and runs the command that it names. A failure is printed as one line, errors in the words of the
    /// command line with its usage, and becomes the exit status.
    ///
    /// - Parameter onUsageError: says it in another form, and returns true, or leaves it to be printed as text.
    public static func run<Root: AsyncParsableCommand>(
        _ type: Root.Type, onUsageError: @Sendable (String) -> Bool = { _ in false }
    ) async -> Never {
        signal(SIGPIPE, SIG_IGN)
        do {
            try refuseWhatIsNotText()
            var command = try Root.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            exit(0)
        } catch let status as ExitCode {
            exit(status.rawValue)
        } catch {
            switch Root.exitCode(for: error) {
            case .success: Root.exit(withError: error)
            case .validationFailure:
                if !onUsageError(Root.message(for: error)) {
                    StandardError.write(printable(Root.fullMessage(for: error)))
                }
                exit(ErrorCode.usage.exitStatus)
            default:
                StandardError.write("\(name): \(sentence(error))")
                exit((error as? BatonError)?.code.exitStatus ?? ErrorCode.internal.exitStatus)
            }
        }
    }

    /// Words that are not UTF-8 would reach us mended, and then mean something else.
    private static func refuseWhatIsNotText() throws {
        for index in 0..<Int(CommandLine.argc) {
            guard let word = CommandLine.unsafeArgv[index], String(validatingCString: word) == nil else { continue }
            let bytes = UnsafeRawBufferPointer(start: word, count: strlen(word))
            throw ValidationError(
                "'\(Escaping.printable(bytes))' is not UTF-8; in a reference write such bytes as %XX, as shown here")
        }
    }

    /// The parser repeats what it was given; a terminal is not to obey it.
    private static func printable(_ lines: String) -> String {
        lines.split(separator: "\n", omittingEmptySubsequences: false).map { Escaping.printable(String($0)) }
            .joined(separator: "\n")
    }

    /// What to say about an error in one line.
    public static func sentence(_ error: any Error) -> String {
        (error as? BatonError)?.message ?? "\(error)"
    }

    private static var name: String {
        CommandLine.arguments.first?.split(separator: "/").last.map(String.init) ?? "baton"
    }
}

/// The machine that this runs on.
public enum Machine {
    public static var cores: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    /// Takes as many descriptors as the system allows: each connection holds one, and the usual soft limit is meant for programs that
    /// still use `select`.
    public static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

extension Daemon {
    /// Runs `body` and tells it of the first signal; the second one ends the program at once.
    ///
    /// - Parameters:
    ///   - echo: a signal that comes so soon after the first one is the same, come by another way.
    ///   - onSignal: takes a signal for itself by returning true.
    ///   - body: is given a function that returns when it is to end; its result is the exit status.
    /// - Throws: `ExitCode`, unless the status is 0.
    public static func run(
        endingWith signals: UnixSignalsSequence, echo: Duration = .zero,
        onSignal: @escaping @Sendable (Int32) -> Bool = { _ in false },
        _ body: @escaping @Sendable (_ shutdown: @escaping @Sendable () async -> Void) async throws -> Int32
    ) async throws {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        let status = try await withThrowingTaskGroup(of: Int32?.self) { group in
            group.addTask {
                try await body {
                    for await _ in stream { break }
                }
            }
            group.addTask {
                var first: ContinuousClock.Instant?
                for await signal in signals {
                    let isEnd = signal == .sigterm || signal == .sigint
                    if isEnd, let first {
                        if .now - first < echo { continue }
                        // Nothing that was started here outlives us.
                        _ = onSignal(SIGKILL)
                        exit(128 + signal.rawValue)
                    }
                    if isEnd { first = .now }
                    if !onSignal(signal.rawValue) { continuation.yield() }
                }
                return nil
            }
            while let result = try await group.next() {
                guard let status = result else { continue }
                group.cancelAll()
                return status
            }
            return ErrorCode.internal.exitStatus
        }
        if status != 0 { throw ExitCode(status) }
    }
}
