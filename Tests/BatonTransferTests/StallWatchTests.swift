import BatonProtocol
import Testing

@testable import BatonTransfer

@Suite("A stall is put down to a hop")
struct StallWatchTests {
    private static func relay(_ waiting: HopReport.Waiting, bytes: UInt64 = 100, age: Int = 1) -> StallWatch.Heard {
        StallWatch.Heard(report: HopReport(hop: .relay, waiting: waiting, bytes: bytes), age: age)
    }

    private static func owner(_ waiting: HopReport.Waiting, bytes: UInt64 = 100, age: Int = 1) -> StallWatch.Heard {
        StallWatch.Heard(report: HopReport(hop: .owner, waiting: waiting, bytes: bytes), age: age)
    }

    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let sample: StallWatch.Sample
        let culprit: Progress.Waiting

        init(_ name: String, _ culprit: Progress.Waiting, _ sample: StallWatch.Sample) {
            testDescription = name
            self.culprit = culprit
            self.sample = sample
        }
    }

    private static func sample(
        relay: StallWatch.Heard?, owner: StallWatch.Heard?, isWriting: Bool = false
    ) -> StallWatch.Sample {
        StallWatch.Sample(received: 100, isWriting: isWriting, relay: relay, owner: owner)
    }

    static let cases = [
        Case(
            "a frame that is being written", .receiverDisk,
            sample(relay: relay(.source), owner: owner(.source), isWriting: true)),
        Case("a relay that waits for credit", .receiverDisk, sample(relay: relay(.credit), owner: owner(.credit))),
        Case(
            "a relay whose network takes nothing", .receiverNetwork,
            sample(relay: relay(.network), owner: owner(.credit))),
        Case(
            "bytes that the relay has sent and that have not come", .receiverNetwork,
            sample(relay: relay(.nothing, bytes: 200), owner: owner(.source, bytes: 200))),
        Case("a relay that says nothing", .relay, sample(relay: nil, owner: nil)),
        Case(
            "a relay that has fallen silent", .relay,
            sample(relay: relay(.source, age: 4), owner: owner(.source, age: 4))),
        Case(
            "an owner that has no credit although the relay has nothing", .relay,
            sample(relay: relay(.source), owner: owner(.credit))),
        Case(
            "an owner whose network takes nothing", .originNetwork,
            sample(relay: relay(.source), owner: owner(.network))),
        Case(
            "bytes that the owner has sent and the relay has not", .originNetwork,
            sample(relay: relay(.source), owner: owner(.source, bytes: 200))),
        Case(
            "an owner that has fallen silent", .originNetwork,
            sample(relay: relay(.source), owner: owner(.source, age: 4))),
        Case(
            "a relay that answers from its store and waits for its disk", .relay,
            StallWatch.Sample(received: 100, isFromStore: true, relay: relay(.source))),
        Case("an owner that has nothing to send", .originDisk, sample(relay: relay(.source), owner: owner(.source))),
    ]

    @Test(arguments: cases)
    func `who is slow shows in what the hops report`(_ this: Case) {
        var watch = StallWatch()
        watch.tick(this.sample)
        watch.tick(this.sample)
        #expect(watch.culprit == this.culprit)
    }

    @Test func `seconds without progress are counted from the last that had some`() {
        var watch = StallWatch()
        var sample = Self.sample(relay: nil, owner: nil)
        watch.tick(sample)
        #expect(watch.stalledTicks == 0 && watch.culprit == .nothing)
        for expected in 1...3 {
            watch.tick(sample)
            #expect(watch.stalledTicks == expected)
        }
        sample.received += 1
        watch.tick(sample)
        #expect(watch.stalledTicks == 0 && watch.culprit == .nothing)
    }

    @Test func `an entry without data is progress`() {
        var watch = StallWatch()
        watch.tick(StallWatch.Sample())
        watch.tick(StallWatch.Sample(entries: 1))
        #expect(watch.stalledTicks == 0)
    }

    @Test func `waiting for a path to appear is no stall`() {
        var watch = StallWatch()
        for _ in 0..<5 { watch.tick(StallWatch.Sample(isPatient: true)) }
        #expect(watch.stalledTicks == 0 && watch.culprit == .origin)
    }
}
