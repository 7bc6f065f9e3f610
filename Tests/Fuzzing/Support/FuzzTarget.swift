/// One thing that takes bytes from outside, and what must hold of it whatever they are.
struct FuzzTarget: Sendable {
    let name: String
    /// Its own code: what its corpus is to cover, as a file below `Sources`, or `file: declaration > declaration in it`, a
    /// declaration being the beginning of its line.
    let code: [String]
    /// The longest input worth trying, in bytes.
    var longest = 4096
    /// Inputs to begin with, from the vectors of `Protocol/`.
    let seeds: @Sendable () -> [[UInt8]]
    /// Runs one input.
    ///
    /// - Throws: ``Finding`` if anything does not hold.
    let check: @Sendable ([UInt8]) throws -> Void
}

extension FuzzTarget {
    static let all: [FuzzTarget] =
        [.frames] + messages + [.reference, .path, .names, .identity, .certificate]
        + connections + streams + sessions + [.receiveWindow, .laneScheduler, .laneBursts, .credit]
        + [.treeOrder, .treeReceiver, .treeFrames, .manifest]

    static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }
}

/// Something that must hold does not.
struct Finding: Error, CustomStringConvertible {
    let description: String
}

func expect(_ holds: Bool, _ claim: @autoclosure () -> String) throws(Finding) {
    guard holds else { throw Finding(description: claim()) }
}
