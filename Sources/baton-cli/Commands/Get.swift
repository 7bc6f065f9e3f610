import ArgumentParser
import BatonClient
import BatonCommandLine
import BatonProtocol

struct Get: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Copies what is at the path to this machine.",
        discussion: """
            The destination changes in one step: whoever reads it sees all of the old content or all of the new. Without \
            DEST the copy lies in the agent's own place, which is printed. A get that is interrupted goes on by itself when \
            the connection is back, and one that failed half way goes on when it is repeated.
            """)

    @ParentCommand var parent: BatonCommand
    @OptionGroup var options: GlobalOptions
    @Argument(help: "lit://WORK@PATH") var reference: String
    @Argument(
        help: "The copy itself; with a / at its end, or . or ..: the directory to put it in.", completion: .file())
    var destination: String?
    @OptionGroup var transfer: TransferOptions

    func run() async throws {
        let reference = try parseReference(reference)
        let conversation = try Conversation(parent.options, options)
        let place = Request.Destination(
            path: try destination.map { try Destination.resolve($0, source: reference) } ?? .root,
            overwrite: try transfer.overwrite || Fallback.flag("BATON_OVERWRITE"),
            attributes: try transfer.xattrs || Fallback.flag("BATON_XATTRS"),
            strict: try transfer.strict || Fallback.flag("BATON_STRICT"),
            durable: try transfer.durable || Fallback.flag("BATON_DURABLE"),
            storedOnly: try transfer.stored || Fallback.flag("BATON_STORED"), wait: try transfer.waitMilliseconds(),
            stall: try transfer.stallMilliseconds())
        try await conversation.ask(about: reference) { client throws(BatonError) in
            let answer = try await conversation.get(reference, to: place, from: client)
            conversation.show(answer) { answer.show(isQuiet: conversation.isQuiet) }
            return 0
        }
    }
}

extension Conversation {
    /// Gets and, on a terminal, shows how far it is.
    func get(
        _ reference: Reference, to place: Request.Destination, from client: AgentClient
    ) async throws(BatonError) -> GetAnswer {
        let began = ContinuousClock.now
        let (limit, transferLimit) = (limit, transferLimit)
        let fetched = try await showingProgress(total: {
            // A walk at the origin; what is stored is not asked about while the work is there.
            guard !place.storedOnly else { return nil }
            return try? await client.stat(reference, digest: false, within: limit).size
        }) { onProgress throws(BatonError) in
            try await client.get(reference, to: place, within: transferLimit, onProgress: onProgress)
        }
        return GetAnswer(reference, client.work, fetched, (ContinuousClock.now - began).seconds)
    }
}

enum Destination {
    /// Where the copy is to lie, absolute. A trailing slash, `.` and `..` mean: inside, under the source's name.
    static func resolve(_ text: String, source: Reference) throws -> PathName {
        guard !text.isEmpty else { throw ValidationError("the destination is empty") }
        var path = text
        let last =
            text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).last ?? Substring().utf8
        if ["", ".", ".."].contains(String(Substring(last))) {
            let name = source.path.name.isEmpty ? Array((source.origin?.description ?? "").utf8)[...] : source.path.name
            guard !name.isEmpty else { throw ValidationError("the source has no name; name the copy itself") }
            return try resolve(Array((path + "/").utf8) + name)
        }
        path = text
        return try resolve(Array(path.utf8))
    }

    private static func resolve(_ bytes: [UInt8]) throws -> PathName {
        var absolute = bytes
        if bytes.first != UInt8(ascii: "/") {
            guard let directory = WorkingDirectory.bytes else { throw ValidationError("the working directory is gone") }
            absolute = directory + [UInt8(ascii: "/")] + bytes
        }
        do { return try PathName(resolving: absolute) } catch { throw ValidationError("\(error)") }
    }
}
