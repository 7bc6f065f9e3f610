import Foundation
import Testing

/// Every target with what is kept for it and with a few inputs of its own, the same in each run. `make fuzz` looks further.
@Suite(.serialized) struct ReplayTests {
    @Test(arguments: FuzzTarget.all)
    func `what was found once, and what the corpus holds, is taken as it should be`(target: FuzzTarget) throws {
        let kept = Kept.inputs(of: target)
        try #require(!kept.isEmpty, "nothing is kept for \(target.name)")
        for input in kept { try replay(input, target) }
    }

    @Test(arguments: FuzzTarget.all)
    func `inputs that differ a little from the corpus are taken as they should be`(target: FuzzTarget) throws {
        var mutator = Mutator(corpus: Kept.inputs(of: target), longest: target.longest)
        for _ in 0..<600 {
            try replay(mutator.next(), target)
        }
    }

    private func replay(_ input: [UInt8], _ target: FuzzTarget) throws {
        do { try target.check(input) } catch {
            Issue.record("\(target.name) \(input.hex): \(error)")
            throw error
        }
    }
}

extension FuzzTarget: CustomTestStringConvertible {
    var testDescription: String { name }
}

/// The regressions, the corpus and some of the vectors: one input a line, in hexadecimal digits; a line with `#` is a comment.
enum Kept {
    static func inputs(of target: FuzzTarget) -> [[UInt8]] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let files = ["Regressions", "Corpus"].map { folder.appending(path: "\($0)/\(target.name).hex") }
        let lines = files.flatMap { (try? String(contentsOf: $0, encoding: .utf8))?.split(separator: "\n") ?? [] }
        let seeds = target.seeds()
        // Which are all decoded by tests of their own.
        let some = stride(from: 0, to: seeds.count, by: 1 + seeds.count / 100).map { seeds[$0] }
        return lines.filter { !$0.hasPrefix("#") }.map { [UInt8](hex: $0) } + some
    }
}
