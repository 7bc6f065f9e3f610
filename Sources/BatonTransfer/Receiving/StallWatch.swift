package import BatonProtocol

/// Says which hop of a transfer is slow, from what each hop reports about itself once a second, and for how long nothing has
/// moved. A value without I/O or clock.
package struct StallWatch {
    /// What is known at one tick.
    package struct Sample: Hashable {
        /// Entries and data bytes that have been written.
        package var entries: UInt64 = 0
        package var bytes: UInt64 = 0
        /// Lane payload of this attempt that has arrived.
        package var received: UInt64 = 0
        /// A frame is being written right now.
        package var isWriting = false
        /// Nobody expects anything to move: the path is awaited, or the tree is being published.
        package var isPatient = false
        /// Between two attempts: the way to the origin is broken.
        package var isInterrupted = false
        /// The relay has said that it answers itself: there is no owner.
        package var isFromStore = false
        package var relay: Heard?
        package var owner: Heard?

        package init(
            entries: UInt64 = 0, bytes: UInt64 = 0, received: UInt64 = 0, isWriting: Bool = false,
            isPatient: Bool = false, isInterrupted: Bool = false, isFromStore: Bool = false, relay: Heard? = nil,
            owner: Heard? = nil
        ) {
            (self.entries, self.bytes, self.received) = (entries, bytes, received)
            (self.isWriting, self.isPatient, self.isInterrupted) = (isWriting, isPatient, isInterrupted)
            self.isFromStore = isFromStore
            (self.relay, self.owner) = (relay, owner)
        }
    }

    /// The last report of a hop.
    package struct Heard: Hashable {
        package var report: HopReport
        /// How many ticks ago it came.
        package var age = 0

        package init(report: HopReport, age: Int = 0) {
            self.report = report
            self.age = age
        }
    }

    /// A hop that has said nothing for more ticks than this is not heard of.
    private static let silence = 3

    private var last = Sample()
    /// Ticks in a row without progress.
    package private(set) var stalledTicks = 0
    package private(set) var culprit = Progress.Waiting.nothing

    package init() {}

    /// One second has passed.
    package mutating func tick(_ sample: Sample) {
        let hasMoved = (sample.entries, sample.bytes, sample.received) != (last.entries, last.bytes, last.received)
        stalledTicks = hasMoved || sample.isPatient ? 0 : stalledTicks + 1
        culprit = hasMoved ? .nothing : StallWatch.culprit(in: sample)
        last = sample
    }

    private static func culprit(in sample: Sample) -> Progress.Waiting {
        if sample.isPatient || sample.isInterrupted { return .origin }
        if sample.isWriting { return .receiverDisk }
        guard let relay = sample.relay, relay.age <= silence else { return .relay }
        if relay.report.waiting == .network || relay.report.bytes > sample.received { return .receiverNetwork }
        if relay.report.waiting == .credit { return .receiverDisk }
        if sample.isFromStore { return .relay }
        guard let owner = sample.owner, owner.age <= silence else { return .originNetwork }
        if owner.report.waiting == .network || owner.report.bytes > relay.report.bytes { return .originNetwork }
        return owner.report.waiting == .credit ? .relay : .originDisk
    }
}
