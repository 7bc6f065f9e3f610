import ArgumentParser
import BatonClient
import BatonCommandLine
import BatonProtocol

struct Artifacts: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What the relay has stored of this work: list, remove, pin or verify it.",
        subcommands: [
            ListArtifacts.self, RemoveArtifacts.self, PinArtifact.self, UnpinArtifact.self, VerifyArtifacts.self,
        ])
}

struct ListArtifacts: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "The generations that are stored of this work, or of a path of any work.")

    @ParentCommand var parent: BatonCommand
    @OptionGroup var options: GlobalOptions
    @Argument(help: "lit://WORK@PATH, or a path of this work; without one, all of this work.", completion: .file())
    var path: String?

    func run() async throws {
        let conversation = try Conversation(parent.options, options)
        let reference = try path.map { try OwnPath.parse($0) }
        try await conversation.ask(about: reference) { client throws(BatonError) in
            let items = try await client.allArtifacts(
                ArtifactsQuery(.list), of: reference ?? Reference(path: .root), within: conversation.limit)
            if items.isEmpty { conversation.remark(nothingStored) }
            let answer = ArtifactsAnswer(items, reference?.origin ?? client.work)
            conversation.show(answer) { if !items.isEmpty { print(answer.table) } }
            return 0
        }
    }
}

struct RemoveArtifacts: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Removes one generation of a path of this work, or all that are not pinned.")

    @ParentCommand var parent: BatonCommand
    @OptionGroup var options: GlobalOptions
    @OptionGroup var choice: GenerationChoice

    func run() async throws {
        try await choice.change(.remove, "removed", try Conversation(parent.options, options))
    }
}

struct PinArtifact: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pin", abstract: "Keeps a generation until it is unpinned: the newest, or the one that is named.")

    @ParentCommand var parent: BatonCommand
    @OptionGroup var options: GlobalOptions
    @OptionGroup var choice: GenerationChoice

    func run() async throws {
        try await choice.change(.pin, "pinned", try Conversation(parent.options, options))
    }
}

struct UnpinArtifact: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unpin", abstract: "Lets a generation go when its time has come, as if it had never been pinned.")

    @ParentCommand var parent: BatonCommand
    @OptionGroup var options: GlobalOptions
    @OptionGroup var choice: GenerationChoice

    func run() async throws {
        try await choice.change(.unpin, "unpinned", try Conversation(parent.options, options))
    }
}

/// Which generations are to be changed.
struct GenerationChoice: ParsableArguments {
    @Argument(help: OwnPath.help, completion: .file())
    var path: String

    @Option(help: ArgumentHelp("Which generation, as 'baton artifacts ls' numbers them.", valueName: "n"))
    var generation: UInt64?

    /// Has it done, and tells of each generation that it was done to.
    fileprivate func change(
        _ action: ArtifactsQuery.Action, _ participle: String, _ conversation: Conversation
    ) async throws {
        if generation == 0 { throw ValidationError("--generation takes 1 or more") }
        let reference = try OwnPath.parse(path)
        let query = ArtifactsQuery(action, generation: generation ?? 0)
        try await conversation.ask(about: reference) { client throws(BatonError) in
            let items = try await client.allArtifacts(query, of: reference, within: conversation.limit)
            let answer = ArtifactsAnswer(items, reference.origin ?? client.work)
            conversation.show(answer) { for item in answer.artifacts { print("\(participle) \(item.name)") } }
            return 0
        }
    }
}

struct VerifyArtifacts: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Reads what is stored of this work, or of one path, and compares it with its digests.",
        discussion: "Exit status 65 if anything is damaged. What is damaged answers nothing.")

    @ParentCommand var parent: BatonCommand
    @OptionGroup var options: GlobalOptions
    @Argument(help: OwnPath.help, completion: .file())
    var path: String?

    func run() async throws {
        let conversation = try Conversation(parent.options, options)
        let reference = try path.map { try OwnPath.parse($0) }
        try await conversation.ask(about: reference) { client throws(BatonError) in
            let items = try await client.allArtifacts(
                ArtifactsQuery(.verify), of: reference ?? Reference(path: .root), within: conversation.transferLimit)
            if items.isEmpty { conversation.remark(nothingStored) }
            let answer = ArtifactsAnswer(items, reference?.origin ?? client.work)
            let damaged = answer.artifacts.filter(\.damaged)
            conversation.show(answer) {
                for item in conversation.isQuiet ? damaged : answer.artifacts {
                    print("\(item.name): \(item.damaged ? "damaged" : "intact")")
                }
            }
            return damaged.isEmpty ? 0 : ErrorCode.corrupt.exitStatus
        }
    }
}

/// Of a path of which nothing is stored, the relay says so itself.
let nothingStored = "the relay has nothing stored of this work"
