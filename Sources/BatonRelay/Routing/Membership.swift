import BatonProtocol
import BatonTransport
import NIOCore

/// A connected work.
struct Member {
    let session: Session
    /// Good for the session's next lane.
    var ticket: [UInt8]
    var lane: Lane?
    /// Transfers that the work was asked for before it had a lane.
    var waiting: [StreamID: Transfer] = [:]
    /// It has said goodbye and takes nothing new.
    var isLeaving = false
}

/// The works that are connected: one session each, the newest.
struct Membership {
    private var members: [WorkKey: Member] = [:]
    private var keys: [ObjectIdentifier: WorkKey] = [:]

    var isEmpty: Bool { members.isEmpty }
    var channels: [any Channel] {
        members.values.flatMap { [$0.lane?.channel, $0.session.channel].compactMap(\.self) }
    }
    var sessions: [Session] { members.values.map(\.session) }

    subscript(_ key: WorkKey) -> Member? { members[key] }

    /// The work of a session, unless a newer one has taken its place.
    func key(of session: Session) -> WorkKey? { keys[ObjectIdentifier(session)] }

    func member(of session: Session) -> Member? { key(of: session).flatMap { members[$0] } }

    /// Without effect if the session is a member no more.
    mutating func update(_ session: Session, _ change: (inout Member) -> Void) {
        guard let key = key(of: session), var member = members[key] else { return }
        change(&member)
        members[key] = member
    }

    mutating func enter(_ session: Session, as key: WorkKey, ticket: [UInt8]) {
        members[key] = Member(session: session, ticket: ticket)
        keys[ObjectIdentifier(session)] = key
    }

    /// - Returns: what it was; `nil` if it had left before.
    mutating func leave(_ session: Session) -> Member? {
        keys.removeValue(forKey: ObjectIdentifier(session)).flatMap { members.removeValue(forKey: $0) }
    }
}
