import BatonProtocol
import Glibc
import Logging
import Subprocess
import Synchronization
import SystemPackage

/// The command that a work consists of: run with the agent's own standard streams, told where the agent is.
final class WorkCommand: Sendable {
    private let arguments: [String]
    private let environment: [String: String]
    private let process = Mutex<ProcessState>(.waiting([]))

    private enum ProcessState {
        /// Signals that came before it runs.
        case waiting([CInt])
        case running(pid_t)
        case ended
    }

    /// - Parameters:
    ///   - arguments: the program and its arguments, references already replaced.
    ///   - environment: added to the agent's own.
    init(arguments: [String], environment: [String: String]) {
        self.arguments = arguments
        self.environment = environment
    }

    /// Runs it to its end.
    ///
    /// - Returns: its exit status; 128+n if signal n ended it; 127 if there is no such program, 126 if it cannot be run.
    func run(logger: Logger) async -> Int32 {
        let variables = environment.map { (Environment.Key(stringLiteral: $0.key), Optional($0.value)) }
        do {
            let result = try await Subprocess.run(
                arguments[0].utf8.contains(UInt8(ascii: "/")) ? .path(FilePath(arguments[0])) : .name(arguments[0]),
                arguments: Arguments(Array(arguments.dropFirst())),
                environment: .inherit.updating(Dictionary(uniqueKeysWithValues: variables)),
                input: .fileDescriptor(.standardInput, closeAfterSpawningProcess: false),
                output: .fileDescriptor(.standardOutput, closeAfterSpawningProcess: false),
                error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false)
            ) { execution in
                self.started(execution.processIdentifier.value)
            }
            process.withLock { $0 = .ended }
            switch result.terminationStatus {
            case .exited(let status): return status
            case .signaled(let signal): return 128 + signal
            }
        } catch {
            process.withLock { $0 = .ended }
            let program = Escaping.printable(arguments[0])
            let isMissing = (error as? SubprocessError)?.code == .executableNotFound
            logger.error("cannot run '\(program)': \(isMissing ? "there is no such program" : "\(error)")")
            return isMissing ? 127 : 126
        }
    }

    private func started(_ pid: pid_t) {
        let early = process.withLock { state -> [CInt] in
            defer { state = .running(pid) }
            if case .waiting(let signals) = state { return signals }
            return []
        }
        for signal in early { kill(pid, signal) }
    }

    /// Passes a signal on.
    func send(_ signal: CInt) {
        process.withLock { state in
            switch state {
            case .waiting(let signals): state = .waiting(signals + [signal])
            case .running(let pid): kill(pid, signal)
            case .ended: break
            }
        }
    }
}
