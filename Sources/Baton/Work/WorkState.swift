import BatonProtocol
import Distributed

/// The paths among the stored properties of a work, at any depth.
struct WorkState {
    private(set) var references: [Reference] = []
    private var seen = 0

    /// - Parameter work: `nil` if it is not in this process; nothing of a work elsewhere can be seen.
    static func paths(of work: some Work) async -> [Reference] {
        await work.whenLocal { work in
            var state = WorkState()
            for child in Mirror(reflecting: work).children where child.label != "id" && child.label != "actorSystem" {
                state.collect(child.value, depth: 0)
            }
            return state.references
        } ?? []
    }

    /// Bounds for what is looked at: a work may hold a model of any size, or values that lead in circles.
    private static let deepest = 16
    private static let most = 100_000

    private mutating func collect(_ value: Any, depth: Int) {
        if let path = value as? Path {
            references.append(path.reference)
            return
        }
        seen += 1
        guard depth < WorkState.deepest, seen < WorkState.most, !(value is any DistributedActor) else { return }
        let mirror = Mirror(reflecting: value)
        for child in mirror.children {
            // Weights, names and the like hold no paths, and there may be millions of them.
            if mirror.displayStyle == .collection || mirror.displayStyle == .set, WorkState.isPlain(child.value) {
                return
            }
            collect(child.value, depth: depth + 1)
        }
        if let parent = mirror.superclassMirror {
            for child in parent.children { collect(child.value, depth: depth + 1) }
        }
    }

    private static func isPlain(_ value: Any) -> Bool { value is any Numeric || value is String || value is Bool }
}
