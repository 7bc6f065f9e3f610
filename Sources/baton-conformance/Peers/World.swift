internal import Glibc

/// All connections of one case, in one loop on one thread.
final class World {
    let layouts: Layouts
    let certificates: String
    let counterpart: Counterpart
    var bindings = Bindings()
    /// How many times as long what depends on the machine's speed may take.
    var patience = 1
    /// The whole case has to be over.
    var deadline = ContinuousClock.now + .seconds(30)
    private(set) var connections: [String: Connection] = [:]
    /// Also those whose name another one has taken.
    private(set) var all: [Connection] = []
    /// Agents: connections that have come and that no step has claimed.
    var arrivals: [Connection] = []
    /// With which arguments an agent is started by the first step that needs it.
    var startArguments: [String]?
    /// Agents: lanes that are answered when they come.
    var promises: [LanePromise] = []
    /// Bytes that are sent slowly.
    var drips: [Drip] = []
    /// Whoever dials now is for the next case.
    private var isFinishing = false
    /// A step has seen the tested program end.
    var hasSeenExit = false
    private var contexts: [ContextKey: TLSContext] = [:]

    private struct ContextKey: Hashable {
        var role: TLSContext.Role
        var work: String
        var proposal: TLSProposal
    }

    init(_ layouts: Layouts, certificates: String, counterpart: Counterpart) {
        self.layouts = layouts
        self.certificates = certificates
        self.counterpart = counterpart
    }

    // MARK: Connections

    /// - Throws: ``StepFailure`` for a lane of an agent that it does not join.
    func connection(_ name: String) throws -> Connection {
        if let connection = connections[name] { return connection }
        guard promises.contains(where: { $0.name == name }) else {
            throw CaseError("there is no connection \"\(name)\" here")
        }
        let limit = Duration.seconds(10)
        guard try wait(atMost: limit, for: { connections[name] != nil }), let connection = connections[name] else {
            throw StepFailure(expected: "that the agent joins a lane within \(limit.text)", came: unclaimed)
        }
        return connection
    }

    /// Connections of an agent that no step has claimed, for a person.
    var unclaimed: String {
        let texts = arrivals.map { arrival in
            let state = arrival.end.map { "\($0)" } ?? (arrival.wasOpen ? "is open" : "shakes hands")
            return "one that \(state), with \(text(arrival.inbox))"
        }
        return texts.isEmpty ? "no connection" : texts.joined(separator: ", ")
    }

    func add(_ connection: Connection) throws {
        if let older = connections[connection.name], !older.isFinished, !older.hasFinished {
            throw CaseError("\"\(connection.name)\" is the name of a connection that is open")
        }
        connections[connection.name] = connection
        if !all.contains(where: { $0 === connection }) { all.append(connection) }
    }

    /// Keeps a connection that no step names.
    func hold(_ connection: Connection) { all.append(connection) }

    func drop(_ connection: Connection) { all.removeAll { $0 === connection } }

    func context(_ role: TLSContext.Role, work: String, proposal: TLSProposal = TLSProposal()) throws -> TLSContext {
        let key = ContextKey(role: role, work: work, proposal: proposal)
        if let context = contexts[key] { return context }
        let context = try TLSContext(role, directory: "\(certificates)/\(work)", proposal: proposal)
        contexts[key] = context
        return context
    }

    // MARK: Waiting

    /// Reads, answers and writes until the condition holds.
    ///
    /// - Parameter interval: how often to look at what no connection tells.
    /// - Returns: whether it did before the limit.
    /// - Throws: ``StepFailure`` when a peer sent what nobody may send, or the case takes too long.
    func wait(
        until end: ContinuousClock.Instant, poll interval: Duration = .seconds(1), for condition: () throws -> Bool
    ) throws -> Bool {
        while true {
            try Interruption.check()
            if let broken = all.first(where: { $0.violation != nil }), let violation = broken.violation {
                throw StepFailure(expected: "what no case excuses from", came: violation, connection: broken.name)
            }
            if try condition() { return true }
            let now = ContinuousClock.now
            if now >= end { return false }
            guard now < deadline else {
                throw StepFailure(expected: "an end of the whole case in time", came: "its time is over")
            }
            try turn(until: min(end, deadline, now + interval))
        }
    }

    /// The same, for what has to come: so many times as long as `limit` as patience has it.
    func wait(
        atMost limit: Duration, poll interval: Duration = .seconds(1), for condition: () throws -> Bool
    ) throws -> Bool {
        try wait(until: .now + limit * patience, poll: interval, for: condition)
    }

    /// Reads and answers for that long.
    func idle(_ duration: Duration) throws { _ = try wait(until: .now + duration) { false } }

    /// One round of the loop.
    func turn(until end: ContinuousClock.Instant) throws {
        let now = ContinuousClock.now
        var wake = end
        for connection in all {
            guard let due = connection.nextPing else { continue }
            if due <= now { connection.ping() } else { wake = min(wake, due) }
        }
        for index in drips.indices { drips[index].fall(at: now) }
        drips.removeAll { $0.isOver }
        if let due = drips.map(\.due).min() { wake = min(wake, max(due, now)) }
        let polled = all.filter { $0.events != 0 }
        var descriptors = polled.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
        let listener = isFinishing ? nil : counterpart.listener
        if let listener { descriptors.append(pollfd(fd: listener, events: Int16(POLLIN), revents: 0)) }
        let milliseconds =
            polled.contains { $0.hasMore } ? 0 : Int32(clamping: (wake - now).milliseconds + 1)
        guard poll(&descriptors, nfds_t(descriptors.count), max(0, min(milliseconds, 1000))) >= 0 || errno == EINTR
        else {
            throw CaseError("poll: \(Sockets.reason())")
        }
        for (connection, found) in zip(polled, descriptors) {
            let canRead = found.revents & ~Int16(POLLOUT) != 0
            connection.proceed(
                canRead: canRead || connection.hasMore,
                canWrite: found.revents & Int16(POLLOUT | POLLERR | POLLHUP) != 0)
        }
        if let listener, descriptors.last?.revents != 0 { try counterpart.acceptAll(listener, for: self) }
        try keepPromises()
    }

    // MARK: The end of a case

    /// Ends what is open, and waits until the other side has noticed, so that the next case finds nobody.
    func finish() {
        drips.removeAll()
        all.removeAll { $0.isHeld }
        for connection in all where !connection.isFinished {
            connection.isDeaf = false
            connection.isMute = true
            if !connection.hasFinished { connection.close(connection.isOpen ? .notify : .truncate) }
        }
        isFinishing = true
        deadline = .now + .seconds(3)
        let end = ContinuousClock.now + .seconds(2)
        while all.contains(where: { !$0.isFinished }), .now < end {
            try? turn(until: end)
            for connection in all { connection.inbox.removeAll() }
        }
        all.removeAll()
        connections.removeAll()
        arrivals.removeAll()
    }
}
