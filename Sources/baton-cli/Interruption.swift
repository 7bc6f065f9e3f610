import Glibc
import UnixSignals

/// Ctrl-C: the first one cancels what runs, the second one ends the program.
enum Interruption {
    static func run<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) async -> Value? {
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        return await withTaskGroup(of: Value?.self) { group in
            group.addTask {
                for await _ in signals { return nil }
                return nil
            }
            group.addTask { await body() }
            // A signal comes first: what runs is cancelled, and what it then comes back with is the answer.
            if let value = await group.next() ?? nil {
                group.cancelAll()
                return value
            }
            group.cancelAll()
            signal(SIGINT, SIG_DFL)
            signal(SIGTERM, SIG_DFL)
            return await group.next() ?? nil
        }
    }
}
