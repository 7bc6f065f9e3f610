/// When which process of a transfer is killed.
struct Kill: Sendable, CustomStringConvertible {
    enum Process: String, CaseIterable, Sendable {
        case receiver, origin, relay
    }

    /// A point in one of the processes; see `Moment` in BatonProtocol.
    struct Moment: Sendable, Equatable {
        let of: Process
        let name: String
        let phase: Phase
    }

    enum Phase: Sendable {
        case beginning, data, publishing, published
    }

    let victim: Process
    let moment: Moment
    /// It is when the moment comes for this time.
    let count: Int
    let old: MixedTree.Old

    var description: String { "\(victim) killed at \(moment.name):\(count) over \(old.rawValue)" }

    /// Some of the data is safe in the stage, and so much is missing that it cannot be under way: what came must be resumed.
    var mustResume: Bool {
        moment.name == "chunk-written" && (Kill.firstSafeChunk...MixedTree.chunksBeforeTheLastFiles).contains(count)
    }

    /// With this chunk, more than 1 MiB of the tree has come: the journal has been written once at least.
    static let firstSafeChunk = 12
}

extension Kill.Moment {
    /// A point, and how often it comes at least in a get of the mixed tree, from the first chunk on.
    static let all: [(moment: Kill.Moment, times: Int)] = [
        (.init(of: .receiver, name: "stage-recorded", phase: .beginning), 1),
        (.init(of: .receiver, name: "stage-made", phase: .beginning), 1),
        (.init(of: .receiver, name: "entry-made", phase: .data), MixedTree.entriesBeforeTheLastFiles),
        (.init(of: .receiver, name: "chunk-written", phase: .data), MixedTree.chunksBeforeTheLastFiles),
        (.init(of: .receiver, name: "journal-flushed", phase: .data), 3),
        (.init(of: .origin, name: "entry-read", phase: .data), MixedTree.entriesBeforeTheLastFiles),
        (.init(of: .origin, name: "chunk-read", phase: .data), MixedTree.chunksBeforeTheLastFiles),
        (.init(of: .relay, name: "chunk-forwarded", phase: .data), MixedTree.chunksBeforeTheLastFiles),
        (.init(of: .origin, name: "before-end", phase: .data), 1),
        (.init(of: .receiver, name: "end-received", phase: .publishing), 1),
        (.init(of: .receiver, name: "before-exchange", phase: .publishing), 1),
        (.init(of: .receiver, name: "after-exchange", phase: .published), 1),
        (.init(of: .receiver, name: "before-removal", phase: .published), 1),
        (.init(of: .receiver, name: "record-removed", phase: .published), 1),
    ]
}

extension Kill {
    /// So many moments for one process, the same each time: of fifty, 25 between the first and the last chunk where what
    /// came must be resumed, 15 around publishing, and 10 elsewhere.
    static func plan(_ victim: Process, _ number: Int) -> [Kill] {
        let around = Moment.all.filter { [.publishing, .published].contains($0.moment.phase) }
        let written = Moment.all.filter { $0.moment.name == "chunk-written" }
        let others = Moment.all.filter { [.beginning, .data].contains($0.moment.phase) }
            .filter { $0.moment.name != "chunk-written" }
        /// Goes through `moments` in turn, and from the first time that each comes to the last.
        func spread(_ moments: [(moment: Moment, times: Int)], from first: Int, _ number: Int) -> [Kill] {
            (0..<number).map { index in
                let (moment, times) = moments[index % moments.count]
                let count = max(1, min(times, first + index * max(0, times - first) / max(1, number - 1)))
                let olds = MixedTree.Old.allCases.filter { $0 != .nothing || moment.name != "before-removal" }
                let old = olds[(index / moments.count + index) % olds.count]
                return Kill(victim: victim, moment: moment, count: count, old: old)
            }
        }
        let (data, publishing) = ((number + 1) / 2, number * 3 / 10)
        return spread(written, from: firstSafeChunk, data) + spread(around, from: 1, publishing)
            + spread(others, from: 1, number - data - publishing)
    }

    /// So many moments for one process, drawn from all.
    static func plan(_ victim: Process, _ number: Int, random: inout some RandomNumberGenerator) -> [Kill] {
        (0..<number).map { _ in
            let (moment, times) = Moment.all[Int.random(in: Moment.all.indices, using: &random)]
            let old = MixedTree.Old.allCases[Int.random(in: 0..<3, using: &random)]
            let isOdd = moment.name == "before-removal" && old == .nothing
            return Kill(
                victim: victim, moment: moment, count: Int.random(in: 1...times, using: &random),
                old: isOdd ? .tree : old)
        }
    }
}
