internal import ArgumentParser
internal import Foundation
internal import Glibc

/// Runs the cases of `Protocol/` against any relay or agent. It shares no code with Baton's own.
@main
struct Conformance: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "baton-conformance",
        abstract: "Checks a relay or an agent against the cases of the protocol.",
        discussion: """
            Against a relay it plays agents, against an agent the relay. The directory of certificates has a \
            subdirectory for each peer, as Protocol/conformance/README.md says. The exit status is 0 if all cases \
            passed, 1 if one failed, 64 if a case or the command line cannot be used, no case matches, or nothing at \
            --relay speaks the protocol.
            """)

    @Option(help: ArgumentHelp("The relay to check.", valueName: "host:port"))
    var relay: String?

    @Flag(help: "Check an agent: the command after -- starts it.")
    var agent = false

    @Option(help: "Directory with the certificates of all peers.", completion: .directory)
    var certs: String?

    @Option(help: "Directory with cases; repeat for more. Protocol/conformance and Protocol/hostile if not given.")
    var cases: [String] = []

    @Option(help: "Directory with layouts.json, errors.json and the vectors. Protocol/vectors if not given.")
    var vectors = "Protocol/vectors"

    @Flag(help: "Leave the vectors out.")
    var noVectors = false

    @Option(help: "Only cases of this rule, or with this in their name or file; repeat for more.")
    var filter: [String] = []

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("Run the cases again and again until the time is over.", valueName: "seconds"))
    var seconds: Int?

    @Flag(help: "Nothing beside the cases, and no look afterwards whether what is tested still answers.")
    var alone = false

    @Option(
        help:
            """
            What has to come may take so many times as long, beside a case and as a whole, too: for a busy machine. Above 1 cases that need \
            a quiet one are not run.
            """)
    var patience = 1

    @Flag(help: "One JSON object a line.")
    var json = false

    @Flag(help: "List the cases and run none.")
    var list = false

    @Argument(parsing: .postTerminator, help: "The tested program and its arguments, after --.")
    var command: [String] = []

    static func main() {
        // A peer that has gone is an error of the next write to it, not the runner's end.
        signal(SIGPIPE, SIG_IGN)
        Interruption.watch()
        raiseDescriptorLimit()
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let error as CaseError {
            FileHandle.standardError.write(Data("baton-conformance: \(error)\n".utf8))
            Foundation.exit(64)
        } catch is Interruption {
            Foundation.exit(130)
        } catch {
            exit(withError: error)
        }
    }

    /// A crowd needs many.
    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(resource, &limit)
    }

    func run() throws {
        let layouts = try Layouts(vectors: vectors)
        let matching = try readCases(layouts).filter(matchesFilter)
        guard !matching.isEmpty else {
            throw CaseError("no case matches \(filter.joined(separator: ", ")); --list shows all there are")
        }
        let chosen = matching.filter { list || ($0.tested == .agent) == agent }
        var report = Report(isJSON: json)
        if list { return report.list(chosen) }
        guard let certs else { throw ValidationError("say --certs DIR") }
        guard access("\(certs)/alpha/ca.pem", R_OK) == 0 else {
            throw CaseError("'\(certs)' has no certificates of peers; Scripts/conformance-certificates DIR makes them")
        }
        guard 1...1000 ~= patience else { throw ValidationError("--patience is a number from 1 to 1000") }
        let counterpart = try counterpart(certs)
        let runner = CaseRunner(
            layouts, certificates: certs, counterpart: counterpart, isAlone: alone, patience: patience)
        if let relay, !alone, let failure = try runner.greeting() {
            let came = "expected \(failure.expected), came \(failure.came)"
            throw CaseError("no relay with which a work can begin a session is at \(relay): \(came)")
        }
        let end = ContinuousClock.now + .seconds(seconds ?? 0)
        repeat {
            for one in chosen { report.add(try runner.run(one)) }
        } while !chosen.isEmpty && ContinuousClock.now < end
        report.end()
        if !report.isClean { throw ExitCode(1) }
    }

    /// Of relays and of agents.
    private func readCases(_ layouts: Layouts) throws -> [Case] {
        let directories = cases.isEmpty ? ["Protocol/conformance", "Protocol/hostile"] : cases
        let written = try CaseFiles.read(directories, layouts)
        if noVectors { return written }
        return try written
            + [Case.Tested.relay, .agent].flatMap { try VectorCases(tested: $0, layouts: layouts).read(vectors) }
    }

    private func matchesFilter(_ one: Case) -> Bool {
        filter.isEmpty
            || filter.contains { one.name.contains($0) || one.rules.contains($0) || one.file.contains($0) }
    }

    private func counterpart(_ certs: String) throws -> Counterpart {
        if agent {
            guard !command.isEmpty else { throw ValidationError("say after -- how the agent is started") }
            return try Counterpart(agent: command, certificates: certs)
        }
        guard relay == nil || command.isEmpty else {
            throw ValidationError("either --relay or, after --, how the relay is started")
        }
        guard relay != nil || !command.isEmpty else {
            throw ValidationError("say --relay HOST:PORT, or after -- how the relay is started, or --agent")
        }
        let address = relay.flatMap { Address($0) }
        if let relay, address == nil { throw ValidationError("'\(relay)' is not HOST:PORT") }
        return try Counterpart(relay: address, command: command, certificates: certs)
    }
}
