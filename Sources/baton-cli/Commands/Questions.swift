import ArgumentParser
import BatonClient
import BatonProtocol

struct Exists: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Is there something at the path, at its origin, now? Exit status 0: yes, 1: no.")

    @ParentCommand var parent: BatonCommand
    @OptionGroup var options: GlobalOptions
    @Argument(help: "lit://WORK@PATH") var reference: String

    func run() async throws {
        let reference = try parseReference(reference)
        let conversation = try Conversation(parent.options, options)
        try await conversation.ask(about: reference) { client throws(BatonError) in
            let (exists, source) = try await client.exists(reference, within: conversation.limit)
            let answer = ExistsAnswer(reference, client.work, exists, source)
            conversation.print(json: answer, orLine: exists ? "yes (\(source.text))" : "no")
            return exists ? 0 : 1
        }
    }
}

private struct ExistsAnswer: Encodable {
    let path: String
    let origin: String
    let exists: Bool
    let source: String
    let generation: UInt64?

    init(_ reference: Reference, _ own: WorkName, _ exists: Bool, _ source: AnswerSource) {
        path = reference.description
        origin = (reference.origin ?? own).description
        self.exists = exists
        self.source = source.name
        generation = source.generation
    }
}

struct Stat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Kind, size, times and, if asked, the digest of a path.")

    @ParentCommand var parent: BatonCommand
    @OptionGroup var options: GlobalOptions
    @Argument(help: "lit://WORK@PATH") var reference: String
    @Flag(help: "Also the SHA-256 of a file, or the digest of a tree (chapter 11 of Protocol/).") var digest = false

    func run() async throws {
        let reference = try parseReference(reference)
        let conversation = try Conversation(parent.options, options)
        let digest = digest
        try await conversation.ask(about: reference) { client throws(BatonError) in
            let limit = digest ? conversation.transferLimit : conversation.limit
            let status = try await client.stat(reference, digest: digest, within: limit)
            let answer = StatAnswer(reference, client.work, status)
            conversation.print(json: answer, orLine: answer.lines)
            return 0
        }
    }
}

private struct StatAnswer: Encodable {
    let path: String
    let origin: String
    let kind: String
    let bytes: UInt64
    let files: UInt64
    let mode: String
    let mtime: String
    let source: String
    let generation: UInt64?
    let digest: String?

    init(_ reference: Reference, _ own: WorkName, _ status: PathStatus) {
        path = reference.description
        origin = (reference.origin ?? own).description
        kind = status.kind.name
        bytes = status.size
        files = status.files
        mode = status.mode.octal
        mtime = status.modified.text
        source = status.source.name
        generation = status.source.generation
        digest = status.digest.isEmpty ? nil : Amounts.hexadecimal(status.digest)
    }

    var lines: String {
        var lines = [
            "\(path): \(kind), \(Amounts.bytes(bytes)) (\(bytes) bytes) in \(Amounts.files(files)) (\(AnswerSource.text(source, generation)))",
            "mode \(mode), modified \(mtime)",
        ]
        if let digest { lines.append("sha256 \(digest)") }
        return lines.joined(separator: "\n")
    }
}

struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "ls", abstract: "The entries of a directory.")

    @ParentCommand var parent: BatonCommand
    @OptionGroup var options: GlobalOptions
    @Argument(help: "lit://WORK@PATH") var reference: String
    @Flag(name: .shortAndLong, help: "Modes, sizes and times, too.") var long = false

    func run() async throws {
        let reference = try parseReference(reference)
        let conversation = try Conversation(parent.options, options)
        let long = long
        try await conversation.ask(about: reference) { client throws(BatonError) in
            var items: [Listing.Item] = []
            var source: AnswerSource?
            var more = true
            while more {
                let listing = try await client.list(
                    reference, after: items.last?.name ?? [], within: conversation.limit)
                guard source == nil || source == listing.source else {
                    let message = "\(reference) was answered by another copy before all of it was listed; list it again"
                    throw BatonError(.changed, message, path: reference.path)
                }
                source = listing.source
                items += listing.items
                more = listing.more && !listing.items.isEmpty
                if conversation.isJSON { continue }
                for item in listing.items { print(ListedItem(item, reference).line(long)) }
            }
            let answer = ListAnswer(reference, source ?? .live, items)
            if conversation.isJSON { print(JSON.text(answer)) } else { conversation.remark(answer.remark) }
            return 0
        }
    }
}

private struct ListAnswer: Encodable {
    let path: String
    let source: String
    let generation: UInt64?
    let entries: [ListedItem]

    init(_ reference: Reference, _ source: AnswerSource, _ items: [Listing.Item]) {
        path = reference.description
        self.source = source.name
        generation = source.generation
        entries = items.map { ListedItem($0, reference) }
    }

    /// Beside the names on stdout, which scripts read.
    var remark: String? { generation.map { "this is what is stored, generation \($0)" } }
}

private struct ListedItem: Encodable {
    let name: String
    let kind: String
    let bytes: UInt64
    let mode: String
    let mtime: String

    init(_ item: Listing.Item, _ listed: Reference) {
        // The name is empty if what was listed is no directory: then it is the thing itself.
        name = Escaping.encode(item.name.isEmpty ? Array(listed.path.name) : item.name)
        kind = item.kind.name
        bytes = item.size
        mode = item.mode.octal
        mtime = item.modified.text
    }

    func line(_ long: Bool) -> String {
        let mark = kind == "directory" ? "/" : ""
        guard long else { return name + mark }
        return "\(mode) \(kind.padded(9))\(String(bytes).padded(toEnd: 14)) \(mtime) \(name)\(mark)"
    }
}
