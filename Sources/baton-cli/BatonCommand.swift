import ArgumentParser
import BatonCommandLine
import BatonProtocol

@main
struct BatonCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "baton",
        abstract: "Asks this machine's agent about files of other works, gets them, and has the own ones kept.",
        discussion: """
            A reference is lit://WORK@PATH; without WORK@ it means a path of this work. Exit status: 0 done, 1 'exists' \
            says no, 64 usage, 65 changed or corrupt, 66 not found, 69 out of reach, 70 internal, 73 destination, \
            75 try again, 77 not shared or not permitted.
            """,
        version: batonVersion,
        subcommands: [
            Exists.self, Stat.self, List.self, Get.self, Share.self, Persist.self, Restore.self, Artifacts.self,
            Ping.self,
        ])

    @OptionGroup var options: GlobalOptions

    static func main() async {
        await Program.run(BatonCommand.self) { message in
            // The words could not be read, so neither could the flags among them: look for this one by hand.
            guard CommandLine.arguments.contains("--json") || (try? Fallback.flag("BATON_JSON")) == true else {
                return false
            }
            print(JSON.text(ErrorReport(error: .init(BatonError(.usage, message), path: nil))))
            return true
        }
    }
}

/// Flags that stand before or after the subcommand.
struct GlobalOptions: ParsableArguments {
    @Option(help: "The agent's socket. [$BATON_SOCKET, or .baton/agent.sock here or above]", completion: .file())
    var socket: String?

    @Flag(help: "Print one JSON object on stdout. [$BATON_JSON]")
    var json = false

    @Flag(help: "No progress, no remarks: get and restore print nothing but where the copy lies. [$BATON_QUIET]")
    var quiet = false

    @Option(
        help:
            "Seconds to wait for an answer: 30, for a transfer without a limit but 30 seconds without progress. [$BATON_TIMEOUT]"
    )
    var timeout: Int?
}
