// What the sanitizers are tried on before the tests: what is right, and for each one something that it has to report.

import Glibc
import Synchronization

private final class Counter: Sendable {
    let guarded = Mutex(0)
    nonisolated(unsafe) var bare = 0
}

private let counter = Counter()

/// Two threads, which take their time: they get in each other's way.
private func twice(_ body: @convention(c) @Sendable (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?) {
    var threads = [pthread_t](repeating: pthread_t(), count: 2)
    for index in threads.indices { pthread_create(&threads[index], nil, body, nil) }
    for thread in threads { pthread_join(thread, nil) }
}

switch CommandLine.arguments.dropFirst().first {
case "right":
    // Now and then one waits for the mutex, and the kernel hands it over.
    twice { _ in
        for _ in 0..<300_000 { counter.guarded.withLock { $0 += 1 } }
        return nil
    }
case "thread":
    twice { _ in
        counter.bare += 1
        return nil
    }
case "address":
    let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: 8)
    bytes.deallocate()
    bytes.pointee = 1
default:
    fatalError("right, thread or address?")
}
