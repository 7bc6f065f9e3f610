import BatonProtocol
import Synchronization

/// Paths on their way out of a work or a flow: ``Path/encode(to:)`` hands itself over to it while the values of a call are encoded,
/// so that the envelope can carry a list of them, however deep they lie.
final class Handing: Sendable {
    /// The work that hands them over; `nil`: a flow, which owns no files.
    private let sender: WorkName?
    private let references = Mutex<[Reference]>([])

    /// Set while the values of a call are encoded.
    @TaskLocal static var current: Handing?

    init(sender: WorkName?) { self.sender = sender }

    /// Notes a path that leaves, and attaches it: a path of the sender's own gets the sender as its origin.
    func attach(_ reference: Reference) -> Reference {
        let attached = Reference(origin: reference.origin ?? sender, path: reference.path)
        references.withLock { $0.append(attached) }
        return attached
    }

    /// What has an origin among the paths that were handed over, each once, in the order of their first occurrence.
    var attached: [Reference] {
        var seen: Set<Reference> = []
        return references.withLock { $0 }.filter { $0.origin != nil && seen.insert($0).inserted }
    }
}
