import BatonFiles
import BatonProtocol
import NIOCore

@testable import BatonFiles

extension FuzzTarget {
    /// What judges the messages of a tree takes nothing that must not be in one.
    ///
    /// Input: attributes, base and limits, then the steps of a ``TreeScript``.
    static let treeOrder = FuzzTarget(
        name: "tree-order",
        code: ["BatonFiles/Writing/TreeOrder.swift", "BatonFiles/Writing/EntryRules.swift"],
        seeds: { treeSeeds },
        check: { input in
            var choices = Choices(input)
            let options = choices.byte()
            var limits = TreeLimits()
            if options & 8 != 0 { (limits.entries, limits.depth, limits.bytes) = (5, 2, 1000) }
            let (takesAttributes, takesKept) = (options & 1 != 0, options & 2 != 0)
            var order = TreeOrder(limits: limits, takesAttributes: takesAttributes, takesKept: takesKept)
            var model = TreeModel(takesAttributes: takesAttributes, takesKept: takesKept)
            var script = TreeScript(choices)
            while let step = script.next() {
                guard case .frame(let frame) = step else {
                    order.beginStream()
                    model.beginStream()
                    continue
                }
                guard let message = try? Message(frame) else { return }
                do throws(BatonError) { try order.admit(message) } catch {
                    return try expect([.corrupt, .tooLarge].contains(error.code), "\(error)")
                }
                try model.take(message)
                try expect(order.total == model.total, "\(order.total) were taken, not \(model.total)")
                let total = order.total
                try expect(
                    total.entries <= limits.entries && total.bytes <= limits.bytes, "\(total) is over the limits")
            }
        })

    /// The sequences of the vectors, each with and without attributes.
    static var treeSeeds: [[UInt8]] {
        Vectors.trees.flatMap { sequence in
            let frames = sequence.frames.flatMap(TreeScript.step)
            let base: UInt8 = sequence.base == nil ? 0 : 2
            return [[base] + frames, [base | 1] + frames, [base | 8] + frames]
        }
    }
}
