import Foundation
import Testing

/// Every target with what is kept for it and with a few inputs of its own, the same in each run. `make fuzz` looks further.
@Suite struct ReplayTests {
    @Test(arguments: FuzzTarget.all)
    func `what was found once, and what the corpus holds, is taken as it should be`(target: FuzzTarget) throws {
        let kept = Kept.inputs(of: target)
        try #require(!kept.isEmpty, "nothing is kept for \(target.name)")
        for input in kept { try replay(input, target) }
    }

    @Test(arguments: FuzzTarget.all)
    func `inputs that differ a little from the corpus are taken as they should be`(target: FuzzTarget) throws {
        var mutator = Mutator(corpus: Kept.inputs(of: target), longest: target.longest)
        let clock = ContinuousClock()
        let start = clock.now
        for _ in 0..<400 {
            let input = mutator.next()
            try replay(input, target)
        }
        #expect(start.duration(to: clock.now) < .seconds(60), "an input takes too long")
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

/// The corpus, the regressions and the vectors: one input a line, in hexadecimal digits; a line with `#` is a comment.
enum Kept {
    static func inputs(of target: FuzzTarget) -> [[UInt8]] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let files = ["Regressions", "Corpus"].map { folder.appending(path: "\($0)/\(target.name).hex") }
        let lines = files.flatMap { (try? String(contentsOf: $0, encoding: .utf8))?.split(separator: "\n") ?? [] }
        return lines.filter { !$0.hasPrefix("#") }.map { [UInt8](hex: $0) } + target.seeds()
    }
}
