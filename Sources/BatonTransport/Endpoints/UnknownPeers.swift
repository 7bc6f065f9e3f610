import Synchronization

/// The connections whose peer is not greeted yet: no more than `limit` of them (chapter 3, SES-34). One too many takes the place of
/// the one whose handshake has taken longest (SES-40), so that nobody keeps others out by filling all places and waiting.
final class UnknownPeers: Sendable {
    private struct State {
        /// What makes each give up its place, as long as its handshake is not over; by number, in the order in which they came.
        var strangers: [UInt64: @Sendable () -> Void] = [:]
        /// Those that have shown a certificate and are to be greeted.
        var certified: Set<UInt64> = []
        /// No stranger has a lower number.
        var oldest: UInt64 = 0
        var next: UInt64 = 0
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    /// The place of one connection. All it does may come late, when the place is another's already, or twice.
    struct Place: Sendable {
        fileprivate let peers: UnknownPeers
        fileprivate let number: UInt64

        /// From now on nobody else takes it.
        ///
        /// - Returns: whether it was not taken before.
        func keep() -> Bool {
            peers.state.withLock { state in
                guard state.strangers.removeValue(forKey: number) != nil else { return false }
                state.certified.insert(number)
                return true
            }
        }

        func leave() {
            peers.state.withLock { state in
                if state.strangers.removeValue(forKey: number) == nil { state.certified.remove(number) }
            }
        }
    }

    /// - Parameter onDisplaced: told if another took the place; called where that one enters.
    /// - Returns: `nil` if all places are of those whose handshake is over.
    func enter(onDisplaced: @escaping @Sendable () -> Void) -> Place? {
        let (place, displaced) = state.withLock { state -> (Place?, (@Sendable () -> Void)?) in
            var displaced: (@Sendable () -> Void)?
            if state.strangers.count + state.certified.count >= limit {
                while displaced == nil, state.oldest < state.next {
                    displaced = state.strangers.removeValue(forKey: state.oldest)
                    state.oldest += 1
                }
                guard displaced != nil else { return (nil, nil) }
            }
            defer { state.next += 1 }
            state.strangers[state.next] = onDisplaced
            return (Place(peers: self, number: state.next), displaced)
        }
        displaced?()
        return place
    }
}
