import NIOPosix

/// Lets a few in at a time: the machine may be small.
actor Turnstile {
    /// For a relay with agents.
    static let clusters = Turnstile(max(3, 6 / Sanitized.patience))
    /// For cases of the protocol: most of them wait.
    static let cases = Turnstile(4)

    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    private init(_ free: Int) { self.free = free }

    /// Runs `body` when it is its turn, on ``TestThreads``.
    nonisolated func pass<Result>(_ body: () async throws -> Result) async throws -> Result {
        await enter()
        do {
            let result = try await TestThreads.run(body)
            await leave()
            return result
        } catch {
            await leave()
            throw error
        }
    }

    private func enter() async {
        if free > 0 { free -= 1 } else { await withCheckedContinuation { waiting.append($0) } }
    }

    private func leave() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}

/// Threads for the tests that look at running programs: those of the language are as few as processors, and tests that compute
/// for seconds, or remove a large tree, keep them from looking when it matters.
final class TestThreads: TaskExecutor {
    private static let shared = TestThreads()
    private let pool = NIOThreadPool(numberOfThreads: 16)

    private init() { pool.start() }

    static func run<Result>(_ body: () async throws -> Result) async throws -> Result {
        try await withTaskExecutorPreference(shared) { try await body() }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        pool.submit { _ in job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
