import BatonClient
import BatonProtocol
public import Distributed
import FoundationEssentials
import Synchronization

/// The actor system of works: calls travel as frames of the protocol, by way of the relay, also from one work to another in the same
/// process. Each work has a system of its own, which hosts this work alone; a flow has one that hosts none.
public final class BatonSystem: DistributedActorSystem {
    public typealias ActorID = WorkID
    public typealias InvocationEncoder = BatonInvocationEncoder
    public typealias InvocationDecoder = BatonInvocationDecoder
    public typealias ResultHandler = BatonResultHandler
    public typealias SerializationRequirement = any Codable

    /// Calls other works.
    private let caller: Caller
    /// The work that this system hosts; `nil` in a flow.
    private let place: WorkPlace?
    private let actors = Mutex(Actors())

    private struct Actors {
        var count = 0
        /// The work, from when it is ready until it is gone.
        var hosted: (any Work)?
    }

    init(caller: Caller, place: WorkPlace?) {
        self.caller = caller
        self.place = place
    }

    // MARK: Actors

    public func assignID<Act>(_ actorType: Act.Type) -> WorkID where Act: DistributedActor, Act.ID == WorkID {
        let number = actors.withLock { actors in
            actors.count += 1
            return actors.count
        }
        // Whoever makes further actors with the system of a work has them for itself: they have no name by which to be called.
        return WorkID(
            name: "\(place?.context.work.description ?? "")\(number == 1 && place != nil ? "" : "#\(number)")")
    }

    public func actorReady<Act>(_ actor: Act) where Act: DistributedActor, Act.ID == WorkID {
        guard let work = actor as? any Work, work.id.name == place?.context.work.description else { return }
        actors.withLock { $0.hosted = work }
    }

    public func resignID(_ id: WorkID) {}

    /// Every work is remote but the one that this system hosts.
    public func resolve<Act>(id: WorkID, as actorType: Act.Type) throws -> Act?
    where Act: DistributedActor, Act.ID == WorkID {
        guard let hosted = actors.withLock({ $0.hosted }), hosted.id == id else { return nil }
        return hosted as? Act
    }

    /// The work's actor and its system hold each other; this lets go.
    func release() { actors.withLock { $0.hosted = nil } }

    // MARK: Calls

    public func makeInvocationEncoder() -> BatonInvocationEncoder {
        BatonInvocationEncoder(sender: place?.context.work)
    }

    public func remoteCall<Act, Err, Res>(
        on actor: Act, target: RemoteCallTarget, invocation: inout BatonInvocationEncoder, throwing: Err.Type,
        returning: Res.Type
    ) async throws -> Res where Act: DistributedActor, Act.ID == WorkID, Err: Error, Res: Codable {
        let values = try await call(actor.id, target, invocation.values)
        return try CallCoding(system: self).decode(Res.self, from: Data(values.bytes))
    }

    public func remoteCallVoid<Act, Err>(
        on actor: Act, target: RemoteCallTarget, invocation: inout BatonInvocationEncoder, throwing: Err.Type
    ) async throws where Act: DistributedActor, Act.ID == WorkID, Err: Error {
        _ = try await call(actor.id, target, invocation.values)
    }

    private func call(_ id: WorkID, _ target: RemoteCallTarget, _ values: CallValues) async throws -> CallValues {
        let work: WorkName
        do { work = try WorkName(id.name) } catch {
            throw CallError(.unsupported, "'\(id)' is no work that could be called: \(error)")
        }
        // What a work hands over is shared, or whoever gets it could not come for it.
        try await place?.shareHandedOver(values.references)
        let result = try await caller.call(work, target.identifier, values)
        try await place?.fetch(result.values.references)
        if result.thrown != nil { throw ThrownError.read(result, from: work, CallCoding(system: self)) }
        return result.values
    }
}

/// The name of a work, by which flows and works call it.
public struct WorkID: Hashable, Sendable, Codable, CustomStringConvertible {
    public let name: String

    public init(name: String) { self.name = name }

    public init(from decoder: any Decoder) throws {
        name = try decoder.singleValueContainer().decode(String.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(name)
    }

    public var description: String { name }
}
