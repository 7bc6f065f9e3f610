package import BatonProtocol
package import BatonTransport

/// Runs one transfer beside a watch that reports once a second, and ends the transfer when nothing of it moves any more.
package struct Supervision: Sendable {
    /// The threads that write files.
    package let executor: BlockingExecutor
    package let meter: TransferMeter
    /// What is transferred, for messages.
    package let reference: Reference
    /// Milliseconds without progress after which to give up.
    package let stall: UInt32
    /// All of it must be done in this time, in milliseconds.
    package let deadline: UInt32
    /// What becomes of what has come, for messages.
    package let advice: String

    package init(
        executor: BlockingExecutor, meter: TransferMeter, reference: Reference, stall: UInt32, deadline: UInt32,
        advice: String
    ) {
        self.executor = executor
        self.meter = meter
        self.reference = reference
        self.stall = stall
        self.deadline = deadline
        self.advice = advice
    }

    /// - Parameters:
    ///   - onCancel: given what to do when the result is no longer wanted.
    ///   - onStall: told why the transfer is given up, at once, even if the disk holds its task back.
    ///   - report: told once a second how far it is.
    ///   - absence: why what the transfer waits for could not even be asked for; asked when its patience is at an end.
    ///   - transfer: run on ``executor``.
    package func run<Result: Sendable>(
        onCancel: (@escaping @Sendable (BatonError) -> Void) -> Void,
        onStall: @escaping @Sendable (BatonError) -> Void,
        report: @escaping @Sendable (Progress) -> Void,
        absence: @escaping @Sendable () async -> BatonError? = { nil },
        _ transfer: @escaping @Sendable () async throws(BatonError) -> Result
    ) async throws(BatonError) -> Result {
        let cancellation = Inbox<Never>()
        onCancel { cancellation.finish($0) }
        let outcome = await withTaskGroup(of: Outcome<Result>.self, returning: Outcome<Result>.self) { group in
            group.addTask(executorPreference: executor) {
                do throws(BatonError) { return .done(try await transfer()) } catch { return .failed(error) }
            }
            group.addTask { .failed(await watch(onStall, report, absence)) }
            group.addTask {
                do throws(BatonError) { _ = try await cancellation.next() } catch { return .failed(error) }
                return .nothing
            }
            // Whatever fails first stops the others; what was done all the same counts.
            var failure: BatonError?
            while let outcome = await group.next() {
                switch outcome {
                case .nothing: continue
                case .done:
                    group.cancelAll()
                    return outcome
                case .failed(let error):
                    failure = failure ?? error
                    meter.end(because: error.code)
                    group.cancelAll()
                }
            }
            return .failed(failure ?? BatonError(.internal, "a transfer ended without a result", path: reference.path))
        }
        switch outcome {
        case .done(let result): return result
        case .failed(let error): throw error
        case .nothing: throw BatonError(.internal, "a transfer ended without a result", path: reference.path)
        }
    }

    private enum Outcome<Result: Sendable>: Sendable {
        case done(Result)
        case failed(BatonError)
        case nothing
    }

    /// Reports once a second.
    ///
    /// - Returns: why the transfer must end: it took longer than allowed, or nothing moves any more.
    private func watch(
        _ onStall: @Sendable (BatonError) -> Void, _ report: @Sendable (Progress) -> Void,
        _ absence: @Sendable () async -> BatonError?
    ) async -> BatonError {
        var watch = StallWatch()
        let end = ContinuousClock.now + .milliseconds(deadline)
        while true {
            let next = min(ContinuousClock.now + .seconds(1), end)
            do { try await Task.sleep(until: next) } catch { break }
            if next == end { break }
            let (sample, note) = meter.tick()
            watch.tick(sample)
            report(
                Progress(
                    bytesIn: sample.bytes, bytesOut: sample.bytes, entries: sample.entries,
                    waiting: watch.stalledTicks > 1 || sample.isPatient ? watch.culprit : .nothing, note: note))
            if watch.stalledTicks * 1000 >= Int(stall) {
                let error = stalled(watch)
                onStall(error)
                return error
            }
            if meter.isOutOfPatience, let error = await absence() { return error }
        }
        return BatonError(
            .deadline, "the transfer of \(reference) took longer than allowed", path: reference.path)
    }

    private func stalled(_ watch: StallWatch) -> BatonError {
        if var error = meter.interruption {
            error.message += "; it did not come back within \(watch.stalledTicks) seconds; \(advice)"
            return error
        }
        return BatonError(
            .deadline,
            "nothing of \(reference) has moved for \(watch.stalledTicks) seconds; what holds it up is \(watch.culprit.name); \(advice)",
            path: reference.path)
    }
}
