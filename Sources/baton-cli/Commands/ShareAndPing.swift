import ArgumentParser
import BatonClient
import BatonCommandLine
import BatonProtocol

struct Share: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Declares a path of this work: from now on other works of the app can get it.")

    @ParentCommand var parent: BatonCommand
    @OptionGroup var options: GlobalOptions
    @Argument(help: "lit://PATH, or a path in the file system. It need not exist yet.", completion: .file())
    var path: String

    func run() async throws {
        let conversation = try Conversation(parent.options, options)
        let reference = try OwnPath.parse(path)
        guard reference.origin == nil else {
            throw ValidationError("a work shares its own paths only: leave out WORK@ in \(reference)")
        }
        try await conversation.ask(about: reference) { client throws(BatonError) in
            let shared = try await client.share(reference.path, within: conversation.limit)
            let answer = ShareAnswer(
                path: Reference(origin: shared.origin, path: shared.path).description, origin: "\(shared.origin)",
                exists: shared.exists)
            conversation.print(json: answer, orLine: answer.path + (answer.exists ? "" : " (does not exist yet)"))
            return 0
        }
    }
}

private struct ShareAnswer: Encodable {
    let path: String
    let origin: String
    let exists: Bool
}

struct Ping: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "How long an answer takes: from the relay, or from a work by way of the relay.")

    @ParentCommand var parent: BatonCommand
    @OptionGroup var options: GlobalOptions
    @Argument(help: "The work; without one, the relay itself.") var work: String?

    func run() async throws {
        let conversation = try Conversation(parent.options, options)
        let work: WorkName?
        do { work = try self.work.map { try WorkName($0) } } catch { throw ValidationError("\(error)") }
        try await conversation.ask(about: nil) { client throws(BatonError) in
            let began = ContinuousClock.now
            try await client.ping(work, within: conversation.limit)
            let milliseconds = (ContinuousClock.now - began).seconds * 1000
            let answer = PingAnswer(work: work?.description, milliseconds: (milliseconds * 1000).rounded() / 1000)
            let who = work.map { "work '\($0)'" } ?? "the relay"
            conversation.print(json: answer, orLine: "\(who) answered in \(answer.milliseconds) ms")
            return 0
        }
    }
}

private struct PingAnswer: Encodable {
    let work: String?
    let milliseconds: Double
}
