// What the sanitizers are tried on before the tests: what is right, and for each one something that it has to report.

import Dispatch
import Synchronization

private final class Counter: Sendable {
    let guarded = Mutex(0)
    nonisolated(unsafe) var bare = 0
}

/// Two threads at once, a hundred thousand times each: they get in each other's way.
private func twice(_ body: @escaping @Sendable () -> Void) {
    DispatchQueue.concurrentPerform(iterations: 2) { _ in
        for _ in 0..<100_000 { body() }
    }
}

private let counter = Counter()
switch CommandLine.arguments.dropFirst().first {
case "right":
    // Threads have to wait for the mutex, and the kernel wakes them.
    twice { counter.guarded.withLock { $0 += 1 } }
case "thread":
    twice { counter.bare += 1 }
case "address":
    let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: 8)
    bytes.deallocate()
    bytes.pointee = 1
default:
    fatalError("right, thread or address?")
}
