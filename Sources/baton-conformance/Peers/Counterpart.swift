/// What is tested: a relay that is dialled, or an agent that dials.
final class Counterpart {
    enum Side { case relay, agent }

    let side: Side
    /// Where the relay listens.
    var relay: Address?
    /// Where the runner listens as the relay of an agent.
    var listener: Int32?

    init(relay: Address?) {
        side = .relay
        self.relay = relay
    }

    func acceptAll(_ listener: Int32, for world: World) throws {}
}
