import BatonProtocol
import Distributed
import Synchronization

/// A work that a flow calls, wherever it runs: a reference to it, and the app's knowledge that there is such a work.
///
/// Its name is that of the property, or the one that is given: `@Remote("left") var first: Producer`. Names are of one app, each is given
/// once.
@propertyWrapper
public struct Remote<Referenced: Work>: Sendable {
    private final class Binding: Sendable {
        let work = Mutex<Referenced?>(nil)
    }

    private let givenName: String?
    private let binding = Binding()

    /// A work with the name of the property.
    public init() { givenName = nil }

    /// A work with this name: 1 to 128 of `A-Z a-z 0-9 . _ -`.
    public init(_ name: String) { givenName = name }

    /// The work. Traps if no ``App`` runs the flow: only then is it known how to reach works.
    public var wrappedValue: Referenced {
        guard let work = binding.work.withLock({ $0 }) else {
            preconditionFailure("a @Remote work can be called in the run of a flow that an App runs, and nowhere else")
        }
        return work
    }
}

/// A ``Remote`` of any work.
protocol AnyRemote: Sendable {
    func name(ofProperty label: String?) -> String?
    func bind(to system: BatonSystem, as name: WorkName) throws
    var type: any Work.Type { get }
}

extension Remote: AnyRemote {
    func name(ofProperty label: String?) -> String? {
        givenName ?? label.map { $0.hasPrefix("_") ? String($0.dropFirst()) : $0 }
    }

    func bind(to system: BatonSystem, as name: WorkName) throws {
        let work = try Referenced.resolve(id: WorkID(name: name.description), using: system)
        binding.work.withLock { $0 = work }
    }

    var type: any Work.Type { Referenced.self }
}
