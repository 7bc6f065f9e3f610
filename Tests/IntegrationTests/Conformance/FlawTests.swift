import Testing

/// Debug builds of the programs can be told to break one rule; see `Flaw` in BatonProtocol.
///
/// They need not be patient: what does not come is what they are there to find.
@Suite("A program that breaks a rule fails the cases of that rule", .timeLimit(.patientMinutes(30)))
struct FlawTests {
    private static let relayRules = [
        "FRM-7", "FRM-9", "SES-14", "SES-29", "SES-38", "STR-14", "STR-18", "CRD-1", "CRD-4", "TLS-13",
        "KEP-9",
    ]
    private static let agentRules = ["OPS-3", "TRE-19", "SES-38", "STR-18"]

    @Test("A relay, and the rule is named", arguments: relayRules)
    func relay(_ rule: String) async throws {
        let program = try Program.ours("baton-relay")
        let output = try await CaseFile(name: rule).run(
            ["--no-vectors"],
            against: [
                "env", "BATON_BREAK=\(rule)", program, "--listen", "{address}", "--certs", "{certs}", "--store",
                "{store}",
            ], patience: 1)
        expectFailure(output, of: rule)
    }

    @Test("An agent, and the rule is named", arguments: agentRules)
    func agent(_ rule: String) async throws {
        let program = try Program.ours("baton-agent")
        let output = try await CaseFile(name: rule).run(
            ["--agent", "--no-vectors"],
            against: [
                "env", "BATON_BREAK=\(rule)", program, "--relay", "{relay}", "--certs", "{certs}", "--root", "{root}",
            ], patience: 1)
        expectFailure(output, of: rule)
    }

    /// Cases that pass and fail stand in the output, and those that fail name their rules.
    private func expectFailure(
        _ output: Program.Output, of rule: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(output.status == 1, "\(output)", sourceLocation: sourceLocation)
        // The program did start, and kept to what it was asked before it broke the rule.
        #expect(!output.stdout.contains("before the first step"), "\(output)", sourceLocation: sourceLocation)
        let named = output.stdout.split(separator: "\n").contains { line in
            line.hasPrefix("  rules ") && line.split(separator: " ").contains { $0 == rule }
        }
        #expect(named, "no case that failed names \(rule)\n\(output)", sourceLocation: sourceLocation)
    }
}
