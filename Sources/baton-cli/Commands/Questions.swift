import ArgumentParser
import Baton
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
            conversation.print(json: answer, orLine: exists ? "yes (\(source.name))" : "no")
            return exists ? 0 : 1
        }
    }
}

private struct ExistsAnswer: Encodable {
    let path: String
    let origin: String
    let exists: Bool
    let source: String

    init(_ reference: Reference, _ own: WorkName, _ exists: Bool, _ source: AnswerSource) {
        path = reference.description
        origin = (reference.origin ?? own).description
        self.exists = exists
        self.source = source.name
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
        digest =
            status.digest.isEmpty ? nil : status.digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    var lines: String {
        var lines = [
            "\(path): \(kind), \(Amounts.bytes(bytes)) (\(bytes) bytes) in \(Amounts.files(files)), answered \(source)",
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
            var more = true
            while more {
                let listing = try await client.list(
                    reference, after: items.last?.name ?? [], within: conversation.limit)
                items += listing.items
                more = listing.more && !listing.items.isEmpty
                if conversation.isJSON { continue }
                for item in listing.items { print(ListedItem(item, reference).line(long)) }
            }
            if conversation.isJSON {
                let answer = ListAnswer(path: reference.description, entries: items.map { ListedItem($0, reference) })
                print(JSON.text(answer))
            }
            return 0
        }
    }
}

private struct ListAnswer: Encodable {
    let path: String
    let entries: [ListedItem]
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
        let size = String(bytes)
        let room = String(repeating: " ", count: max(0, 14 - size.count))
        return "\(mode) \(kind.padding(9))\(room)\(size) \(mtime) \(name)\(mark)"
    }
}

extension String {
    fileprivate func padding(_ width: Int) -> String {
        self + String(repeating: " ", count: Swift.max(0, width - count))
    }
}
