import BatonProtocol

/// The works that a flow calls, by name.
struct Cast: Sendable {
    struct Member: Sendable {
        let name: WorkName
        let remote: any AnyRemote
    }

    /// In the order in which the flow has them.
    private(set) var members: [Member] = []

    /// - Throws: ``CallError`` `unsupported`: a name that cannot be, or that two have; a type that cannot be a work's.
    init(of flow: some Flow) throws(CallError) {
        try collect(flow, depth: 0)
        var names: Set<WorkName> = []
        for member in members {
            guard names.insert(member.name).inserted else {
                throw CallError(
                    .unsupported,
                    "two works of the flow are called '\(member.name)'; give one of them another name: @Remote(\"name\")",
                    work: member.name.description)
            }
            _ = try TargetNames(member.remote.type)
        }
    }

    subscript(name: String) -> Member? { members.first { $0.name.description == name } }

    /// What a flow holds in arrays and in parts of its own counts, too.
    private mutating func collect(_ value: Any, depth: Int) throws(CallError) {
        guard depth < 8 else { return }
        for (label, child) in Mirror(reflecting: value).children {
            guard let remote = child as? any AnyRemote else {
                try collect(child, depth: depth + 1)
                continue
            }
            let text = remote.name(ofProperty: label) ?? ""
            do throws(NameError) { members.append(Member(name: try WorkName(text), remote: remote)) } catch {
                throw CallError(
                    .unsupported, "a work of the flow has no good name; give it one: @Remote(\"name\") (\(error))")
            }
        }
    }
}
