import BatonClient
import BatonProtocol

/// Calls works through one agent, and asks again when the way there was lost (CAL-19). Knows nothing of distributed actors.
struct Caller: Sendable {
    let agent: AgentClient

    /// How long a way that was lost may take to come back.
    private static let patience = Duration.seconds(60)

    func call(_ work: WorkName, _ method: String, _ values: CallValues) async throws(CallError) -> CallResult {
        let limits = CallLimits.current
        var random = SystemRandomNumberGenerator()
        let id = (0..<Limits.callID).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        var order = CallOrder(
            id: id, build: try Build.digest(), method: method, values: values,
            runSeconds: UInt32(clamping: max(1, limits.answer.components.seconds)))
        let start = ContinuousClock.now
        var giveUp = start + limits.reach
        var pause = Duration.milliseconds(50)
        while true {
            let sent = ContinuousClock.now
            do throws(BatonError) {
                return try await agent.call(work, order, within: max(.milliseconds(1), giveUp - sent))
            } catch {
                let now = ContinuousClock.now
                if await agent.isGone {
                    throw CallError(
                        .interrupted, "the agent of this program is gone: \(error.message)", work: work.description)
                }
                switch error.code {
                case .interrupted:
                    // From now on it is only asked after: nobody knows how far it came.
                    if !order.isAgain || now - sent > .seconds(5) { giveUp = now + Caller.patience }
                    order.isAgain = true
                case .unreachable, .busy: break
                default: throw CallError(error, work: work)
                }
                guard now + pause < giveUp, (try? await Task.sleep(for: pause)) != nil else {
                    if Task.isCancelled { throw cancelled(work) }
                    if order.isAgain {
                        throw CallError(
                            .interrupted,
                            "the way to work '\(work)' was lost while it had the call, and has not come back within \(Caller.patience); the call may have run, in part or whole",
                            work: work.description)
                    }
                    throw CallError(error, work: work)
                }
                pause = min(pause * 2, .seconds(1))
            }
        }
    }

    private func cancelled(_ work: WorkName) -> CallError {
        CallError(.cancelled, "the call to work '\(work)' was cancelled", work: work.description)
    }
}
