internal import Foundation
internal import Glibc

/// What is printed: one line for each case, at the end the counts.
struct Report {
    let isJSON: Bool
    private var passed = 0
    private var failed = 0
    private var notRun = 0

    init(isJSON: Bool) { self.isJSON = isJSON }

    var isClean: Bool { failed == 0 }

    mutating func add(_ outcome: Outcome) {
        switch outcome.verdict {
        case .passed: passed += 1
        case .failed: failed += 1
        case .notRun: notRun += 1
        }
        say(isJSON ? Self.json(Self.members(outcome)) : Self.text(outcome))
    }

    func end() {
        say(
            isJSON
                ? Self.json(["passed": passed, "failed": failed, "not_run": notRun])
                : "\(passed) passed, \(failed) failed, \(notRun) not run")
    }

    func list(_ cases: [Case]) {
        for one in cases {
            let members: [String: Any] = [
                "name": one.name, "rules": one.rules, "of": one.tested.rawValue, "file": one.file,
            ]
            say(isJSON ? Self.json(members) : "\(one.tested)  \(one.rules.joined(separator: " "))  \(one.name)")
        }
    }

    private func say(_ line: String) {
        print(line)
        fflush(nil)
    }

    private static func text(_ outcome: Outcome) -> String {
        let rules = outcome.tested.rules.joined(separator: " ")
        switch outcome.verdict {
        case .passed:
            let beside = outcome.beside.map { "; beside: \($0.text)" } ?? ""
            return "passed   \(outcome.tested.name) [\(rules)]\(beside)"
        case .notRun(let reason): return "not run  \(outcome.tested.name) [\(rules)]: \(reason)"
        case .failed(let failure):
            var lines = [
                "FAILED   \(outcome.tested.name)", "  rules     \(rules)", "  file      \(outcome.tested.file)",
            ]
            lines.append("  step      \(failure.step.map { "\($0), " } ?? "")\(failure.text.prefix(500))")
            for (index, sent) in failure.sent.enumerated() {
                lines.append("  \(index == 0 ? "sent last" : "         ") \(sent)")
            }
            if let connection = failure.connection { lines.append("  on        \(connection)") }
            lines.append("  expected  \(failure.expected)")
            lines.append("  came      \(failure.came)")
            lines += failure.elsewhere.map { "  elsewhere \($0)" }
            return lines.joined(separator: "\n")
        }
    }

    private static func members(_ outcome: Outcome) -> [String: Any] {
        var members: [String: Any] = [
            "name": outcome.tested.name, "rules": outcome.tested.rules, "of": outcome.tested.tested.rawValue,
            "file": outcome.tested.file, "ms": outcome.duration.milliseconds,
        ]
        if let beside = outcome.beside { members["beside"] = beside.members }
        switch outcome.verdict {
        case .passed: members["outcome"] = "passed"
        case .notRun(let reason):
            members["outcome"] = "not run"
            members["reason"] = reason
        case .failed(let failure):
            members["outcome"] = "failed"
            members["step"] = failure.step
            members["text"] = failure.text
            members["connection"] = failure.connection
            members["sent"] = failure.sent
            members["expected"] = failure.expected
            members["came"] = failure.came
            members["elsewhere"] = failure.elsewhere
        }
        return members
    }

    private static func json(_ members: [String: Any]) -> String {
        let options: JSONSerialization.WritingOptions = [.sortedKeys, .withoutEscapingSlashes]
        let data = try? JSONSerialization.data(withJSONObject: members, options: options)
        return data.map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}

extension Latencies {
    var text: String {
        "\(count) answers, median \(median.milliseconds) ms, p99 \(percentile99.milliseconds) ms, most \(most.milliseconds) ms"
    }

    var members: [String: Any] {
        [
            "answers": count, "median_ms": median.milliseconds, "p99_ms": percentile99.milliseconds,
            "most_ms": most.milliseconds,
        ]
    }
}
