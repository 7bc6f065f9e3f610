import BatonProtocol
import PropertyTesting
import Testing

@testable import BatonTransfer

@Suite("A stall is counted while nothing moves, and no longer", .timeLimit(.minutes(5)))
struct StallWatchTests {
    @Test func `ticks without progress are counted one by one, and somebody is to blame just as long`() async throws {
        try await checkProperty(runs: 100, steps: 200) { run in
            var watch = StallWatch()
            var sample = StallWatch.Sample()
            var stalled = 0
            func report(_ hop: HopReport.Hop) -> StallWatch.Heard? {
                guard let waiting = run.pick(HopReport.Waiting.allCases), !run.oneIn(5) else { return nil }
                let bytes = run.oneIn(4) ? run.next() : sample.received
                return StallWatch.Heard(
                    report: HopReport(hop: hop, waiting: waiting, bytes: bytes), age: run.number(0...6))
            }
            while run.step() {
                let before = sample
                switch run.number(0...7) {
                case 0: sample.bytes += UInt64(run.number(1...1000))
                case 1: sample.entries += 1
                // Another attempt begins its count anew.
                case 2: sample.received = run.oneIn(5) ? 0 : sample.received + UInt64(run.number(1...1000))
                default: break
                }
                sample.isPatient = run.oneIn(8)
                sample.isInterrupted = run.oneIn(8)
                sample.isWriting = run.oneIn(4)
                (sample.relay, sample.owner) = (report(.relay), report(.owner))
                let hasMoved =
                    (before.bytes, before.entries, before.received) != (sample.bytes, sample.entries, sample.received)
                stalled = hasMoved || sample.isPatient ? 0 : stalled + 1
                watch.tick(sample)
                run.note("\(hasMoved ? "something moves" : "nothing moves"): \(watch.stalledTicks), \(watch.culprit)")
                try run.expect(
                    watch.stalledTicks == stalled, "\(watch.stalledTicks) ticks are counted instead of \(stalled)")
                try run.expect((watch.culprit == .nothing) == hasMoved, "\(watch.culprit) is blamed")
            }
        }
    }
}
