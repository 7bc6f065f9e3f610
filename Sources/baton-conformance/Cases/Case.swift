/// One behaviour that is checked, as it stands in its file.
struct Case {
    enum Tested: String { case relay, agent }

    let name: String
    let rules: [String]
    let tested: Tested
    let file: String
    let needsProcess: Bool
    /// Root may do what it is about.
    let needsUser: Bool
    let needsQuiet: Bool
    let start: [String]?
    let within: Duration
    let beside: Beside?
    /// Made of a vector: an agent lives on for the next one.
    let isVector: Bool
    /// As written: what stands in braces is filled in when it runs.
    private let written: [JSON]
    private let layouts: Layouts

    struct Beside { var exists: Duration }

    init(_ json: JSON, file: String, _ layouts: Layouts) throws {
        var keys = try Keys(json, layouts)
        name = try keys.string("name")
        self.file = file
        self.layouts = layouts
        do {
            rules = try keys.strings("rules") ?? []
            guard !rules.isEmpty else { throw CaseError("\"rules\" is missing or empty") }
            guard let tested = Tested(rawValue: try keys.string("of")) else {
                throw CaseError("\"of\" takes relay or agent")
            }
            self.tested = tested
            let needs = try keys.strings("needs") ?? []
            guard needs.allSatisfy(["process", "user", "quiet"].contains) else {
                throw CaseError("\"needs\" knows process, user, quiet")
            }
            needsProcess = needs.contains("process")
            needsUser = needs.contains("user")
            needsQuiet = needs.contains("quiet")
            start = try keys.strings("start")
            within = try keys.milliseconds("within_ms") ?? .seconds(30)
            beside = try keys.object("beside").map { members in
                var keys = try Keys(.object(members), layouts)
                guard let exists = try keys.milliseconds("exists_ms") else {
                    throw CaseError("\"exists_ms\" is missing")
                }
                try keys.end()
                return Beside(exists: exists)
            }
            guard beside == nil || tested == .relay else { throw CaseError("\"beside\" is for relays") }
            guard let steps = try keys.array("steps"), !steps.isEmpty else { throw CaseError("\"steps\" is missing") }
            written = steps
            isVector = false
            try keys.end()
            _ = try self.steps(.rehearsal)
        } catch let error as CaseError {
            throw error.at("\"\(name)\"")
        }
    }

    /// One made of a vector.
    init(
        name: String, rules: [String], tested: Tested, file: String, steps: [JSON], _ layouts: Layouts
    ) throws {
        self.name = name
        self.rules = rules
        self.tested = tested
        self.file = file
        self.layouts = layouts
        needsProcess = false
        needsUser = false
        needsQuiet = false
        start = nil
        within = .seconds(30)
        beside = nil
        isVector = true
        written = steps
        _ = try self.steps(.rehearsal)
    }

    /// A step, and how it is written.
    struct Line {
        let step: any Step
        let text: String
    }

    func steps(_ expansion: Expansion) throws -> [Line] {
        try written.enumerated().map { index, json in
            do {
                return Line(step: try Verbs.read(try expansion(json), tested: tested, layouts), text: json.text)
            } catch let error as CaseError {
                throw error.at("step \(index + 1), \(json.text.prefix(300))")
            }
        }
    }

    func arguments(_ expansion: Expansion) throws -> [String]? {
        guard let start, case .array(let expanded) = try expansion(.array(start.map { .string($0) })) else {
            return nil
        }
        return expanded.compactMap { if case .string(let text) = $0 { text } else { nil } }
    }
}
